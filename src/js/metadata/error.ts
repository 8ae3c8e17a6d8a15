/**
 * What can go wrong with metadata.
 * @module
 */

/**
 * Why metadata could not be read or written.
 *
 * @example
 * ```ts
 * const code: MetadataErrorCode = 'metadata_unreached';
 * ```
 */
export type MetadataErrorCode = 'metadata_bad_input' | 'metadata_taken' | 'metadata_no_driver' | 'metadata_unreached' | 'metadata_failed';

/** What to do about each. */
const HINTS: Readonly<Record<MetadataErrorCode, string>> = {
  metadata_bad_input: 'Look at the types of opencode-session/metadata.',
  metadata_taken: 'Session ids are of one OpenCode server: use a database for each.',
  metadata_no_driver: 'Install pg for PostgreSQL, or @electric-sql/pglite for a database without a server.',
  metadata_unreached: 'See to it that the database runs and that DATABASE_URL is right, then do it again.',
  metadata_failed: 'Look at the cause of the error: that is what the database said.',
};

/**
 * An error of metadata. `hint` says the one thing to do. What was asked for was not done, or, where no answer came, may be done: all
 * operations can be repeated.
 *
 * @example
 * ```ts
 * const rows = await memoryMetadata().list({ user: 'ada' }).catch((error: MetadataError) => (error.retryable ? [] : Promise.reject(error)));
 * ```
 */
export class MetadataError extends Error {
  override readonly name = 'MetadataError';
  readonly code: MetadataErrorCode;
  readonly hint: string;
  /** Whether the same may work later without a change. */
  readonly retryable: boolean;

  constructor(code: MetadataErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.hint = HINTS[code];
    this.retryable = code === 'metadata_unreached';
  }
}

interface Link {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
}

/** An error of a database as it is told. */
export function told(cause: unknown): MetadataError {
  if (cause instanceof MetadataError) return cause;
  const chain: Link[] = [];
  for (let at = cause as Link | null | undefined; typeof at === 'object' && at !== null && chain.length < 8; at = at.cause as typeof at) chain.push(at);
  const isAway = chain.some(({ code, message }) => AWAY.test(String(code ?? '')) || AWAY_SAID.test(String(message ?? '')));
  const said = String(chain.at(-1)?.message ?? cause).slice(0, 200);
  return isAway ? new MetadataError('metadata_unreached', `The database was not reached: ${said}`, cause) : new MetadataError('metadata_failed', `The database said: ${said}`, cause);
}

/** SQLSTATE of connections, of resources and of a server that ends; and what sockets say. */
const AWAY = /^(?:08...|53...|57...|E(?:CONN\w+|PIPE|TIMEDOUT|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH))$/;
/** `pg` gives these no code. */
const AWAY_SAID = /timeout|Connection terminated|Client has encountered a connection error|pool after calling end|PGlite is clos/i;
