/**
 * Lists, the connection, countdowns and problems in components.
 * @module
 */
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { ChatSession, ConnectionState, LiveQuery, LiveSessionsState, Sessions, SessionState } from '../index.js';
import { CONNECTING, UNLISTED } from '../initial.js';
import { type Problem, problemOf } from '../problem.js';
import { clientOf, shared, useProvided } from './client.js';
import { type Listing, listed } from './listing.js';
import { ended } from './states.js';

/**
 * What {@link useSessions} gives. `state` is immutable; a new object only when something changed.
 *
 * @example
 * ```ts
 * const { state, rename }: SessionList = useSessions();
 * ```
 */
export interface SessionList extends Pick<Sessions, 'create' | 'rename' | 'archive' | 'remove'> {
  readonly state: LiveSessionsState;
  /** Shows up to `n` more. Resolves with whether there are still more. */
  loadMore(n?: number): Promise<boolean>;
  /** Shows only sessions with this text in the title. */
  search(text: string): Promise<void>;
}

/**
 * A list of sessions that is kept up to date while the component is shown. Components with the same query share it.
 *
 * @example
 * ```ts
 * const { state, loadMore } = useSessions({ limit: 30 });
 * ```
 */
export function useSessions(query: LiveQuery = {}): SessionList {
  const provided = useProvided();
  const key = JSON.stringify(query);
  const [source, methods] = useMemo(() => {
    const { client, error } = provided;
    const failed = error && Object.freeze({ ...UNLISTED, status: 'closed' as const, connection: ended(error), error });
    const listing = async (): Promise<Listing> => {
      const own = await clientOf(provided);
      return shared(own).lists.touch(key, listed(own, key));
    };
    const sessions = async (): Promise<Sessions> => (await clientOf(provided)).sessions;
    return [
      {
        subscribe: (listener: () => void) => {
          if (client === undefined) return () => undefined;
          const { lists } = shared(client);
          const release = lists.take(key, listed(client, key));
          const stop = lists.peek(key)?.subscribe(listener);
          return () => {
            stop?.();
            release();
          };
        },
        getSnapshot: () => (client ? shared(client).lists.peek(key)?.state : failed) ?? UNLISTED,
      },
      {
        loadMore: async (n?: number) => (await listing()).loadMore(n),
        search: async (text: string) => (await listing()).search(text),
        create: async (...args: Parameters<Sessions['create']>) => (await sessions()).create(...args),
        rename: async (...args: Parameters<Sessions['rename']>) => (await sessions()).rename(...args),
        archive: async (...args: Parameters<Sessions['archive']>) => (await sessions()).archive(...args),
        remove: async (...args: Parameters<Sessions['remove']>) => (await sessions()).remove(...args),
      },
    ] as const;
  }, [provided, key]);
  const state = useSyncExternalStore(source.subscribe, source.getSnapshot, () => UNLISTED);
  return useMemo(() => ({ ...methods, state }), [methods, state]);
}

/**
 * The connection of the client, as the sessions and lists tell that are shown now; all share one stream.
 *
 * @example
 * ```ts
 * const { phase } = useConnection();
 * ```
 */
export function useConnection(): ConnectionState {
  const { client, error } = useProvided();
  const source = useMemo(() => {
    const none = error ? ended(error) : CONNECTING;
    if (client === undefined) return { subscribe: () => () => undefined, getSnapshot: () => none };
    const { lists, sessions } = shared(client);
    const all = (): (ChatSession | Listing)[] => [...sessions.values(), ...lists.values()];
    return {
      subscribe: (listener: () => void) => {
        let stops: (() => void)[] = [];
        const listen = (): void => {
          for (const stop of stops) stop();
          stops = all().map((each) => each.subscribe(listener));
        };
        const again = (): void => {
          listen();
          listener();
        };
        listen();
        const ends = [sessions.subscribe(again), lists.subscribe(again)];
        return () => {
          for (const stop of [...ends, ...stops]) stop();
        };
      },
      getSnapshot: () => all()[0]?.state.connection ?? none,
    };
  }, [client, error]);
  return useSyncExternalStore(source.subscribe, source.getSnapshot, () => CONNECTING);
}

/**
 * Whole seconds until the next try of a connection that waits; `undefined` while none is waited for.
 *
 * @example
 * ```ts
 * const seconds = useCountdown(session.state.connection);
 * ```
 */
export function useCountdown({ retryAt }: Pick<ConnectionState, 'retryAt'>): number | undefined {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (retryAt === undefined) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tick = (): void => {
      const time = Date.now();
      setNow(time);
      if (time < retryAt) timer = setTimeout(tick, (retryAt - time) % 1_000 || 1_000);
    };
    tick();
    return () => clearTimeout(timer);
  }, [retryAt]);
  return retryAt === undefined ? undefined : Math.max(0, Math.ceil((retryAt - now) / 1_000));
}

/**
 * The one problem that a person should see now, with a sentence for them; `undefined` while there is none.
 *
 * @example
 * ```ts
 * const problem = useProblem(session.state);
 * ```
 */
export function useProblem(state: SessionState): Problem | undefined {
  return useMemo(() => {
    const problem = problemOf(state);
    return problem?.worthShowing ? problem : undefined;
  }, [state]);
}
