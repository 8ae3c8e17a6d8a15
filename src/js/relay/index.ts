/**
 * An OpenCode server for several people and devices: holds its one event stream for all, shows each what is theirs, and keeps its password.
 * @module
 */
import type { Access, RelayOptions } from './options.js';
import { Desk } from './desk.js';

export type { RelayErrorCode } from './errors.js';
export { type Listener, type NodeRequest, type NodeResponse, toNodeListener } from './node.js';
export type { Access, RelayLimits, RelayOptions } from './options.js';
export type { Extra } from './routes.js';
export { type RedisPlace, redisStore, type RedisStoreOptions } from './redis.js';
export type { IoRedis, NodeRedis } from './redis-client.js';
export type { RecordBody, RelayStore, StoreAnswer, StoreOp, StoreRecord } from './store.js';
export { StoreError, type StoreErrorCode } from './store-error.js';

/**
 * Somebody who was let in: reaches the server as a browser of theirs would.
 *
 * @example
 * ```ts
 * const visit: Visit | Response = await relay.visit(request);
 * ```
 */
export interface Visit {
  readonly user: string;
  readonly access: Access;
  /** What to give `createClient` as `baseUrl`, together with `fetch`. */
  readonly baseUrl: string;
  /** Passes requests on, and refuses what this user may not. */
  readonly fetch: typeof fetch;
  /** Ends when the relay does. */
  readonly signal: AbortSignal;
}

/**
 * A handler for requests of browsers, and what else can be done with a relay.
 *
 * @example
 * ```ts
 * const relay: Relay = createRelay({ upstream: 'http://127.0.0.1:4096', authorize: async () => ({ user: 'ada', sessions: 'all' }) });
 * const answer = await relay(request);
 * ```
 */
export interface Relay {
  (request: Request): Promise<Response>;
  /** Lets somebody in, for what runs in this process: a `Response` says why not. */
  visit(request: Request): Promise<Visit | Response>;
  /** What a user may see has changed: they are asked about anew. */
  forget(user: string): void;
  /** Ends all streams, so that readers go to another instance, and lets this one go. */
  drain(): Promise<void>;
  /** The same at once. */
  close(): void;
}

/**
 * Makes a relay. All relays of a process with the same `upstream` share one event stream.
 *
 * @example
 * ```ts
 * const relay = createRelay({ upstream: 'http://127.0.0.1:4096', authorize: (request) => whoIs(request) });
 * ```
 */
export function createRelay(options: RelayOptions): Relay {
  const desk = new Desk(options);
  const relay = (request: Request): Promise<Response> => desk.handle(request);
  return Object.assign(relay, {
    visit: (request: Request) => desk.visit(request),
    forget: (user: string) => desk.forget(user),
    drain: () => desk.drain(),
    close: () => desk.close(),
    [DESK]: desk,
  });
}

/** Where `toNodeListener` finds what it needs. */
const DESK: unique symbol = Symbol.for('opencode-session.relay.desk');

