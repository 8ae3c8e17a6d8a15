/**
 * Reads an event stream, so far as the checks need it.
 * @module
 */
import { failed, type Visit } from './types.js';

/** Longest line of the stream that is read, bytes; what stands behind that is not kept, so that nothing can be read of it. */
const LINE = 1024 * 1024;

/** An event: servers send one `data:` line for each. */
export interface Event {
  readonly type: string;
  readonly raw: string;
}

/** What is wrong with a stream that opens and says nothing. */
export function heldBack() {
  return failed(
    'buffering_proxy',
    'The stream was asked for, but its first event does not come.',
    'Something in between collects the answer before it passes it on. Turn that off for /event (nginx: proxy_buffering off).',
  );
}

export class Listener {
  readonly headers: Headers;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #stop: AbortController;
  readonly #decoder = new TextDecoder();
  /** The line that is not over yet. Its letters are looked at once, however small the pieces are. */
  #line: string[] = [];
  #length = 0;
  #data: string | undefined;
  /** What the last piece brought, and is not looked at yet. */
  readonly #events: Event[] = [];
  #count = 0;

  private constructor(response: Response, stop: AbortController) {
    this.headers = response.headers;
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader();
    this.#stop = stop;
  }

  static async open(visit: Visit, path: string, patience: number): Promise<Listener> {
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), patience);
    try {
      const response = await visit.open(path, stop.signal, { headers: { accept: 'text/event-stream' } });
      const kind = response.headers.get('content-type') ?? 'none';
      if (!response.ok || response.body === null) {
        throw failed('stream_refused', `The stream gives status ${response.status}.`, "Look at the server's log.");
      }
      if (!kind.includes('text/event-stream')) {
        throw failed('wrong_content_type', `The stream is called ${kind}.`, 'Let /event through to the server untouched: it is text/event-stream there.');
      }
      return new Listener(response, stop);
    } catch (error) {
      stop.abort();
      if (error instanceof Error && error.name === 'AbortError') throw heldBack();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  /** Reads until an event is the one; throws what `or` gives when it does not come in time. `or` gets how many came. */
  async until(is: (event: Event) => boolean, patience: number, or: (count: number) => Error): Promise<void> {
    const late = setTimeout(() => this.close(), patience);
    try {
      for (;;) {
        for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
          this.#count += 1;
          if (is(event)) return;
        }
        const { value, done } = await this.#reader.read();
        if (this.#stop.signal.aborted) throw or(this.#count);
        if (done) throw failed('stream_cut', 'The stream ended by itself.', 'Raise the time limits for /event of whatever stands between (nginx: proxy_read_timeout).');
        this.#feed(this.#decoder.decode(value, { stream: true }));
      }
    } catch (error) {
      throw this.#stop.signal.aborted ? or(this.#count) : error;
    } finally {
      clearTimeout(late);
    }
  }

  close(): void {
    this.#stop.abort();
    // Node does not end a stream by the signal alone, and would wait for it.
    this.#reader.cancel().catch(() => undefined);
  }

  #feed(text: string): void {
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#keep(text.slice(from, end));
      this.#take(this.#line.join('').replace(/\r$/, ''));
      this.#line = [];
      this.#length = 0;
      from = end + 1;
    }
    this.#keep(text.slice(from));
  }

  #keep(piece: string): void {
    const left = LINE - this.#length;
    this.#length += piece.length;
    if (left > 0 && piece !== '') this.#line.push(piece.slice(0, left));
  }

  /** A whole line. */
  #take(line: string): void {
    if (line.startsWith('data:')) this.#data = line.slice(5).trimStart();
    if (line !== '' || this.#data === undefined) return;
    this.#events.push({ type: String((safely(this.#data) as { type?: unknown } | undefined)?.type ?? ''), raw: this.#data });
    this.#data = undefined;
  }
}

function safely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
