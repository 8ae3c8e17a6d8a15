/**
 * Without a service worker: one tab leads and shares its stream with the others. Web Locks say which, a broadcast
 * channel carries the bytes. Credentials never leave a tab: the channel's name, made from them, is what tabs share.
 * @module
 */
import init from './core/keeper.js';
import bytes from './core/keeper.wasm';
import { digest } from '../identity.js';
import { Hub } from './hub.js';
import { readAnswer, record, type StreamSink, type StreamSource, type Target, text, uniqueId, type Whose } from './protocol.js';

/** Waits of a {@link LeaderPort}, milliseconds. */
export interface LeaderTimes {
  /** A follower not heard of for so long is gone; hidden tabs ping once a minute. */
  readonly lapse: number;
  /** For an answer. */
  readonly answer: number;
  /** Between two pings. */
  readonly ping: number;
}

const TIMES: LeaderTimes = { answer: 2_500, ping: 15_000, lapse: 150_000 };
const HOLDING = { linger: 60_000, patience: 300_000 };

let loading: Promise<unknown> | undefined;

/** Reads a stream that the tabs of this browser share. */
export class LeaderPort implements StreamSource {
  readonly #base: string;
  readonly #times: LeaderTimes;
  readonly #identity: string | undefined;
  #team: Team | undefined;
  #opening = 0;
  #sink: StreamSink | undefined;

  constructor(base: string, times: Partial<LeaderTimes> = {}, identity?: string) {
    this.#identity = identity;
    this.#base = base;
    this.#times = { ...TIMES, ...times };
  }

  open(path: string, whose: Whose, position: string | undefined, sink: StreamSink): void {
    this.#team?.detach();
    this.#sink = sink;
    this.#opening += 1;
    const opening = this.#opening;
    this.#join({ base: this.#base, path, identity: this.#identity, ...whose }, position, sink, opening).catch(() => {
      // A sandboxed frame has the names of what tabs share by, and may use none of it.
      if (opening === this.#opening) sink.closed(4);
    });
  }

  close(): void {
    this.#opening += 1;
    this.#sink = undefined;
    this.#team?.detach();
  }

  rest(resting: boolean): void {
    this.#team?.rest(resting);
  }

  /** Each tab is told of a sign-out by itself, and leaves. */
  async forget(): Promise<void> {
    this.close();
    this.#team?.leave();
  }

  async #join(target: Target, position: string | undefined, sink: StreamSink, opening: number): Promise<void> {
    loading ??= init({ module_or_path: bytes });
    const name = await teamName(target).catch(() => undefined);
    // Any follower may lead one day.
    const able = await loading.then(() => name !== undefined, () => false);
    if (opening !== this.#opening) return;
    if (!able || name === undefined) return this.#sink?.closed(4);
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
  #here = false;
  #resting = false;
  #late: ReturnType<typeof setTimeout> | undefined;
  #pings: ReturnType<typeof setInterval> | undefined;

  constructor(name: string, target: Target, times: LeaderTimes) {
    this.name = name;
    this.#target = target;
    this.#times = times;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#take(data);
    this.joined = new Promise((resolve, reject) => {
      navigator.locks.request(name, { ifAvailable: true }, (lock) => {
        resolve();
        return lock === null ? undefined : this.#lead();
      }).then(() => this.#queue(), (error) => {
        this.leave();
        reject(error);
      });
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

  /** A follower that does not ask may have lost its leader meanwhile; the first ping after the rest shows it. */
  rest(resting: boolean): void {
    if (this.#resting === resting) return;
    this.#resting = resting;
    clearInterval(this.#pings);
    if (resting || !this.#here) return;
    this.#pings = setInterval(() => this.#ping(), this.#times.ping);
    this.#ping();
  }

  /** The reader of this tab goes. The tab leads on as long as others read through it. */
  detach(): void {
    if (this.#sink === undefined) return;
    this.#letGo();
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
    this.#hub = new Hub(HOLDING, this.#times.lapse, () => this.leave());
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
        this.#here = true;
        if (!this.#resting) this.#pings = setInterval(() => this.#ping(), this.#times.ping);
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
    // The leader's own reader needs no pings to be known as alive.
    hub.ping(this.#id);
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
    this.#letGo();
    sink?.closed(cause);
  }

  #letGo(): void {
    this.#here = false;
    this.#sink = undefined;
    this.#answered();
    clearInterval(this.#pings);
  }
}

/** What tabs with the same server, path and credentials arrive at, and nobody else; `undefined` where tabs cannot share. */
async function teamName({ base, path, auth, identity }: Target): Promise<string | undefined> {
  if (!('BroadcastChannel' in globalThis && globalThis.navigator?.locks)) return undefined;
  const name = await digest([base, path], [auth?.name, auth?.value, identity]);
  return name && `opencode-session-${name}`;
}
