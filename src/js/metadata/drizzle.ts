/**
 * Metadata in PostgreSQL, by Drizzle.
 * @module
 */
import { and, desc, eq, or, type SQL, sql } from 'drizzle-orm';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import * as check from './check.js';
import { MetadataError, told } from './error.js';
import { chatSessions, MIGRATIONS } from './schema.js';
import type { SessionRow, SessionRowChange, SessionRowQuery, Metadata, NewSessionRow } from './types.js';

/**
 * A database of Drizzle: of `drizzle-orm/node-postgres`, `drizzle-orm/pglite` and its like.
 *
 * @example
 * ```ts
 * const metadataOf = (db: Database): Metadata => drizzleMetadata(db);
 * ```
 */
export interface Database {
  /** Runs a query. */
  execute(query: never): unknown;
  /** Runs queries of which all count or none. */
  transaction(run: (all: never) => Promise<unknown>): Promise<unknown>;
}

/** What it is. Its own types are not those of this package: they do not compile where declarations are checked. */
// biome-ignore lint/suspicious/noExplicitAny: of any schema.
type Drizzle = PgDatabase<PgQueryResultHKT, any, any>;

/** Names the lock under which migrations run. */
const LOCK = 7_268_301_114;

/**
 * Metadata in a database of yours. `migrate` has to have run.
 *
 * @example
 * ```ts
 * const metadataOf = async (db: Database) => {
 *   await migrate(db);
 *   return drizzleMetadata(db);
 * };
 * ```
 */
export function drizzleMetadata(db: Database): Metadata {
  return new DrizzleMetadata(db);
}

/**
 * Makes the table, or brings it up to date. Several instances may do it at the same time, and again.
 *
 * @example
 * ```ts
 * const prepare = (db: Database) => migrate(db);
 * ```
 */
export async function migrate(db: Database): Promise<void> {
  try {
    await (db as unknown as Drizzle).transaction(async (all) => {
      await all.execute(sql`SELECT pg_advisory_xact_lock(${sql.raw(String(LOCK))})`);
      await all.execute(sql`CREATE TABLE IF NOT EXISTS chat_sessions_version (version integer NOT NULL)`);
      const answer = (await all.execute(sql`SELECT coalesce(max(version), 0)::integer AS version FROM chat_sessions_version`)) as unknown as { readonly rows: readonly { readonly version: number }[] };
      const version = answer.rows[0]?.version ?? 0;
      for (const [at, statements] of MIGRATIONS.entries()) {
        if (at < version) continue;
        for (const statement of statements) await all.execute(sql.raw(statement));
        await all.execute(sql`INSERT INTO chat_sessions_version (version) VALUES (${at + 1})`);
      }
    });
  } catch (error) {
    throw told(error);
  }
}

class DrizzleMetadata implements Metadata {
  readonly #db: Drizzle;

  constructor(db: Database) {
    this.#db = db as unknown as Drizzle;
  }

  create(session: NewSessionRow): Promise<SessionRow> {
    return asked(async () => {
      const row = check.newSession(session);
      const [made] = await this.#db.insert(chatSessions).values({ ...row, createdAt: new Date() }).onConflictDoNothing({ target: chatSessions.id }).returning();
      const there = made ?? (await this.#get(row.id));
      // Removed in between.
      if (there === undefined) throw new MetadataError('metadata_unreached', 'The row was removed while it was made.');
      if (there.userId !== row.userId) throw new MetadataError('metadata_taken', 'The session is of another user.');
      return there;
    });
  }

  get(id: string): Promise<SessionRow | undefined> {
    return asked(async () => this.#get(check.name('id', id)));
  }

  list(query: SessionRowQuery): Promise<SessionRow[]> {
    return asked(async () => {
      const { user, workspace, tag, text, limit, before } = check.query(query);
      const wanted: (SQL | undefined)[] = [eq(chatSessions.userId, user)];
      if (workspace !== undefined) wanted.push(eq(chatSessions.workspaceId, workspace));
      if (tag !== undefined) wanted.push(sql`${chatSessions.tags} @> ${JSON.stringify([tag])}::jsonb`);
      if (text !== undefined) {
        // `%`, `_` and the escape itself are what they are.
        const like = `%${text.replace(/[\\%_]/g, '\\$&')}%`;
        wanted.push(
          or(
            sql`${chatSessions.workspaceId} ILIKE ${like}`,
            sql`${chatSessions.custom}::text ILIKE ${like}`,
            sql`EXISTS (SELECT 1 FROM jsonb_array_elements_text(${chatSessions.tags}) AS tag WHERE tag ILIKE ${like})`,
          ),
        );
      }
      if (before !== undefined) wanted.push(sql`(${chatSessions.createdAt}, ${chatSessions.id} COLLATE "C") < (${before.createdAt.toISOString()}::timestamptz, ${before.id})`);
      return this.#db.select().from(chatSessions).where(and(...wanted)).orderBy(desc(chatSessions.createdAt), sql`${chatSessions.id} COLLATE "C" DESC`).limit(limit);
    });
  }

  update(id: string, changes: SessionRowChange): Promise<SessionRow | undefined> {
    return asked(async () => {
      const set = check.change(changes);
      const at = check.name('id', id);
      if (Object.keys(set).length === 0) return this.#get(at);
      const [row] = await this.#db.update(chatSessions).set(set).where(eq(chatSessions.id, at)).returning();
      return row;
    });
  }

  remove(id: string): Promise<boolean> {
    return asked(async () => {
      const gone = await this.#db.delete(chatSessions).where(eq(chatSessions.id, check.name('id', id))).returning({ id: chatSessions.id });
      return gone.length > 0;
    });
  }

  owns(user: string, id: string): Promise<boolean> {
    return asked(async () => {
      const owner = check.name('user', user);
      return (await this.#get(check.name('id', id)))?.userId === owner;
    });
  }

  async #get(id: string): Promise<SessionRow | undefined> {
    const [row] = await this.#db.select().from(chatSessions).where(eq(chatSessions.id, id)).limit(1);
    return row;
  }
}

async function asked<T>(job: () => Promise<T>): Promise<T> {
  try {
    return await job();
  } catch (error) {
    throw told(error);
  }
}
