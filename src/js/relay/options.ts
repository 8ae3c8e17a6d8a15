/**
 * What a relay is made with.
 * @module
 */
import type { Auth } from '../types.js';
import type { Extra } from './routes.js';
import type { RelayStore } from './store.js';

/**
 * What somebody may see and do. `sessions`: `'all'` sees everything of the server, also what is about no session; a set or a function
 * says it of one session. Sub-agents' sessions go with their parent.
 *
 * @example
 * ```ts
 * const access: Access = { user: 'ada', sessions: (id) => db.owns('ada', id) };
 * ```
 */
export interface Access {
  /** Whose it is: streams are counted by user, and a verdict on a session counts for all of a user's streams. */
  readonly user: string;
  /** Which sessions they may see: all, those of a set, or what a function says. */
  readonly sessions: 'all' | ReadonlySet<string> | ((id: string) => boolean | Promise<boolean>);
  /** Whether they may make sessions. Default: true. */
  readonly create?: boolean;
}

/**
 * Bounds of a relay. Times are milliseconds, sizes bytes.
 *
 * @example
 * ```ts
 * const limits: RelayLimits = { readersPerUser: 8, flush: 50 };
 * ```
 */
export interface RelayLimits {
  /** Streams at a time. Default 10 000. */
  readonly readers?: number;
  /** Streams of one user at a time. Default 32. */
  readonly readersPerUser?: number;
  /** Deltas of a text that come within so long are one event. Default 40. */
  readonly flush?: number;
  /** A reader that comes back gets so much at once, and the rest as it takes it. Default 256 KiB. */
  readonly chunk?: number;
  /** A stream on which nothing comes gets a comment after so long. Default 15 000. */
  readonly keepAlive?: number;
  /** A reader that takes nothing for so long is let go. Default 60 000. */
  readonly stall?: number;
  /** Readers wait so long for a server that is away. Default 10 000. */
  readonly grace?: number;
  /** The server's stream is held so long after the last reader, with nothing in flight. Default 60 000. */
  readonly linger?: number;
  /** The same with something in flight. Default 300 000. */
  readonly patience?: number;
  /** What `sessions` said of a session counts so long for streams. Default 60 000. */
  readonly verdict?: number;
  /** Sessions of a user of which that is remembered. Default 4 096. */
  readonly verdicts?: number;
  /** Events that are kept for readers that come back. Default 64 MiB. */
  readonly replay?: number;
  /** The same with nothing in flight. Default 4 MiB. */
  readonly tail?: number;
  /** What waits for the store. Default 8 MiB. */
  readonly pending?: number;
  /** Another instance leads after one was not heard of for so long. Default 6 000. */
  readonly lease?: number;
  /** The store may be out of reach so long before readers are served from memory. Default 3 000. */
  readonly storePatience?: number;
  /** A reader waits so long for a position that this instance has not read yet. Default 2 000. */
  readonly catchUp?: number;
  /** Largest body of a request. Default 24 MiB: a prompt with its files. */
  readonly body?: number;
  /** Largest answer of the server. Default 64 MiB. */
  readonly answer?: number;
  /** The server has to give a sign so often, while it answers a request. Default 30 000. */
  readonly requestTimeout?: number;
}

/**
 * Options of {@link createRelay}.
 *
 * @example
 * ```ts
 * const options: RelayOptions = { upstream: 'http://127.0.0.1:4096', authorize: async () => ({ user: 'ada', sessions: 'all' }) };
 * ```
 */
export interface RelayOptions {
  /** The OpenCode server. Nothing that a browser sends changes it. */
  readonly upstream: string | URL;
  /** Credentials for it. They never reach a browser. */
  readonly auth?: Auth | (() => Auth | Promise<Auth>);
  /** Who sends a request, and what they may see; `undefined`: nobody (401). A `Response` is given as it is. */
  readonly authorize: (request: Request) => Access | undefined | Response | Promise<Access | undefined | Response>;
  /** The project directory of all requests. Default: the server's own. */
  readonly directory?: string;
  /** Whether a user may use another directory. Default: never. */
  readonly directories?: (user: string, directory: string) => boolean | Promise<boolean>;
  /** What stands before the server's routes in the address. Default: what stands before the first route that is known. */
  readonly path?: string;
  /** Routes and fields beyond those of a chat. */
  readonly allow?: readonly Extra[];
  /** Origins of pages, beside the relay's own, that may use it. */
  readonly trustedOrigins?: readonly string[];
  /** `X-Forwarded-Host` is the proxy's, and not a browser's: it is the host that a browser used. Default: false. */
  readonly trustProxy?: boolean;
  /** Where several instances keep what they share. Default: each for itself, in memory. */
  readonly store?: RelayStore;
  /** Awaited before a user gets the session that they made. If it fails, the session is deleted again. */
  readonly onCreate?: (user: string, session: { readonly id: string }) => void | Promise<void>;
  /** Called after a session was deleted through the relay. */
  readonly onDelete?: (user: string, id: string) => void | Promise<void>;
  readonly limits?: RelayLimits;
}
