/**
 * The person whose data a client holds: its end when that person signs out, in whatever tab. A file of its own, loaded beside the
 * first requests.
 * @module
 */
import type { SessionError } from './errors.js';
import type { Link } from './link.js';
import { record } from './keeper/protocol.js';

/** Node's channels keep the process alive unless they are told not to. */
type Channel = BroadcastChannel & { unref?(): void };

/** What the core entry has already. */
export interface Kit {
  refused(code: string, message: string, hint: string): SessionError;
}

/** Speaks with the other clients of the same server in this browser. */
export class Person {
  readonly #link: Link;
  readonly #kit: Kit;
  readonly #channel: Channel | undefined;

  constructor(link: Link, kit: Kit) {
    this.#link = link;
    this.#kit = kit;
    const { requests } = link;
    this.#channel = open(`opencode-session ${requests.base}`);
    if (this.#channel !== undefined) this.#channel.onmessage = ({ data }) => void this.#hear(data);
    // A browser has one set of cookies for a server: those of this person took the place of another's.
    if (requests.isByCookie) void this.#tell('here', this.#who());
  }

  /** Ends this client, and with it all that the person has here and in other tabs. */
  async signOut(): Promise<void> {
    const who = this.#who();
    this.#end();
    await this.#tell('signed-out', who);
    await this.#forget(await who);
  }

  close(): void {
    this.#channel?.close();
  }

  /** Begun before the end, with which the credentials go. */
  #who(): Promise<string | undefined> {
    return this.#link.requests.owner().catch(() => undefined);
  }

  async #tell(type: 'here' | 'signed-out', whose: Promise<string | undefined>): Promise<void> {
    const who = await whose;
    if (who === undefined) return;
    // One of its own: this client may be closed already.
    const channel = open(`opencode-session ${this.#link.requests.base}`);
    channel?.postMessage({ type, who });
    channel?.close();
  }

  async #hear(data: unknown): Promise<void> {
    const { type, who } = record(data) ?? {};
    const { isByCookie } = this.#link.requests;
    if (typeof who !== 'string' || (type !== 'signed-out' && !(type === 'here' && isByCookie))) return;
    const own = await this.#who();
    // What is kept of one whose cookies were replaced stays for their return.
    const isOver = type === 'here' ? who !== own : who === own;
    if (own === undefined || !isOver) return;
    this.#end();
    await (type === 'here' ? this.#link.keeper?.forget(own) : this.#forget(own))?.catch(() => {
      this.#link.log(2, 'sign_out_failed', 'Another tab signed out, and what this browser kept could not be removed.');
    });
  }

  #end(): void {
    this.#link.signOut(this.#kit.refused('signed_out', 'The person of this client has signed out.', 'Make a new client once somebody has signed in.'));
    this.close();
  }

  async #forget(who: string | undefined): Promise<void> {
    const { journal, keeper } = this.#link;
    try {
      await Promise.all([journal?.erase(who), who === undefined ? undefined : keeper?.forget(who)]);
    } catch {
      throw this.#kit.refused('sign_out_failed', 'What this browser keeps for the person could not be removed.', 'Sign out again, or clear the data of this site in the browser.');
    }
  }
}

/** `undefined` where tabs cannot speak with each other. */
function open(name: string): Channel | undefined {
  try {
    const channel: Channel = new BroadcastChannel(name);
    channel.unref?.();
    return channel;
  } catch {
    return undefined;
  }
}
