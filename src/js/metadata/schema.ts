/**
 * The one table, and how a database gets it.
 * @module
 */
import { index, jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core';

/**
 * The table, for queries of your own and for `drizzle-kit`.
 *
 * @example
 * ```ts
 * const { db } = await openMetadata();
 * const all = await db.select().from(chatSessions);
 * ```
 */
export const chatSessions = pgTable(
  'chat_sessions',
  {
    id: text('id').primaryKey(),
    userId: text('user_id').notNull(),
    workspaceId: text('workspace_id'),
    tags: jsonb('tags').$type<readonly string[]>().notNull().default([]),
    custom: jsonb('custom').$type<{ readonly [key: string]: unknown }>().notNull().default({}),
    // Of the precision of a `Date`, so that a row's own time is found again.
    createdAt: timestamp('created_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
  },
  (table) => [index('chat_sessions_user').on(table.userId, table.createdAt, table.id), index('chat_sessions_tags').using('gin', table.tags)],
);

/** Each is run once, in order, and never changed: later versions add to the end. */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE IF NOT EXISTS chat_sessions (
      id text PRIMARY KEY,
      user_id text NOT NULL,
      workspace_id text,
      tags jsonb DEFAULT '[]'::jsonb NOT NULL,
      custom jsonb DEFAULT '{}'::jsonb NOT NULL,
      created_at timestamp(3) with time zone DEFAULT now() NOT NULL
    )`,
    'CREATE INDEX IF NOT EXISTS chat_sessions_user ON chat_sessions USING btree (user_id, created_at, id)',
    'CREATE INDEX IF NOT EXISTS chat_sessions_tags ON chat_sessions USING gin (tags)',
  ],
];
