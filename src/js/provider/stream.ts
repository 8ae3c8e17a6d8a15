/**
 * One answer: the wasm puts its pieces in, the caller takes chunks out.
 * @module
 */
import { asError, cancelled, ProviderError } from './error.js';
import type { ModelAnswer, AnswerChunk, Choice, MissedTarget, ProviderUsage, ToolCallPiece } from './types.js';

/** Chunks that wait for their reader; then reading from the server stands still. */
export const MAX_CHUNKS = 1_024;

const NONE: ProviderUsage = { promptTokens: 0, completionTokens: 0, totalTokens: 0, cachedTokens: 0, reasoningTokens: 0, estimated: true };

/**
 * An answer that comes bit by bit. `break`, `return()` and the request's signal end the request too.
 *
 * @example
 * ```ts
 * for await (const { text } of provider.streamCompletion({ prompt: 'fn main() {' }) satisfies AnswerStream) console.log(text);
 * ```
 */
export interface AnswerStream extends AsyncIterableIterator<AnswerChunk> {
  /** The rest of the chunks, put together with those that were taken. */
  answer(): Promise<ModelAnswer>;
  /** Itself. */
  [Symbol.asyncIterator](): AnswerStream;
}

/** The wasm reads control characters in strings, which are no JSON. @param json of a server */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** What came of one choice. */
interface Gathered {
  text: string;
  reasoning: string;
  readonly tools: Map<number, { id: string; name: string; arguments: string }>;
  readonly logprobs: unknown[];
  /** Those of the next chunk. */
  next: unknown;
  finish: string;
}

/** What the wasm sees of it (`src/web/provider/host.rs`), and what the caller sees. Its methods for the wasm do not throw. */
export class Call implements AnswerStream {
  readonly #queue: AnswerChunk[] = [];
  #at = 0;
  #waiting: { resolve(result: IteratorResult<AnswerChunk>): void; reject(error: unknown): void }[] = [];
  #error: { thrown: unknown } | undefined;
  #isOver = false;
  #isCancelled = false;
  /** What is asked; then what the server says. */
  #model = '';
  #endpoint: string;
  readonly #addresses: readonly string[];
  readonly #missed: MissedTarget[] = [];
  #tries = 0;
  #usage: ProviderUsage | undefined;
  #raw: string | undefined;
  readonly #choices = new Map<number, Gathered>();
  #stamp = '';
  #stamped = 0;
  #open: (() => void) | undefined;
  #ended: (() => void)[] = [];
  #cancel: () => void;

  constructor(addresses: readonly string[], cancel: () => void) {
    this.#addresses = addresses;
    this.#endpoint = addresses[0] ?? '';
    this.#cancel = cancel;
  }

  /** Called when it is over, however. */
  onEnd(run: () => void): void {
    this.#ended.push(run);
  }

  // For the wasm.

  begin(endpoint: number, model: string): void {
    this.#tries += 1;
    this.#endpoint = this.#addresses[endpoint] ?? '';
    this.#model = model;
  }

  missed(endpoint: number, model: string, thrown: unknown): void {
    // A vault of the caller's may throw anything.
    const { code = '', message = '' } = Object(thrown) as { code?: string; message?: string };
    this.#missed.push({ endpoint: this.#addresses[endpoint] ?? '', model, code, message });
  }

  model(name: string): void {
    this.#model = name;
  }

  text(choice: number, text: string): void {
    this.#of(choice).text += text;
    this.#push({ text, content: text, choice, done: false, metadata: this.#metadata() });
  }

  logprobs(choice: number, json: string): void {
    const gathered = this.#of(choice);
    gathered.next = parsed(json);
    if (gathered.next !== undefined) gathered.logprobs.push(gathered.next);
  }

  reasoning(choice: number, text: string): void {
    this.#of(choice).reasoning += text;
    this.#push({ text: '', content: '', choice, reasoning: text, done: false, metadata: this.#metadata() });
  }

  tool(choice: number, index: number, id: string, name: string, json: string): void {
    const { tools } = this.#of(choice);
    const known = tools.get(index) ?? { id: '', name: '', arguments: '' };
    tools.set(index, { id: known.id || id, name: known.name || name, arguments: known.arguments + json });
    const piece: ToolCallPiece = { index, arguments: json, ...(id && { id }), ...(name && { name }) };
    this.#push({ text: '', content: '', choice, toolCalls: [piece], done: false, metadata: this.#metadata() });
  }

  finish(choice: number, reason: string): void {
    this.#of(choice).finish = reason;
    // The first one's stands in the last chunk.
    if (choice > 0) this.#push({ text: '', content: '', choice, done: false, finishReason: reason, metadata: this.#metadata() });
  }

