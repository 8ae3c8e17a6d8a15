/**
 * Between the core, which speaks v1, and sessions or servers that speak v2: the wasm translator decides, this does its I/O.
 * A file of its own, loaded where such a session or server is met.
 * @module
 */
import type { Answer } from '../answer.js';
import { Instance } from '../guard.js';
import type { Send, Translation } from '../host.js';
import init, { Dialect } from './core/v2.js';
import bytes from './core/v2.wasm';

/** Longest wait for the answer to a question of the translator's own, milliseconds. */
const PATIENCE = 10_000;

let loading: Promise<Instance> | undefined;

/** `feed` takes bytes for the core's stream that no server sent; `crash` is called when this wasm breaks. */
export async function translate(send: Send, feed: (bytes: Uint8Array) => void, crash: () => void): Promise<Translation> {
  let instance: Instance | undefined;
  for (let loaded: unknown; instance === undefined || loading !== loaded; instance = await loading) loaded = loading ??= load();
  return new V2(instance, send, feed, crash);
}

async function load(): Promise<Instance> {
  await init({ module_or_path: bytes });
  return new Instance(() => {
    loading = undefined;
  });
}

class V2 implements Translation {
  readonly #own: Dialect;
  readonly #leave: () => void;
  /** Requests that are being translated. */
  #busy = 0;
  #isFreed = false;
  readonly #send: Send;
  readonly #feed: (bytes: Uint8Array) => void;
  #probing: Promise<boolean> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What the timer waits for. */
  #due = -1;
  #closed = false;

  constructor(instance: Instance, send: Send, feed: (bytes: Uint8Array) => void, crash: () => void) {
    const broken = (): never => {
      throw new Error('The wasm of v2 broke off.');
    };
    this.#own = instance.guard(instance.run(() => new Dialect(), broken), broken);
    instance.users.add(crash);
    this.#leave = () => instance.users.delete(crash);
    this.#send = send;
    this.#feed = feed;
    // Perhaps a stream is read already.
    this.#dialect.opened(true);
  }

  get #dialect(): Dialect {
    if (this.#isFreed) throw new Error('The client is closed.');
    return this.#own;
  }

  adopt(session: string): void {
    this.#dialect.adopt(session);
  }

  async isSecond(): Promise<boolean> {
    this.#probing ??= this.send('GET', '/global/health', undefined, PATIENCE).then(
      () => this.#dialect.isSecond(),
      () => false,
    );
    const second = await this.#probing;
    if (!second) this.#probing = undefined;
    return second;
  }

  opened(): void {
    this.#dialect.opened(false);
  }

  bytes(chunk: Uint8Array): Uint8Array {
    const out = this.#dialect.bytes(chunk);
    this.#watch();
    return out;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#leave();
    this.#free();
  }

  /** When nothing is under way any more: it may be the caller right now. */
  #free(): void {
    if (!this.#closed || this.#busy > 0 || this.#isFreed) return;
    this.#isFreed = true;
    const own = this.#own;
    setTimeout(() => {
      try {
        own.free();
      } catch {
        // Nothing is left of it.
      }
    }, 0);
  }

  stream(path: string): string {
    return this.#dialect.stream(path);
  }

  readonly send: Send = async (...request) => {
    this.#busy += 1;
    try {
      return await this.#translate(...request);
    } finally {
      this.#busy -= 1;
      this.#free();
    }
  };

  readonly #translate: Send = async (method, path, body, timeout) => {
    const dialect = this.#dialect;
    let step = dialect.ask(method, path, body);
    let last: Answer | undefined;
    while (step.kind === 1) {
      const { id, method, path, body } = step;
      step.free();
      try {
        last = await this.#send(method, path, body, timeout);
        const header = (name: string): string => last?.headers.get(name) ?? '';
        step = dialect.answered(id, last.status, header('content-type'), header('x-next-cursor'), last.body);
      } catch (error) {
        dialect.dropped(id);
        throw error;
      }
    }
    const { kind, status, contentType, cursor, body: answer } = step;
    step.free();
    // What waited for this answer is known now; the core keeps it until it has the answer, too.
    this.#tell(dialect.released());
    this.#watch();
    if (kind === 0) return this.#send(method, path, body, timeout);
    const headers = new Headers({ 'content-type': contentType });
    if (cursor !== '') headers.set('x-next-cursor', cursor);
    const again = last?.headers.get('retry-after');
    if (again) headers.set('retry-after', again);
    return { status, headers, body: answer as Uint8Array<ArrayBuffer> };
  };

  #tell(bytes: Uint8Array): void {
    if (bytes.length > 0 && !this.#closed) this.#feed(bytes);
  }

  /** v2 turns of 1.18 end without a word: where one may be over the server is asked. */
  #watch(): void {
    const due = this.#dialect.due();
    if (due === this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    if (due >= 0 && !this.#closed) this.#timer = setTimeout(() => void this.#check(), due);
  }

  async #check(): Promise<void> {
    let answer: Uint8Array | undefined;
    try {
      const { status, body } = await this.#send('GET', this.#dialect.activePath(), undefined, PATIENCE);
      if (status >= 200 && status < 300) answer = body;
    } catch {
      // It is asked again.
    }
    if (this.#closed) return;
    this.#due = -1;
    this.#tell(this.#dialect.checked(answer));
    this.#watch();
  }
}
