/**
 * What an application knows of its sessions, and what can be done with it.
 * @module
 */

/**
 * What is known of a session. The session itself is the OpenCode server's.
 *
 * @example
 * ```ts
 * const titleOf = ({ userId, tags }: SessionRow) => `${userId}: ${tags.join(', ')}`;
 * ```
 */
export interface SessionRow {
  /** The id of the OpenCode session. */
  readonly id: string;
  readonly userId: string;
  readonly workspaceId: string | null;
  readonly tags: readonly string[];
  /** Of the application's own. */
  readonly custom: { readonly [key: string]: unknown };
  readonly createdAt: Date;
}

/**
 * A session that becomes known.
 *
 * @example
 * ```ts
 * const row: NewSessionRow = { id: 'ses_1', userId: 'ada', tags: ['invoices'] };
 * ```
 */
export interface NewSessionRow {
  readonly id: string;
  readonly userId: string;
  readonly workspaceId?: string | null;
  readonly tags?: readonly string[];
  readonly custom?: { readonly [key: string]: unknown };
}

/**
 * What is changed; the rest stays.
 *
 * @example
 * ```ts
 * const change: SessionRowChange = { tags: ['done'] };
 * ```
 */
export type SessionRowChange = Partial<Pick<NewSessionRow, 'workspaceId' | 'tags' | 'custom'>>;

/**
 * Which sessions: those of one user, newest first.
 *
 * @example
 * ```ts
 * const query: SessionRowQuery = { user: 'ada', tag: 'invoices', limit: 20 };
 * ```
 */
export interface SessionRowQuery {
  readonly user: string;
  readonly workspace?: string;
  /** That have this tag. */
  readonly tag?: string;
  /** That have this text in a tag, in the workspace or in `custom`; capitals do not matter. */
  readonly text?: string;
  /** At most so many, 1 to 500. Default 50. */
  readonly limit?: number;
  /** Older than this one: the last row of the page before. It may have been removed. */
  readonly before?: Pick<SessionRow, 'id' | 'createdAt'>;
}

/**
 * Where metadata is kept. Every method may be called again when it is not known whether it was done. All reject with `MetadataError`.
 *
 * @example
 * ```ts
 * const metadata: Metadata = memoryMetadata();
 * ```
 */
export interface Metadata {
  /** The row that is there, if it is of the same user; `metadata_taken` if it is another's. */
  create(session: NewSessionRow): Promise<SessionRow>;
  /** `undefined`: there is none. */
  get(id: string): Promise<SessionRow | undefined>;
  /** The newest first. */
  list(query: SessionRowQuery): Promise<SessionRow[]>;
  /** `undefined`: there is none. */
  update(id: string, change: SessionRowChange): Promise<SessionRow | undefined>;
  /** Whether there was one. */
  remove(id: string): Promise<boolean>;
  /** Whether a session is this user's. */
  owns(user: string, id: string): Promise<boolean>;
}
