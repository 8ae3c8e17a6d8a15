/**
 * One server's stream and all who read it: the wasm relay decides, this does its I/O.
 * @module
 */
import { drain, Redirected, straight } from '../answer.js';
import { joined } from '../bytes.js';
import type { Instance } from '../guard.js';
import { Machine } from './load.js';
import type { Access, RelayLimits } from './options.js';
import type { RecordBody, RelayStore, StoreAnswer } from './store.js';

/** Where a reader's bytes go. */
export interface Sink {
  /** Whether it takes more at once; where not, `Reader.drained` says when it does. */
  write(bytes: Uint8Array): boolean;
  /** The stream is over: 0, coming back is worth while; else with a status, should nothing have been written yet. */
  end(status: number): void;
}

/** A reader that is attached. */
export interface Reader {
  drained(): void;
  /** It has gone. */
  leave(): void;
}

/** How a hub reaches its server. */
export interface Server {
  /** Names it in a store. */
  readonly log: string;
  stream(signal: AbortSignal): Promise<Response>;
}

/** Whether a user may see a session. */
export type Judge = (access: Access, session: string) => Promise<boolean>;

interface Own {
  readonly sink: Sink;
  readonly access: Access;
  isFull: boolean;
}

/** The machine's `RelayHost`. */
export class Hub {
  /** How the server is reached from the next time on. */
  server: Server;
  readonly #judge: Judge;
  readonly #store: RelayStore | undefined;
  readonly #done: () => void;
  readonly #machine: Machine;
  readonly #instance: Instance;
  readonly #readers = new Map<number, Own>();
  readonly #node = crypto.randomUUID();
  #last = 0;
  #stream: AbortController | undefined;
  #following: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  /** `done` is called once there is nothing to keep any more. */
  constructor(instance: Instance, server: Server, store: RelayStore | undefined, limits: RelayLimits, judge: Judge, done: () => void) {
    this.#instance = instance;
    this.server = server;
    this.#store = store;
    this.#judge = judge;
    this.#done = done;
    const [seed = 0] = crypto.getRandomValues(new Uint32Array(1));
    const make = (): Machine => new Machine(this as never, seed + Math.random(), store !== undefined, limits);
    this.#machine = instance.guard(instance.run(make, broken), () => undefined);
    instance.users.add(this.#broke);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Adds a reader. The sink may be ended before this returns. */
  attach(access: Access, position: string | undefined, sink: Sink): Reader {
    this.#last += 1;
    const reader = this.#last;
    const own: Own = { sink, access, isFull: false };
    this.#readers.set(reader, own);
    this.#machine.attach(now(), reader, access.user, access.sessions === 'all', undefined, position);
    return {
      drained: () => {
        if (!own.isFull) return;
        own.isFull = false;
        if (this.#readers.has(reader)) this.#machine.drained(now(), reader);
      },
      leave: () => {
        if (this.#readers.delete(reader) && !this.#isOver) this.#machine.detach(now(), reader);
      },
    };
  }

  /** What was found out about a user counts no more, and their streams begin anew: as what they see now. */
  forget(user: string): void {
    if (this.#isOver) return;
    this.#machine.forget(now(), user);
    for (const [reader, own] of [...this.#readers]) {
      if (own.access.user !== user) continue;
      this.#readers.delete(reader);
      this.#machine.detach(now(), reader);
      own.sink.end(0);
    }
  }

  /** Readers are ended, another instance leads. */
  drain(): void {
    if (!this.#isOver) this.#machine.drain(now());
  }

  /** Ends all at once. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#instance.users.delete(this.#broke);
    clearTimeout(this.#timer);
    this.closeStream();
    this.#following?.abort();
    for (const { sink } of this.#readers.values()) sink.end(0);
    this.#readers.clear();
    // The machine may be the caller right now; it is freed when it has returned.
    setTimeout(() => this.#machine.free(), 0);
    this.#done();
  }

  readonly #broke = (): void => this.close();

  openStream(generation: number): void {
    this.closeStream();
    this.#stream = new AbortController();
    void this.#read(generation, this.#stream.signal);
  }

  closeStream(): void {
    this.#stream?.abort();
    this.#stream = undefined;
  }

  send(readers: Uint32Array, bytes: Uint8Array): void {
    // They lie in wasm memory. One copy for all.
    const frames = bytes.slice();
    for (const reader of [...readers]) {
      const own = this.#readers.get(reader);
      if (own === undefined || own.sink.write(frames) || own.isFull) continue;
      own.isFull = true;
      // The machine is the caller.
      queueMicrotask(() => {
        if (own.isFull && this.#readers.get(reader) === own) this.#machine.full(now(), reader);
      });
    }
  }

  end(reader: number, status: number): void {
    const own = this.#readers.get(reader);
    this.#readers.delete(reader);
    own?.sink.end(status);
  }

  judge(user: string, session: string): void {
    // A stream that sees all asks nothing, and says nothing of the user's others.
    const own = [...this.#readers.values()].find(({ access }) => access.user === user && access.sessions !== 'all');
    const told = (allowed: boolean): void => {
      if (this.#isOver) return;
      const isThere = own !== undefined && [...this.#readers.values()].includes(own);
      this.#machine.judged(now(), user, session, allowed && isThere);
      // Whoever comes after those who were asked about is asked about anew.
      if (!isThere) this.#machine.forget(now(), user);
    };
    if (own === undefined) return void queueMicrotask(() => told(false));
    this.#judge(own.access, session).then(told, () => told(false));
  }

  acquire(id: number, lease: number): void {
    this.#ask(id, { type: 'acquire', node: this.#node, lease });
  }

  renew(id: number, epoch: number, lease: number): void {
    this.#ask(id, { type: 'renew', node: this.#node, epoch, lease });
  }

  append(id: number, epoch: number, first: number, kinds: Uint8Array, lengths: Uint32Array, data: Uint8Array, keep: string | undefined, last: boolean): void {
    const bytes = data.slice();
    let at = 0;
    const records = Array.from(kinds, (kind, index): RecordBody => {
      const from = at;
      at += lengths[index] ?? 0;
      return { kind, data: bytes.subarray(from, at) };
    });
    const own = { node: this.#node, epoch, first, records };
    this.#ask(id, last ? { type: 'release', ...own } : { type: 'append', ...own, ...(keep !== undefined && { keep }) });
  }

  follow(generation: number, after: string | undefined): void {
    this.#following?.abort();
    const following = new AbortController();
    this.#following = following;
    const isOn = (): boolean => !this.#isOver && !following.signal.aborted;
    const failed = (): void => {
      if (isOn()) this.#machine.followFailed(now(), generation);
    };
    Promise.resolve(
      this.#store?.follow(this.server.log, after, (records, all) => {
        if (!isOn()) return;
        const positions = records.flatMap(({ position }) => position.split('-').map(Number));
        const kinds = Uint8Array.from(records, ({ kind }) => kind);
        const lengths = Uint32Array.from(records, ({ data }) => data.length);
        this.#machine.entries(now(), generation, Float64Array.from(positions), kinds, lengths, joined(records.map(({ data }) => data)), all);
      }, following.signal),
    ).then(failed, failed);
  }

  arm(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.#isOver) this.#machine.timeout(now());
    }, delay);
  }

  idle(): void {
    this.close();
  }

  #ask(id: number, op: Parameters<RelayStore['run']>[1]): void {
    const told = (answer: StoreAnswer): void => {
      if (this.#isOver) return;
      if (answer.type === 'led') this.#machine.led(now(), id, answer.epoch, answer.top);
      else if (answer.type === 'taken') this.#machine.taken(now(), id, answer.for);
      else if (answer.type === 'done') this.#machine.done(now(), id, answer.wanted);
      else this.#machine.fenced(now(), id);
    };
    const failed = (): void => {
      if (!this.#isOver) this.#machine.failed(now(), id);
    };
    (async () => this.#store?.run(this.server.log, op))().then((answer) => (answer === undefined ? failed() : told(answer)), failed);
  }

  async #read(generation: number, signal: AbortSignal): Promise<void> {
    const opened = (status: number, kind: string, again: string): void => {
      if (!this.#isOver && !signal.aborted) this.#machine.streamOpened(now(), generation, status, kind, again);
    };
    let failed = false;
    try {
      const response = straight(await this.server.stream(signal));
      opened(response.status, response.headers.get('content-type') ?? '', response.headers.get('retry-after') ?? '');
      await drain(response, signal, (piece) => {
        if (!this.#isOver) this.#machine.streamBytes(now(), generation, piece);
      });
    } catch (error) {
      failed = true;
      if (error instanceof Redirected) opened(error.status, '', '');
    }
    if (!this.#isOver && !signal.aborted) this.#machine.streamClosed(now(), generation, failed);
  }
}

function broken(): never {
  throw new Error('The wasm is broken.');
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
