/**
 * Without a service worker: one tab leads and shares its stream with the others. Web Locks say which, a broadcast
 * channel carries the bytes. Credentials never leave a tab: the channel's name, made from them, is what tabs share.
 * @module
 */
import { Hub } from './hub.js';
import { type AuthHeader, readAnswer, record, type StreamSink, type StreamSource, type Target, text, uniqueId } from './protocol.js';

/** Waits of a {@link LeaderPort}, milliseconds. */
export interface LeaderTimes {
  /** For an answer. */
  readonly answer: number;
  /** Between two pings. */
  readonly ping: number;
}

const TIMES: LeaderTimes = { answer: 2_500, ping: 15_000 };
const HOLDING = { linger: 60_000, patience: 300_000 };
/** A follower not heard of for so long is gone; hidden tabs ping once a minute. */
const LAPSE = 150_000;
/** Makes guessing a password from the channel's name slow, milliseconds well spent once per page. */
const ROUNDS = 100_000;

/** Reads a stream that the tabs of this browser share. */
export class LeaderPort implements StreamSource {
  readonly #base: string;
  readonly #times: LeaderTimes;
  #team: Team | undefined;
  #opening = 0;
  #sink: StreamSink | undefined;

  constructor(base: string, times: Partial<LeaderTimes> = {}) {
    this.#base = base;
    this.#times = { ...TIMES, ...times };
  }

  open(path: string, auth: AuthHeader | undefined, position: string | undefined, sink: StreamSink): void {
    this.#team?.detach();
    this.#sink = sink;
    this.#opening += 1;
    void this.#join({ base: this.#base, path, auth }, position, sink, this.#opening);
  }

  close(): void {
    this.#opening += 1;
    this.#sink = undefined;
    this.#team?.detach();
  }

  async #join(target: Target, position: string | undefined, sink: StreamSink, opening: number): Promise<void> {
    const name = await teamName(target);
    if (opening !== this.#opening) return;
    if (name === undefined) return this.#sink?.closed(4);
    if (this.#team?.name !== name || this.#team.isOver) {
      this.#team?.leave();
      this.#team = new Team(name, target, this.#times);
    }
    await this.#team.joined;
    if (opening === this.#opening) this.#team.attach(position, sink);
  }
}

/** The tabs that share one stream; this tab follows or leads. */
class Team {
  readonly name: string;
  /** Settled once it is known whether this tab leads. */
  readonly joined: Promise<void>;
  readonly #target: Target;
  readonly #times: LeaderTimes;
  readonly #channel: BroadcastChannel;
  readonly #waiting = new AbortController();
  #hub: Hub | undefined;
  #resign: () => void = () => undefined;
  #sink: StreamSink | undefined;
  #id = '';
  #over = false;
  #late: ReturnType<typeof setTimeout> | undefined;
  #pings: ReturnType<typeof setInterval> | undefined;

  constructor(name: string, target: Target, times: LeaderTimes) {
    this.name = name;
    this.#target = target;
    this.#times = times;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#take(data);
    this.joined = new Promise((resolve) => {
      void navigator.locks.request(name, { ifAvailable: true }, (lock) => {
        resolve();
        return lock === null ? undefined : this.#lead();
      }).then(() => this.#queue());
    });
  }

  get isOver(): boolean {
    return this.#over;
  }

  attach(position: string | undefined, sink: StreamSink): void {
    this.#sink = sink;
    this.#id = uniqueId();
    if (this.#hub !== undefined) return this.#hub.attach(this.#id, this.#target, position, sink);
    this.#channel.postMessage({ type: 'attach', from: this.#id, position });
    this.#await();
  }

  /** The reader of this tab goes. The tab leads on as long as others read through it. */
  detach(): void {
    if (this.#sink === undefined) return;
    this.#rest();
    if (this.#hub === undefined) this.#channel.postMessage({ type: 'detach', from: this.#id });
    else this.#hub.detach(this.#id);
  }

  /** This tab has no part in it any more. */
  leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.detach();
    this.#waiting.abort();
    this.#hub?.close();
    this.#resign();
    this.#channel.close();
  }

  /** The next in line leads when the leader goes. */
  #queue(): void {
    if (this.#over) return;
    navigator.locks.request(this.name, { signal: this.#waiting.signal }, () => this.#lead()).catch(() => undefined);
  }

  async #lead(): Promise<void> {
    if (this.#over) return;
    this.#hub = new Hub(HOLDING, LAPSE, () => this.leave());
    // Whoever read through the leader before comes again.
    this.#channel.postMessage({ type: 'lead' });
    this.#end(0);
    await new Promise<void>((resolve) => {
      this.#resign = resolve;
    });
  }

  #take(data: unknown): void {
    const fields = record(data);
    if (fields === undefined) return;
    if (this.#hub !== undefined) return this.#serve(this.#hub, fields);
    if (fields['type'] === 'lead') return this.#end(0);
    if (this.#sink === undefined || fields['to'] !== this.#id) return;
    const answer = readAnswer(fields['data']);
    if (answer instanceof Uint8Array) return this.#sink.bytes(answer);
    switch (answer?.type) {
      case 'here':
        this.#answered();
        this.#pings = setInterval(() => this.#ping(), this.#times.ping);
        return;
      case 'open':
        return this.#sink.opened(answer.status, answer.contentType, answer.retryAfter);
      case 'close':
        return this.#end(answer.cause);
      case 'known':
        this.#answered();
        if (!answer.known) this.#end(0);
        return;
      default:
    }
  }

  /** What a follower asks of this tab. */
  #serve(hub: Hub, { type, from, position }: Record<string, unknown>): void {
    const to = text(from);
    if (to === undefined) return;
    const answer = (data: unknown): void => {
      if (!this.#over) this.#channel.postMessage({ to, data });
    };
    if (type === 'ping') answer({ type: 'known', known: hub.ping(to) });
    else if (type === 'detach') hub.detach(to);
    else if (type === 'attach') {
      answer({ type: 'here' });
      hub.attach(to, this.#target, text(position), {
        opened: (status, contentType, retryAfter) => answer({ type: 'open', status, contentType, retryAfter }),
        bytes: (chunk) => answer(chunk.buffer),
        closed: (cause) => answer({ type: 'close', cause }),
      });
    }
  }

  #ping(): void {
    if (this.#late !== undefined) return;
    this.#channel.postMessage({ type: 'ping', from: this.#id });
    this.#await();
  }

  /** No answer: the leader sleeps, or goes. */
  #await(): void {
    this.#late = setTimeout(() => this.#end(4), this.#times.answer);
  }

  #answered(): void {
    clearTimeout(this.#late);
    this.#late = undefined;
  }

  #end(cause: number): void {
    const sink = this.#sink;
    this.#rest();
    sink?.closed(cause);
  }

  #rest(): void {
    this.#sink = undefined;
    this.#answered();
    clearInterval(this.#pings);
  }
}

/** What tabs with the same server, path and credentials arrive at, and nobody else; `undefined` where tabs cannot share. */
async function teamName({ base, path, auth }: Target): Promise<string | undefined> {
  const able = 'BroadcastChannel' in globalThis && globalThis.navigator?.locks && globalThis.crypto?.subtle;
  if (!able) return undefined;
  const encode = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));
  const key = await crypto.subtle.importKey('raw', encode([auth?.name, auth?.value]), 'PBKDF2', false, ['deriveBits']);
  const salt = encode(['opencode-session', base, path]);
  const bits = await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations: ROUNDS }, key, 128);
  return `opencode-session-${Array.from(new Uint8Array(bits), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