  raw(json: string): void {
    this.#raw = json;
  }

  usage(usage: ProviderUsage): void {
    this.#usage = usage;
  }

  end(): void {
    const finish = this.#choices.get(0)?.finish;
    this.#push({
      text: '', content: '', choice: 0, done: true, ...(finish && { finishReason: finish }),
      metadata: { ...this.#metadata(), usage: this.#usage ?? NONE, ...(this.#missed.length > 0 && { missed: this.#missed }) },
    });
    this.#close();
  }

  fail(thrown: unknown): void {
    if (this.#isOver) return;
    const error = this.#isCancelled ? cancelled() : asError(thrown);
    if (error instanceof ProviderError && this.#missed.length > 0) error.missed = this.#missed;
    this.#error = { thrown: error };
    this.#close();
  }

  readonly room = (): Promise<void> | undefined => {
    if (this.#queue.length - this.#at < MAX_CHUNKS) return undefined;
    return new Promise((resolve) => {
      this.#open = resolve;
    });
  };

  // For the caller.

  next(): Promise<IteratorResult<AnswerChunk>> {
    const chunk = this.#shift();
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk });
    if (this.#error !== undefined) {
      // Once, as generators do.
      const { thrown } = this.#error;
      this.#error = undefined;
      return Promise.reject(thrown);
    }
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<AnswerChunk>> {
    this.cancel();
    this.#queue.length = 0;
    this.#at = 0;
    this.#error = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<AnswerChunk>> {
    return this.return().then(() => Promise.reject(error));
  }

  [Symbol.asyncIterator](): AnswerStream {
    return this;
  }

  async answer(): Promise<ModelAnswer> {
    while (!(await this.next()).done);
    const all = [...this.#choices].sort(([a], [b]) => a - b).map(([, { text, reasoning, tools, logprobs, finish }]): Choice => ({
      text, reasoning, toolCalls: [...tools].sort(([a], [b]) => a - b).map(([, tool]) => tool), finishReason: finish, ...(logprobs.length > 0 && { logprobs }),
    }));
    const first: Choice = all[0] ?? { text: '', reasoning: '', toolCalls: [], finishReason: '' };
    return {
      ...first, content: first.text, choices: all, usage: this.#usage ?? NONE, model: this.#model, endpoint: this.#endpoint, tries: this.#tries,
      ...(this.#missed.length > 0 && { missed: this.#missed }),
      ...(this.#raw !== undefined && { raw: parsed(this.#raw) }),
    };
  }

  /** Ends the request: whoever waits gets `cancelled`. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isCancelled = true;
    this.#cancel();
    this.#open?.();
    // Also where nobody answers any more.
    if (!this.#isOver) this.fail(cancelled());
  }

  #of(choice: number): Gathered {
    const known = this.#choices.get(choice);
    if (known !== undefined) return known;
    const made: Gathered = { text: '', reasoning: '', tools: new Map(), logprobs: [], next: undefined, finish: '' };
    this.#choices.set(choice, made);
    return made;
  }

  #metadata(): AnswerChunk['metadata'] {
    const now = Date.now();
    if (now !== this.#stamped) {
      this.#stamped = now;
      this.#stamp = new Date(now).toISOString();
    }
    return { model: this.#model, endpoint: this.#endpoint, timestamp: this.#stamp };
  }

  #push(told: AnswerChunk): void {
    if (this.#isOver) return;
    let chunk = told;
    const gathered = this.#choices.get(told.choice);
    if (gathered?.next !== undefined) {
      chunk = { ...told, logprobs: gathered.next };
      gathered.next = undefined;
    }
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value: chunk });
    else this.#queue.push(chunk);
  }

  #shift(): AnswerChunk | undefined {
    if (this.#at === this.#queue.length) return undefined;
    const chunk = this.#queue[this.#at];
    this.#at += 1;
    // Taken ones go in one move, not one by one.
    if (this.#at === this.#queue.length || this.#at >= MAX_CHUNKS) {
      this.#queue.splice(0, this.#at);
      this.#at = 0;
    }
    if (this.#open !== undefined && this.#queue.length - this.#at < MAX_CHUNKS / 2) {
      this.#open();
      this.#open = undefined;
    }
    return chunk;
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve, reject } of waiting) {
      if (this.#error === undefined) resolve({ done: true, value: undefined });
      else {
        reject(this.#error.thrown);
        this.#error = undefined;
      }
    }
    for (const run of this.#ended) run();
  }
}
