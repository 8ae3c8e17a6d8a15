/**
 * Where several instances of a relay keep the one log that they share.
 * @module
 */

/**
 * What a record says, to relays alone.
 *
 * @example
 * ```ts
 * const { kind, data }: RecordBody = record;
 * ```
 */
export interface RecordBody {
  readonly kind: number;
  readonly data: Uint8Array;
}

/**
 * A record and its place, `<epoch>-<number>`.
 *
 * @example
 * ```ts
 * const { position }: StoreRecord = record;
 * ```
 */
export interface StoreRecord extends RecordBody {
  readonly position: string;
}

/**
 * What is asked of a store. Each is one step there: nothing of another instance happens between its looks and its writes. `node` names
 * the instance, numbers are whole and safe.
 *
 * - `acquire`: take the lease for so many milliseconds, where nobody or this instance has it, and begin a new epoch, larger than all
 * before, also when the store forgot those. Where another has it, say `taken`, and remember that it is wanted.
 * - `renew`: keep it.
 * - `append`: add records, numbered from `first` on; those whose position is not above the newest one are there already. Records before
 * `keep` may go.
 * - `release`: the same, and let the lease go.
 *
 * The last three are refused with `fenced` where there is a newer epoch.
 *
 * @example
 * ```ts
 * const op: StoreOp = { type: 'acquire', node: 'a', lease: 6_000 };
 * ```
 */
export type StoreOp =
  | { readonly type: 'acquire'; readonly node: string; readonly lease: number }
  | { readonly type: 'renew'; readonly node: string; readonly epoch: number; readonly lease: number }
  | { readonly type: 'append'; readonly node: string; readonly epoch: number; readonly first: number; readonly records: readonly RecordBody[]; readonly keep?: string }
  | { readonly type: 'release'; readonly node: string; readonly epoch: number; readonly first: number; readonly records: readonly RecordBody[] };

/**
 * What a store says. `top`: the newest record before the new epoch. `for`: another has the lease for so many milliseconds at most.
 * `wanted`: another instance wants to lead, or has readers.
 *
 * @example
 * ```ts
 * const answer: StoreAnswer = { type: 'taken', for: 2_000 };
 * ```
 */
export type StoreAnswer =
  | { readonly type: 'led'; readonly epoch: number; readonly top?: string }
  | { readonly type: 'taken'; readonly for: number }
  | { readonly type: 'done'; readonly wanted: boolean }
  | { readonly type: 'fenced' };

/**
 * A log that instances share, and the lease of the one that writes it. `log` names the server that it is of.
 *
 * @example
 * ```ts
 * const store: RelayStore = redisStore({ url: 'redis://127.0.0.1:6379' });
 * ```
 */
export interface RelayStore {
  /** Rejects when it is not known whether it was done. */
  run(log: string, op: StoreOp): Promise<StoreAnswer>;
  /**
   * Reads on from behind `after` (`undefined`: all there is) until the signal aborts; rejects when it cannot. `all`: these are all for
   * now; it is called so at the beginning, too, when there are none.
   */
  follow(log: string, after: string | undefined, onRecords: (records: readonly StoreRecord[], all: boolean) => void, signal: AbortSignal): Promise<void>;
  /** Lets go of what it holds. */
  close(): Promise<void>;
}
