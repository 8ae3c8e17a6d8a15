/**
 * One server's stream and those who read it: the wasm keeper decides, this does its I/O.
 * @module
 */
import { drain, Redirected, straight } from '../answer.js';
import { Instance } from '../guard.js';
import { Keeper } from './core/keeper.js';
import { cookies, type StreamSink, type Target } from './protocol.js';

/** How long a stream without readers is held, milliseconds. */
export interface Holding {
  /** With nothing in flight. */
  readonly linger: number;
  /** With something in flight. */
  readonly patience: number;
}

interface Reader {
  readonly sink: StreamSink;
  answered: boolean;
}

/** The wasm of this context: when it traps, all streams end. */
const instance = new Instance(() => undefined);

/** The keeper's `KeeperHost`. Credentials stay here, outside of wasm memory. */
export class Upstream {
  readonly target: Target;
  readonly #done: () => void;
  readonly #keeper: Keeper;
  readonly #readers = new Map<number, Reader>();
  #last = 0;
  #stream: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  /** `done` is called once there is nothing to keep any more. Throws when the wasm is broken. */
  constructor(target: Target, holding: Holding, done: () => void) {
    this.target = target;
    this.#done = done;
    const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const make = (): Keeper => new Keeper(this as never, seed + Math.random(), holding.linger, holding.patience);
    this.#keeper = instance.guard(instance.run(make, broken), () => undefined);
    instance.users.add(this.#broke);
  }

  /** Whether there is a reader, or a part in flight. */
  get isNeeded(): boolean {
    return !this.#over && this.#keeper.isNeeded();
  }

  /** Nobody reads. */
  get isIdle(): boolean {
    return this.#readers.size === 0;
  }

  /** Adds a reader; gives how to remove it. */
  attach(position: string | undefined, sink: StreamSink): () => void {
    this.#last += 1;
    const reader = this.#last;
    this.#readers.set(reader, { sink, answered: false });
    this.#keeper.attach(now(), reader, position);
    return () => {
      if (this.#readers.delete(reader) && !this.#over) this.#keeper.detach(now(), reader);
    };
  }

  /** Ends the stream and all readers, who are told the cause. */
  close(cause = 0): void {
    if (this.#over) return;
    this.#over = true;
    instance.users.delete(this.#broke);
    clearTimeout(this.#timer);
    this.closeStream();
    for (const { sink } of this.#readers.values()) sink.closed(cause);
    this.#readers.clear();
    // The keeper may be the caller right now; it is freed when it has returned.
    setTimeout(() => this.#keeper.free(), 0);
    this.#done();
  }

  readonly #broke = (): void => this.close(4);

  openStream(generation: number): void {
    this.closeStream();
    this.#stream = new AbortController();
    void this.#read(generation, this.#stream.signal);
  }

  closeStream(): void {
    this.#stream?.abort();
    this.#stream = undefined;
  }

  send(id: number, bytes: Uint8Array): void {
    const reader = this.#readers.get(id);
    if (reader === undefined) return;
    if (!reader.answered) {
      reader.answered = true;
      reader.sink.opened(200, 'text/event-stream', '');
    }
    // The bytes lie in wasm memory.
    reader.sink.bytes(bytes.slice());
  }

  end(id: number, cause: number, status: number, contentType: string, retryAfter: string): void {
    const reader = this.#readers.get(id);
    this.#readers.delete(id);
    if (status > 0) reader?.sink.opened(status, contentType, retryAfter);
    reader?.sink.closed(cause);
  }

  arm(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.#over) this.#keeper.timeout(now());
    }, delay);
  }

  idle(): void {
    this.close();
  }

  async #read(generation: number, signal: AbortSignal): Promise<void> {
    const { base, path, auth, identity } = this.target;
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (auth !== undefined) headers[auth.name] = auth.value;
    let cause = 0;
    try {
      const credentials = cookies(identity, auth);
      const response = straight(await fetch(base + path, { headers, credentials, cache: 'no-store', redirect: 'manual', referrerPolicy: 'no-referrer', signal }));
      const kind = response.headers.get('content-type') ?? '';
      const again = response.headers.get('retry-after') ?? '';
      if (this.#over) return;
      this.#keeper.streamOpened(now(), generation, response.status, kind, again);
      await drain(response, signal, (piece) => {
        if (!this.#over) this.#keeper.streamBytes(now(), generation, piece);
      });
    } catch (error) {
      cause = 1;
      if (error instanceof Redirected && !this.#over) this.#keeper.streamOpened(now(), generation, error.status, '', '');
    }
    if (!this.#over) this.#keeper.streamClosed(now(), generation, cause);
  }
}

function broken(): never {
  throw new Error('The wasm is broken.');
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
