/**
 * A part of a store's state, kept as it was while it is equal.
 * @module
 */
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';

/** A place to read from. */
export interface Source<S> {
  subscribe(listener: () => void): () => void;
  getSnapshot(): S;
  /** The same on the server and while its page is taken over. */
  getServerSnapshot(): S;
}

/** Renders again only when what `select` makes of the state is no longer equal to what it was. */
export function useSelection<S, T>(source: Source<S>, select: (state: S) => T, isEqual: (a: T, b: T) => boolean): T {
  const last = useRef<{ value: T } | undefined>(undefined);
  const [snapshot, serverSnapshot] = useMemo(() => {
    const selecting = (read: () => S): (() => T) => {
      let memo: { state: S; value: T } | undefined;
      return () => {
        const state = read();
        if (memo !== undefined && Object.is(memo.state, state)) return memo.value;
        const next = select(state);
        const kept = memo ?? last.current;
        const value = kept !== undefined && isEqual(kept.value, next) ? kept.value : next;
        memo = { state, value };
        return value;
      };
    };
    return [selecting(source.getSnapshot), selecting(source.getServerSnapshot)];
  }, [source, select, isEqual]);
  const value = useSyncExternalStore(source.subscribe, snapshot, serverSnapshot);
  useEffect(() => {
    last.current = { value };
  }, [value]);
  return value;
}

/** The same value, or the same values under the same names. */
export function isShallowEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && Object.is(a[name as never], b[name as never]));
}
