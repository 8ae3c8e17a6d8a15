/**
 * A database by its address: PostgreSQL, or PGlite, which needs no server.
 * @module
 */
import { type Database, drizzleMetadata, migrate } from './drizzle.js';
import { MetadataError, told } from './error.js';
import type { Metadata } from './types.js';

/** A connection is waited for so long, milliseconds. */
const CONNECT = 5_000;
/** An answer is. */
const ANSWER = 10_000;
/** Connections to PostgreSQL. */
const CONNECTIONS = 10;
/** Frameworks load modules several times, and PGlite is to be opened once. */
const PLACE = Symbol.for('opencode-session.metadata');

/**
 * Where the database is.
 *
 * @example
 * ```ts
 * const place: MetadataPlace = { url: 'postgres://app@127.0.0.1/app' };
 * ```
 */
export interface MetadataPlace {
  /** Of PostgreSQL. Default: `DATABASE_URL` of the environment; without one, PGlite. */
  readonly url?: string | undefined;
  /** PGlite's folder. Default: in memory, gone with the process. One process at a time. */
  readonly dir?: string | undefined;
}

/**
 * Metadata that was opened.
 *
 * @example
 * ```ts
 * const all: OpenMetadata = await openMetadata();
 * await all.close();
 * ```
 */
export interface OpenMetadata extends Metadata {
  /** For queries of your own: a database of `drizzle-orm/node-postgres` or `drizzle-orm/pglite`. */
  readonly db: Database;
  readonly kind: 'postgres' | 'pglite';
  /** Lets the database go; it can be opened again. */
  close(): Promise<void>;
}

/**
 * Opens the database and brings its table up to date. The same place is opened once in a process; after a failure it is tried again.
 *
 * @example
 * ```ts
 * const metadata = await openMetadata({ dir: './data' });
 * ```
 */
export function openMetadata(place: MetadataPlace = {}): Promise<OpenMetadata> {
  const { url = env('DATABASE_URL'), dir } = place;
  const isServer = url !== undefined && url !== '' && place.dir === undefined;
  const key = isServer ? url : `pglite:${dir ?? ''}`;
  const shared = globalThis as { [PLACE]?: Map<string, Promise<OpenMetadata>> };
  shared[PLACE] ??= new Map();
  const all = shared[PLACE];
  const there = all.get(key);
  if (there !== undefined) return there;
  const forget = (): void => {
    if (all.get(key) === opening) all.delete(key);
  };
  const opening = (isServer ? postgres(url) : pglite(dir)).then((opened) => finished(opened, forget));
  all.set(key, opening);
  opening.catch(forget);
  return opening;
}

interface Opened {
  readonly db: Database;
  readonly kind: 'postgres' | 'pglite';
  end(): Promise<void>;
}

async function finished({ db, kind, end }: Opened, forget: () => void): Promise<OpenMetadata> {
  try {
    await migrate(db);
  } catch (error) {
    await end().catch(() => undefined);
    throw error;
  }
  const all = drizzleMetadata(db);
  return {
    db,
    kind,
    create: (session) => all.create(session),
    get: (id) => all.get(id),
    list: (query) => all.list(query),
    update: (id, change) => all.update(id, change),
    remove: (id) => all.remove(id),
    owns: (user, id) => all.owns(user, id),
    close: () => {
      forget();
      return end();
    },
  };
}

interface Pool {
  on(event: 'error', listener: () => void): unknown;
  end(): Promise<void>;
}

async function postgres(url: string): Promise<Opened> {
  if (!/^postgres(?:ql)?:\/\//.test(url)) throw new MetadataError('metadata_bad_input', 'url is no address of PostgreSQL: it begins with postgres://.');
  const { default: pg, drizzle } = await peers(async () => {
    // Within `try`, bundlers let a package be that is not there.
    try {
      return { ...(await import('pg' as string)), ...(await import('drizzle-orm/node-postgres' as string)) };
    } catch (error) {
      throw new MetadataError('metadata_no_driver', 'The package pg is not there.', error);
    }
  });
  const pool: Pool = made(() => new pg.Pool({ connectionString: url, max: CONNECTIONS, connectionTimeoutMillis: CONNECT, query_timeout: ANSWER }));
  // A query tells it, too; without a listener Node ends the process.
  pool.on('error', () => undefined);
  return { db: drizzle({ client: pool }), kind: 'postgres', end: () => pool.end() };
}

async function pglite(dir: string | undefined): Promise<Opened> {
  const { PGlite, drizzle } = await peers(async () => {
    try {
      return { ...(await import('@electric-sql/pglite' as string)), ...(await import('drizzle-orm/pglite' as string)) };
    } catch (error) {
      throw new MetadataError('metadata_no_driver', 'The package @electric-sql/pglite is not there, and DATABASE_URL is not set.', error);
    }
  });
  const client: { readonly waitReady: Promise<void>; close(): Promise<void> } = made(() => new PGlite(dir));
  try {
    await client.waitReady;
  } catch (error) {
    throw told(error);
  }
  return { db: drizzle({ client }), kind: 'pglite', end: () => client.close() };
}

/** What is imported has types only where it is installed. */
// biome-ignore lint/suspicious/noExplicitAny: see there.
function peers(load: () => Promise<any>): Promise<any> {
  return load();
}

function made<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw told(error);
  }
}

function env(name: string): string | undefined {
  return (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env?.[name];
}
