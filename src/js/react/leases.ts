/**
 * What components share: opened once, closed a while after the last one let go.
 * @module
 */

/** For so long what nobody shows stays open, milliseconds: StrictMode, `Activity` and a change of pages come back at once. */
export const LINGER = 5_000;

interface Entry<T> {
  readonly value: T;
  readonly close: () => void;
  users: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Values by key, each with the number of its users. */
export class Leases<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #listeners = new Set<() => void>();

  /** Calls the listener when a value comes or goes. The function that is returned stops it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What is there, without keeping it. */
  peek(key: string): T | undefined {
    return this.#entries.get(key)?.value;
  }

  /** The values that are there now. */
  values(): T[] {
    return [...this.#entries.values()].map(({ value }) => value);
  }

  /** Opens the value, or finds it; it stays for {@link LINGER} unless somebody takes it. */
  touch(key: string, open: () => { value: T; close: () => void }): T {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { ...open(), users: 0, timer: undefined };
      this.#entries.set(key, entry);
      this.#linger(key, entry);
      this.#changed();
    }
    return entry.value;
  }

  /** Takes the value; the function that is returned lets go of it, once. */
  take(key: string, open: () => { value: T; close: () => void }): () => void {
    this.touch(key, open);
    const entry = this.#entries.get(key) as Entry<T>;
    clearTimeout(entry.timer);
    entry.users += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      entry.users -= 1;
      if (entry.users === 0) this.#linger(key, entry);
    };
  }

  /** Closes all. */
  close(): void {
    for (const [key, entry] of this.#entries) this.#end(key, entry);
  }

  #linger(key: string, entry: Entry<T>): void {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => this.#end(key, entry), LINGER);
  }

  #end(key: string, entry: Entry<T>): void {
    clearTimeout(entry.timer);
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    entry.close();
    this.#changed();
  }

  /** Later: it may be called while a component renders. */
  #changed(): void {
    queueMicrotask(() => {
      for (const listener of this.#listeners) listener();
    });
  }
}
