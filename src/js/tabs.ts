/**
 * Whose a journal record is: a client takes an owner's name, and holds its lock as long as it has records. A name whose
 * lock is free is that of a page that is gone.
 * @module
 */

const NAME = 'opencode-session';

/** Claims names of owners. */
export interface Claims {
  /** The name that the last page of this tab had. */
  readonly last: string;
  /** A new name. */
  make(): string;
  /** Remembers the name for the next page of this tab; '' forgets it. */
  keep(owner: string): void;
  /** Holds the name; gives what lets it go, or nothing when another page holds it. `wait`: milliseconds. */
  claim(owner: string, wait: number): Promise<(() => void) | undefined>;
}

const held = new Set<string>();

/** Names within this script: records in memory have no other reader. */
export const scriptClaims: Claims = {
  last: '',
  make,
  keep: () => undefined,
  async claim(owner) {
    if (held.has(owner)) return undefined;
    held.add(owner);
    return () => void held.delete(owner);
  },
};

/** Names of the tabs of a browser. Without Web Locks nobody can tell whether another tab is alive: only own names count. */
export function tabClaims(): Claims {
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  const last = session((storage) => storage.getItem(NAME)) ?? '';
  const own = new Set([last]);
  return {
    last,
    make: () => {
      const owner = make();
      own.add(owner);
      return owner;
    },
    keep: (owner) => session((storage) => (owner === '' ? storage.removeItem(NAME) : storage.setItem(NAME, owner))),
    async claim(owner, wait) {
      if (locks !== undefined) return lock(locks, `${NAME} ${owner}`, wait);
      return own.has(owner) ? scriptClaims.claim(owner, wait) : undefined;
    },
  };
}

function make(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(3)), (number) => number.toString(36)).join('');
}

function lock(locks: LockManager, name: string, wait: number): Promise<(() => void) | undefined> {
  return new Promise((resolve) => {
    const hold = (taken: Lock | null): Promise<void> | undefined => {
      if (taken !== null) return new Promise<void>((release) => resolve(release));
      resolve(undefined);
      return undefined;
    };
    const options: LockOptions = wait > 0 ? { signal: AbortSignal.timeout(wait) } : { ifAvailable: true };
    locks.request(name, options, hold).catch(() => resolve(undefined));
  });
}

/** Storage that may be forbidden, or not there. */
function session<T>(job: (storage: globalThis.Storage) => T): T | undefined {
  try {
    return job(sessionStorage);
  } catch {
    return undefined;
  }
}
