/**
 * Readers of the change stream.
 * @module
 */
import { bound } from './bound.js';
import type { Change, SessionState } from './types.js';

/** Steps a slow reader may be behind before it gets the whole state instead. */
const LIMIT = 1_000;

/** Hands the same steps to every reader of `changes()`. */
export class Changes {
  readonly #readers = new Set<Reader>();

  get isEmpty(): boolean {
    return this.#readers.size === 0;
  }

  push(steps: readonly Change[], state: SessionState): void {
    for (const reader of this.#readers) reader.push(steps, state);
  }

  end(): void {
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
  }

  /** Starts a reader with the whole state. `onStop` is called when it stops reading. */
  read(state: SessionState, onStop: () => void): AsyncIterableIterator<Change> {
    const reader = new Reader(state, () => {
      this.#readers.delete(reader);
      onStop();
    });
    this.#readers.add(reader);
    return reader;
  }
}

class Reader implements AsyncIterableIterator<Change> {
  #queue: Change[];
  #wake: (() => void) | undefined;
  #done = false;
  readonly #onStop: () => void;

  constructor(state: SessionState, onStop: () => void) {
    this.#queue = [{ type: 'reset', state }];
    this.#onStop = onStop;
    bound(this, (error) => error);
  }

  push(steps: readonly Change[], state: SessionState): void {
    if (this.#queue.length + steps.length > LIMIT) this.#queue = [{ type: 'reset', state }];
    else this.#queue.push(...steps);
    this.#wake?.();
  }

  end(): void {
    this.#done = true;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Change>> {
    for (;;) {
      const value = this.#queue.shift();
      if (value !== undefined) return { value, done: false };
      if (this.#done) return { value: undefined, done: true };
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  async return(): Promise<IteratorResult<Change>> {
    this.end();
    this.#queue = [];
    this.#onStop();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
