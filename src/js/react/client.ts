/**
 * The client of a tree of components, and what they share of it.
 * @module
 */
import { createContext, createElement, type ReactElement, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { type ChatSession, type Client, type ClientOptions, createClient, type SessionError } from '../index.js';
import { Leases } from './leases.js';
import type { Listing } from './listing.js';

/** What components below a {@link SessionProvider} find. */
export interface Provided {
  readonly client?: Client;
  /** Why there is none. */
  readonly error?: SessionError;
  /** Resolves with the client, or rejects with why there is none. */
  readonly ready: Promise<Client>;
}

/** What components share of a client: open sessions by id, lists by query. */
export interface Shared {
  readonly sessions: Leases<ChatSession>;
  readonly lists: Leases<Listing>;
}

/**
 * Either a client that you made (and close), or the options of one that the provider makes and closes.
 *
 * @example
 * ```ts
 * const props: SessionProviderProps = { options: { baseUrl: '/opencode' } };
 * ```
 */
export interface SessionProviderProps {
  readonly client?: Client | undefined;
  /**
   * Options of `createClient`. Another client is made when `baseUrl`, `directory` or
   * `identity` change. The others count when the client is made.
   */
  readonly options?: ClientOptions | undefined;
  readonly children?: ReactNode;
}

const NEVER: Promise<Client> = new Promise(() => undefined);
const Context = createContext<Provided>({ ready: NEVER });
const shares = new WeakMap<Client, Shared>();

/**
 * Gives the components below it a client. On a server, and until the client is there, sessions are empty and `connecting`.
 *
 * @example
 * ```ts
 * const page = createElement(SessionProvider, { options: { baseUrl: 'http://127.0.0.1:4096' } });
 * ```
 */
export function SessionProvider({ client, options, children }: SessionProviderProps): ReactElement {
  const [clients] = useState(() => new Leases<Promise<Client>>());
  const [made, setMade] = useState<{ key: string; client?: Client; error?: SessionError }>();
  const [waiting, setWaiting] = useState(deferred);
  const key = JSON.stringify([options?.baseUrl, options?.directory, options?.identity]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the other options count when the client is made.
  useEffect(() => {
    if (client !== undefined || options === undefined) return undefined;
    const release = clients.take(key, () => {
      const making = createClient(options);
      return { value: making, close: () => void making.then((done) => done.close(), () => undefined) };
    });
    let isOver = false;
    clients.peek(key)?.then(
      (done) => isOver || setMade({ key, client: done }),
      (error: SessionError) => isOver || setMade({ key, error }),
    );
    return () => {
      isOver = true;
      release();
    };
  }, [clients, client, key]);
  const current = made?.key === key ? made : undefined;
  const own = client ?? current?.client;
  const error = own === undefined ? current?.error : undefined;
  useEffect(() => {
    if (own !== undefined) waiting.resolve(own);
    else if (error !== undefined) waiting.reject(error);
    else return undefined;
    // Whoever waits once this client has gone waits for the next one.
    return () => setWaiting(deferred);
  }, [own, error, waiting]);
  const provided = useMemo(
    (): Provided => ({ ready: waiting.promise, ...(own && { client: own }), ...(error && { error }) }),
    [own, error, waiting],
  );
  return createElement(Context.Provider, { value: provided }, children);
}

/**
 * The client of the nearest {@link SessionProvider}; `undefined` until it is made, and on a server.
 *
 * @example
 * ```ts
 * const client = useClient();
 * ```
 */
export function useClient(): Client | undefined {
  return useContext(Context).client;
}

/** The client, or why there is none. */
export function useProvided(): Provided {
  return useContext(Context);
}

/** The client, waited for; rejects where there will be none. */
export async function clientOf({ client, error, ready }: Provided): Promise<Client> {
  if (error !== undefined) throw error;
  return client ?? ready;
}

/** What components share of this client. */
export function shared(client: Client): Shared {
  let share = shares.get(client);
  if (share === undefined) {
    share = { sessions: new Leases(), lists: new Leases() };
    shares.set(client, share);
  }
  return share;
}

/** Opens a session for {@link Leases}. */
export function opened(client: Client, id: string): () => { value: ChatSession; close: () => void } {
  return () => {
    const session = client.openSession(id);
    return { value: session, close: session.close };
  };
}

interface Deferred {
  readonly promise: Promise<Client>;
  readonly resolve: (client: Client) => void;
  readonly reject: (error: SessionError) => void;
}

function deferred(): Deferred {
  let resolve: Deferred['resolve'] = () => undefined;
  let reject: Deferred['reject'] = () => undefined;
  const promise = new Promise<Client>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  // Nobody need be waiting.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
