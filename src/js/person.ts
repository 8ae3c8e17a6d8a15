/**
 * The person whose data a client holds: its end when that person signs out, in whatever tab, or when another one takes their place.
 * @module
 */
import type { SessionError } from './errors.js';
import { record } from './keeper/protocol.js';
import type { Link } from './link.js';

/** Node's channels keep the process alive unless they are told not to. */
type Channel = BroadcastChannel & { unref?(): void };

/** How a client hears of the others of the same server in this browser. */
export interface Tabs {
  readonly channel: Channel;
  /** What they said before there was a client to hear it. */
  readonly missed: unknown[];
  /** When `createClient` was called, milliseconds since 1970. */
  readonly since: number;
}

/** Makes an error. */
type Refused = (code: string, message: string, hint: string) => SessionError;

/** For so many milliseconds a client takes the word of another that it was made earlier. Later, a clock that was set back could say so. */
const AT_ONCE = 10_000;

/** Speaks with the other clients of the same server in this browser. */
export class Person {
  readonly #link: Link;
  readonly #tabs: Tabs | undefined;
  readonly #refused: Refused;
  readonly #made = performance.now();

  constructor(link: Link, tabs: Tabs | undefined, refused: Refused) {
    this.#link = link;
    this.#tabs = tabs;
    this.#refused = refused;
    if (tabs === undefined) return;
    tabs.channel.unref?.();
    tabs.channel.onmessage = ({ data }) => void this.#hear(data);
    for (const data of tabs.missed.splice(0)) void this.#hear(data);
    // A browser has one set of cookies for a server: those of this person took the place of another's.
    if (link.requests.isByCookie) void this.#arrive();
  }

  /** Ends this client, and with it all that the person has here and in other tabs. */
  async signOut(): Promise<void> {
    // Begun before the end, with which the credentials go.
    const whose = this.#link.requests.owner();
    this.#end();
    try {
      const who = await whose;
      this.#tell({ type: 'signed-out', who: this.#name(who) });
      await this.#forget(who);
    } catch {
      throw this.#refused(
        'sign_out_failed', 'What this browser keeps for the person could not be removed.',
        'Make a client with auth that answers, or with an identity, and sign out again; or clear the data of this site in the browser.',
      );
    }
  }

  close(): void {
    this.#tabs?.channel.close();
  }

  async #arrive(): Promise<void> {
    const who = await this.#who();
    if (who !== undefined && !this.#link.isClosed) this.#tell({ type: 'here', who, since: this.#tabs?.since });
  }

  #tell(message: object): void {
    if (this.#tabs === undefined) return;
    // One of its own: that of a client that was closed is closed.
    const channel = new BroadcastChannel(this.#tabs.channel.name);
    channel.postMessage(message);
    channel.close();
  }

  async #hear(data: unknown): Promise<void> {
    const { type, who, since } = record(data) ?? {};
    const isArrival = type === 'here' && this.#link.requests.isByCookie;
    if (typeof who !== 'string' || !(isArrival || type === 'signed-out')) return;
    const own = await this.#who();
    if (own === undefined || this.#link.isClosed || (who === own) === isArrival || (isArrival && this.#isAfter(own, since, who))) return;
    const kept = await this.#link.requests.owner();
    this.#end();
    // What is kept of one whose cookies were replaced stays for their return.
    await this.#forget(kept, isArrival).catch(() => {
      this.#link.log(2, 'sign_out_failed', 'Another tab signed out, and what this browser kept could not be removed.');
    });
  }

  /** Of two that are made at the same time one stays: the later one. */
  #isAfter(own: string, since: unknown, who: string): boolean {
    const made = this.#tabs?.since ?? 0;
    return typeof since === 'number' && performance.now() - this.#made < AT_ONCE && (since < made || (since === made && who < own));
  }

  /** `undefined`: the credentials are not to be had. */
  async #who(): Promise<string | undefined> {
    try {
      return this.#name(await this.#link.requests.owner());
    } catch {
      return undefined;
    }
  }

  /** A name that is only spoken, never kept. Where there is no cryptography for one, all who send credentials have the same. */
  #name(owner: string | undefined): string {
    return owner ?? `of this page ${this.#link.requests.identity ?? ''}`;
  }

  #end(): void {
    this.close();
    this.#link.signOut(this.#refused('signed_out', 'The person of this client has signed out.', 'Make a new client once somebody has signed in.'));
  }

  /** `isAway`: they will come back, and find their records. */
  async #forget(who: string | undefined, isAway = false): Promise<void> {
    const { journal, keeper } = this.#link;
    await Promise.all([isAway ? undefined : journal?.erase(who), who === undefined ? undefined : keeper?.forget(who)]);
  }
}
