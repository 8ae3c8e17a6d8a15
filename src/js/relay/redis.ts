/**
 * The log of several relays in Redis: a stream whose ids are positions, and a lease that is checked by each write.
 * @module
 */
import { type Connection, connectionOf, connectTo, type IoRedis, type NodeRedis, type Part } from './redis-client.js';
import { SCRIPT } from './redis-script.js';
import type { RelayStore, StoreAnswer, StoreOp, StoreRecord } from './store.js';
import { StoreError } from './store-error.js';

/** A read that finds nothing comes back after so long, milliseconds: relays take one for lost that is quiet for longer than `storePatience`. */
const BLOCK = 1_000;
/** Records of one read. */
const COUNT = 100;
/** How long keys are kept, milliseconds, without the option. */
const KEEP = 3_600_000;
/** How long an answer is waited for, milliseconds, without the option. */
const PATIENCE = 2_000;

/**
 * Where Redis is. With `url` the package `redis` is imported; a client stays yours: it is neither connected nor closed, and reads have
 * connections of their own, made with its `duplicate`.
 *
 * @example
 * ```ts
 * const place: RedisPlace = { url: 'redis://127.0.0.1:6379' };
 * ```
 */
export type RedisPlace = { readonly url: string } | { readonly client: NodeRedis | IoRedis };

/**
 * Options of {@link redisStore}. Times are milliseconds.
 *
 * @example
 * ```ts
 * const options: RedisStoreOptions = { prefix: 'shop', keep: 600_000 };
 * ```
 */
export interface RedisStoreOptions {
  /** Begins the names of all keys. Default `opencode-session`. */
  readonly prefix?: string;
  /** The log of a server of which nothing is heard for so long is gone. Default 3 600 000. */
  readonly keep?: number;
  /** An answer is waited for so long. Default 2 000. */
  readonly patience?: number;
  /** Told of each error; relays go on by themselves. */
  readonly onError?: (error: StoreError) => void;
}

/**
 * A store in Redis 7 or Valkey, for relays on several machines.
 *
 * @example
 * ```ts
 * const relay = createRelay({ upstream: baseUrl, authorize: () => ({ user: 'ada', sessions: 'all' }), store: redisStore({ url: 'redis://127.0.0.1:6379' }) });
 * ```
 */
export function redisStore(place: RedisPlace, options: RedisStoreOptions = {}): RelayStore {
  return new RedisStore(place, options);
}

class RedisStore implements RelayStore {
  readonly #place: RedisPlace;
  readonly #prefix: string;
  readonly #keep: number;
  readonly #patience: number;
  readonly #onError: RedisStoreOptions['onError'];
  readonly #over = new AbortController();
  /** To a client that was given. */
  readonly #given: Connection | undefined;
  #opening: Promise<Connection> | undefined;
  #sha: Promise<string> | undefined;

