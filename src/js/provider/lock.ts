/**
 * One after the other, in all tabs of an origin; where there are no Web Locks, in this process.
 * @module
 */

const tails = new Map<string, Promise<unknown>>();

export function locked<T>(name: string, run: () => Promise<T>): Promise<T> {
  if (typeof navigator !== 'undefined' && navigator.locks !== undefined) return navigator.locks.request(name, run) as Promise<T>;
  const turn = (tails.get(name) ?? Promise.resolve()).then(run, run);
  const tail = turn.then(() => undefined, () => undefined);
  tails.set(name, tail);
  tail.then(() => {
    if (tails.get(name) === tail) tails.delete(name);
  });
  return turn;
}
