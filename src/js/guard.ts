/**
 * One guard around all calls of wasm. After a trap the memory of its instance cannot be trusted, so everything that lives in it ends.
 * @module
 */

type Method = (...args: unknown[]) => unknown;

/** One instance of a wasm module, as far as its users share its end. */
export class Instance {
  #isBroken = false;
  /** Told once, when the instance breaks. */
  readonly users = new Set<() => void>();

  /** `onEnd`: told as well, so that the next user gets an instance that is whole. */
  constructor(onEnd: () => void) {
    this.users.add(onEnd);
  }

  /**
   * The same methods. One that traps ends the instance; what `broken` gives or throws then takes the place of an answer. `asked`:
   * the arguments are a caller's, and may be of the wrong type.
   */
  guard<T extends object>(own: T, broken: () => unknown, asked = false): T {
    const made: Record<string, Method> = {};
    for (const name of [...Object.getOwnPropertyNames(Object.getPrototypeOf(own)), ...Object.keys(own)]) {
      const run = (own as Record<string, unknown>)[name];
      if (typeof run === 'function') made[name] = (...args) => this.run(() => run.apply(own, args), broken, asked);
    }
    return made as unknown as T;
  }

  /** Runs what calls wasm. */
  run<R>(call: () => R, broken: () => unknown, asked = false): R {
    if (!this.#isBroken) {
      try {
        return call();
      } catch (error) {
        // Such arguments do not get into the wasm.
        if (asked && error instanceof TypeError) throw error;
        this.#isBroken = true;
        for (const end of this.users) end();
        this.users.clear();
      }
    }
    return broken() as R;
  }
}