  constructor(place: RedisPlace, { prefix = 'opencode-session', keep = KEEP, patience = PATIENCE, onError }: RedisStoreOptions) {
    if ('client' in place) this.#given = connectionOf(place.client);
    else if (typeof place.url !== 'string' || !/^rediss?:\/\//.test(place.url)) throw new StoreError('store_bad_option', 'url is no address of a Redis server.');
    for (const [name, value] of Object.entries({ keep, patience })) {
      if (!(Number.isSafeInteger(value) && value >= 1)) throw new StoreError('store_bad_option', `${name} is no whole number of at least 1.`);
    }
    // Braces say what of a key decides its place in a cluster: those of the log, then.
    if (typeof prefix !== 'string' || /[{}]/.test(prefix)) throw new StoreError('store_bad_option', 'prefix is no text without braces.');
    this.#place = place;
    this.#prefix = prefix;
    this.#keep = keep;
    this.#patience = patience;
    this.#onError = onError;
  }

  async run(log: string, op: StoreOp): Promise<StoreAnswer> {
    return this.#told(async () => {
      const [kind, one, two] = await this.#script([...this.#keys(log), op.type, op.node, this.#keep, ...rest(op)]);
      if (kind === 'led') return { type: 'led', epoch: Number(one), ...(two && { top: two }) };
      if (kind === 'taken') return { type: 'taken', for: Number(one) };
      return kind === 'done' ? { type: 'done', wanted: one === '1' } : { type: 'fenced' };
    });
  }

  async follow(log: string, after: string | undefined, onRecords: (records: readonly StoreRecord[], all: boolean) => void, signal: AbortSignal): Promise<void> {
    const isOn = (): boolean => !signal.aborted && !this.#over.signal.aborted;
    await this.#told(async () => {
      if (signal.aborted) return;
      const [, stream] = this.#keys(log);
      // A blocked read holds the whole connection.
      const connection = await this.#open(signal);
      const end = (): void => connection.end();
      signal.addEventListener('abort', end);
      this.#over.signal.addEventListener('abort', end);
      let last = after ?? '0';
      let block: Part[] = [];
      try {
        while (isOn()) {
          const found = entries(await this.#within(connection.call(['XREAD', 'COUNT', COUNT, ...block, 'STREAMS', stream, last]), BLOCK + this.#patience));
          if (!isOn()) return;
          last = found.at(-1)?.position ?? last;
          const all = found.length < COUNT;
          onRecords(found, all);
          block = all ? ['BLOCK', BLOCK] : [];
        }
      } catch (error) {
        if (isOn()) throw error;
      } finally {
        signal.removeEventListener('abort', end);
        this.#over.signal.removeEventListener('abort', end);
        end();
      }
    });
  }

  async close(): Promise<void> {
    this.#over.abort();
    const opening = this.#opening;
    this.#opening = undefined;
    (await opening?.catch(() => undefined))?.end();
  }

  #keys(log: string): [state: string, stream: string] {
    // Within braces: both are in one slot of a cluster.
    const name = `${this.#prefix}:{${encodeURIComponent(log)}}`;
    return [`${name}:state`, `${name}:log`];
  }

  async #script([state, stream, ...args]: readonly Part[]): Promise<string[]> {
    const connection = await this.#within(this.#connection(), this.#patience);
    const rest = [2, state as Part, stream as Part, ...args];
    this.#sha ??= sha1(SCRIPT);
    const sha = await this.#sha;
    const answer = async (): Promise<unknown> => {
      try {
        return await connection.call(['EVALSHA', sha, ...rest]);
      } catch (error) {
        // A server that was started anew does not know it.
        if (!String((error as Error | undefined)?.message).startsWith('NOSCRIPT')) throw error;
        return connection.call(['EVAL', SCRIPT, ...rest]);
      }
    };
    try {
      return ((await this.#within(answer(), this.#patience)) as Uint8Array[]).map(String);
    } catch (error) {
      // A connection of our own that is lost or mute: the next command has a new one.
      if (!isReply(error)) this.#drop(connection);
      throw error;
    }
  }

  #connection(): Promise<Connection> {
    if (this.#given !== undefined) return Promise.resolve(this.#given);
    if (this.#opening === undefined) {
      const opening = connectTo((this.#place as { readonly url: string }).url, this.#patience);
      this.#opening = opening;
      opening.catch(() => {
        if (this.#opening === opening) this.#opening = undefined;
      });
    }
    return this.#opening;
  }

  #drop(connection: Connection): void {
    if (connection === this.#given) return;
    this.#opening = undefined;
    connection.end();
  }

  /** A connection for reads. One that comes too late is closed. */
  async #open(signal: AbortSignal): Promise<Connection> {
    const opening = (async () => ('url' in this.#place ? connectTo(this.#place.url, this.#patience) : (this.#given as Connection).open(this.#patience)))();
    try {
      const connection = await this.#within(opening, this.#patience);
      if (signal.aborted || this.#over.signal.aborted) connection.end();
      return connection;
    } catch (error) {
      opening.then((late) => late.end(), () => undefined);
      throw error;
    }
  }

  async #within<T>(job: Promise<T>, patience: number): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new StoreError('store_unreached', `Redis did not answer within ${patience} ms.`)), patience);
    });
    try {
      return await Promise.race([job, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Errors as they are told. */
  async #told<T>(job: () => Promise<T>): Promise<T> {
    try {
      if (this.#over.signal.aborted) throw new StoreError('store_closed', 'The store is closed.');
      return await job();
    } catch (cause) {
      const error = cause instanceof StoreError ? cause : isReply(cause) ? new StoreError('store_refused', `Redis said: ${String((cause as Error).message).slice(0, 200)}`, cause) : new StoreError('store_unreached', 'Redis was not reached.', cause);
      this.#onError?.(error);
      throw error;
    }
  }
}

function rest(op: StoreOp): Part[] {
  if (op.type === 'acquire') return [op.lease];
  if (op.type === 'renew') return [op.epoch, op.lease];
  return [op.epoch, op.first, (op.type === 'append' && op.keep) || '', ...op.records.flatMap(({ kind, data }) => [kind, data])];
}

/** Redis answered with an error: words in capitals, first. */
function isReply(error: unknown): boolean {
  return /^[A-Z]{3,}\b/.test(String((error as Error | undefined)?.message)) && !/^E[A-Z]+$/.test(String((error as { code?: unknown }).code ?? ''));
}

/** Of both versions of the protocol: the stream's name and its entries are a pair, or stand in a list. */
function entries(reply: unknown): StoreRecord[] {
  if (!Array.isArray(reply)) return [];
  const pair: unknown[] = Array.isArray(reply[0]) ? reply[0] : reply;
  return (pair[1] as [Uint8Array, Uint8Array[]][]).map(([position, [, kind, , data]]) => ({ position: String(position), kind: Number(String(kind)), data: data as Uint8Array }));
}

async function sha1(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text)));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
