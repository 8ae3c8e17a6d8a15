/**
 * What can go wrong with a store.
 * @module
 */

/**
 * Why a store did not do what it was asked for.
 *
 * @example
 * ```ts
 * const code: StoreErrorCode = 'store_unreached';
 * ```
 */
export type StoreErrorCode = 'store_bad_option' | 'store_no_client' | 'store_unreached' | 'store_refused' | 'store_closed';

/** What to do about each. */
const HINTS: Readonly<Record<StoreErrorCode, string>> = {
  store_bad_option: 'Give { url } with redis:// or rediss://, or { client } of redis, ioredis or iovalkey.',
  store_no_client: 'Install the package redis beside this one, or give { client }.',
  store_unreached: 'Start Redis, and see to it that it is reached from here. Until then each instance goes on from memory.',
  store_refused: 'Look at what Redis said: a password, a full memory and a read-only replica are told so.',
  store_closed: 'Make a new store.',
};

/**
 * An error of a store. `hint` says the one thing to do.
 *
 * @example
 * ```ts
 * const store = redisStore({ url: 'redis://127.0.0.1:6379' }, { onError: ({ code, message, hint }: StoreError) => console.error(code, message, hint) });
 * ```
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  readonly hint: string;
  /** Whether the same may work later without a change. */
  readonly retryable: boolean;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.hint = HINTS[code];
    this.retryable = code === 'store_unreached' || code === 'store_refused';
  }
}
