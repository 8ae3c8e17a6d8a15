// What a script started, ended in reverse order.

/** Longest wait for an orderly end, in milliseconds; what is left then goes with the process. */
const PATIENCE = 2_500;

export class Undo {
  /** @type {(() => unknown)[]} */
  #steps = [];
  /** @type {Promise<void> | undefined} */
  #running;

  /** True from the moment that {@link all} was called. */
  get ending() {
    return this.#running !== undefined;
  }

  /** @param {() => unknown} step may be asynchronous; run at once when the end has begun */
  add(step) {
    if (this.ending) void step();
    else this.#steps.push(step);
  }

  /** Runs all steps; a second call waits for the first. @returns {Promise<void>} */
  all() {
    this.#running ??= Promise.race([this.#run(), new Promise((done) => setTimeout(done, PATIENCE).unref())]).then(() => undefined);
    return this.#running;
  }

  async #run() {
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch {
        // The others still have to end.
      }
    }
  }
}
