/**
 * Between the core, which speaks v1, and sessions or servers that speak v2: the wasm translator decides, this does its I/O.
 * A file of its own, loaded where such a session or server is met.
 * @module
 */
import type { Send, Translation } from '../host.js';
import init, { Dialect } from './core/v2.js';
import bytes from './core/v2.wasm';

/** Longest wait for the answer to a question of the translator's own, milliseconds. */
const PATIENCE = 10_000;

let loading: Promise<unknown> | undefined;

/** `feed` takes bytes for the core's stream that no server sent. */
export async function translate(send: Send, feed: (bytes: Uint8Array) => void): Promise<Translation> {
  loading ??= init({ module_or_path: bytes });
  await loading;
  return new V2(send, feed);
}

class V2 implements Translation {
  readonly #dialect = new Dialect();
  readonly #send: Send;
  readonly #feed: (bytes: Uint8Array) => void;
  #probing: Promise<boolean> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What the timer waits for. */
  #due = -1;
  #closed = false;

  constructor(send: Send, feed: (bytes: Uint8Array) => void) {
    this.#send = send;
    this.#feed = feed;
    // Perhaps a stream is read already.
    this.#dialect.opened(true);
  }

  adopt(session: string): void {
    this.#dialect.adopt(session);
  }

  async isSecond(): Promise<boolean> {
    this.#probing ??= this.send('GET', '/global/health', 'application/json', undefined, PATIENCE, undefined).then(
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
  }

  readonly send: Send = async (method, path, accept, body, timeout, signal) => {
    const dialect = this.#dialect;
    if (accept === 'text/event-stream') return this.#send(method, dialect.stream(path), accept, body, timeout, signal);
    let step = dialect.ask(method, path, body);
    let last: Response | undefined;
    while (step.kind === 1) {
      const { id, method, path, body } = step;
      step.free();
      try {
        last = await this.#send(method, path, accept, body, timeout, signal);
        const answer = new Uint8Array(await last.arrayBuffer());
        const header = (name: string): string => last?.headers.get(name) ?? '';
        step = dialect.answered(id, last.status, header('content-type'), header('x-next-cursor'), answer);
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
    if (kind === 0) return this.#send(method, path, accept, body, timeout, signal);
    const headers = new Headers({ 'content-type': contentType });
    if (cursor !== '') headers.set('x-next-cursor', cursor);
    const again = last?.headers.get('retry-after');
    if (again) headers.set('retry-after', again);
    return new Response(status === 204 ? null : (answer as Uint8Array<ArrayBuffer>), { status, headers });
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
      const response = await this.#send('GET', this.#dialect.activePath(), 'application/json', undefined, PATIENCE, undefined);
      if (response.ok) answer = new Uint8Array(await response.arrayBuffer());
    } catch {
      // It is asked again.
    }
    if (this.#closed) return;
    this.#due = -1;
    this.#tell(this.#dialect.checked(answer));
    this.#watch();
  }
}
