/** One response body that hands out the chunks of a workload and lets the page look in between. */

/** @typedef {{ begin?: number, look: () => void, reads: number }} Watch */

export class Feed {
  /** Chunks handed out so far. */
  handed = 0;
  #chunks;
  #greeting;
  #readEvery;
  #watch;
  #closes;
  #release;
  #held = new Promise((resolve) => {
    this.#release = resolve;
  });
  #finish;
  /** Resolved when the consumer asks for more after the last chunk. */
  consumed = new Promise((resolve) => {
    this.#finish = resolve;
  });

  /**
   * @param {object} options
   * @param {Uint8Array[]} options.chunks
   * @param {Uint8Array} [options.greeting] sent at once, before `play`
   * @param {number} options.readEvery
   * @param {Watch} options.watch
   * @param {boolean} [options.closes] whether the body ends after the last chunk
   */
  constructor({ chunks, greeting, readEvery, watch, closes = false }) {
    this.#chunks = chunks;
    this.#greeting = greeting;
    this.#readEvery = readEvery;
    this.#watch = watch;
    this.#closes = closes;
  }

  /** Lets the chunks go. */
  play() {
    this.#release();
    this.#held = undefined;
  }

  /** Holds nothing ready: a chunk is made when the consumer asks, and so after it could hand on the earlier ones. */
  body() {
    return new ReadableStream({ pull: (controller) => this.#pull(controller) }, { highWaterMark: 0 });
  }

  #pull(controller) {
    if (this.#greeting) {
      controller.enqueue(this.#greeting);
      this.#greeting = undefined;
      return undefined;
    }
    if (this.#held) return this.#held.then(() => this.#hand(controller));
    return this.#hand(controller);
  }

  #hand(controller) {
    const at = this.handed;
    const watch = this.#watch;
    if (at === 0) watch.begin ??= performance.now();
    else if (at % this.#readEvery === 0 || at === this.#chunks.length) watch.look();
    if (at < this.#chunks.length) {
      this.handed = at + 1;
      controller.enqueue(this.#chunks[at]);
      return undefined;
    }
    this.#finish();
    if (this.#closes) controller.close();
    // An event stream stays open and silent after its last event.
    return this.#closes ? undefined : new Promise(() => {});
  }
}
