/**
 * Clients of Redis as the store uses them: a command with answers in bytes, and a connection of its own.
 * @module
 */
import { StoreError } from './store-error.js';

/**
 * What is used of node-redis (`createClient` of `redis`).
 *
 * @example
 * ```ts
 * const store = (client: NodeRedis) => redisStore({ client });
 * ```
 */
export interface NodeRedis {
  /** Sends a command as it is. */
  sendCommand(command: ReadonlyArray<string>, options?: object): Promise<unknown>;
  /** A further client, that is not connected yet. */
  duplicate(options?: object): NodeRedis;
  /** Connects it. */
  connect(): Promise<unknown>;
  /** Ends its connection at once. */
  destroy(): void;
  /** Listens for errors, which would end the process otherwise. */
  on(event: 'error', listener: (error: Error) => void): unknown;
  readonly options?: object;
}

/**
 * What is used of ioredis and iovalkey.
 *
 * @example
 * ```ts
 * const store = (client: IoRedis) => redisStore({ client });
 * ```
 */
export interface IoRedis {
  /** Sends a command; strings of the answer come as bytes. */
  callBuffer(command: string, ...args: string[]): Promise<unknown>;
  /** A further client. */
  duplicate(options?: object): IoRedis;
  /** Connects it. */
  connect(): Promise<unknown>;
  /** Ends its connection at once. */
  disconnect(): void;
  /** Listens for errors, which would end the process otherwise. */
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** A part of a command. */
export type Part = string | number | Uint8Array;

/** A connection. */
export interface Connection {
  /** Strings in the answer are bytes. */
  call(command: readonly Part[]): Promise<unknown>;
  /** A further connection to the same server, that does not come back by itself. */
  open(patience: number): Promise<Connection>;
  end(): void;
}

/** `Buffer` of Node: what both kinds of clients want for bytes. */
const { Buffer } = globalThis as unknown as { readonly Buffer: { from(data: ArrayBufferLike, offset: number, length: number): Uint8Array } };
/** `RESP_TYPES.BLOB_STRING` of node-redis, and its maps. */
const AS_BYTES = { 36: Buffer, 37: Array };

/** @throws {StoreError} `store_bad_option` */
export function connectionOf(client: NodeRedis | IoRedis): Connection {
  if (isNodeRedis(client)) return new NodeConnection(client);
  if (typeof (client as Partial<IoRedis> | undefined)?.callBuffer === 'function') return new IoConnection(client as IoRedis);
  throw new StoreError('store_bad_option', 'client is no client of Redis that is known here.');
}

/** Imports node-redis, which has to be installed. */
export async function connectTo(url: string, patience: number): Promise<Connection> {
  // By a name that bundlers do not follow: who has no Redis has not installed it.
  const { createClient } = (await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ PEER).catch((cause: unknown) => {
    throw new StoreError('store_no_client', 'The package redis is not there.', cause);
  })) as { createClient(options: object): NodeRedis };
  let client: NodeRedis;
  try {
    client = createClient({ url, disableOfflineQueue: true, socket: { connectTimeout: patience, reconnectStrategy: false } });
  } catch (error) {
    throw new StoreError('store_bad_option', 'url is no address of a Redis server.', error);
  }
  return opened(new NodeConnection(client), client);
}

const PEER = ['redis'].join('');

function isNodeRedis(client: NodeRedis | IoRedis | undefined): client is NodeRedis {
  return typeof (client as Partial<NodeRedis> | undefined)?.sendCommand === 'function' && typeof (client as Partial<NodeRedis>).destroy === 'function';
}

async function opened(connection: Connection, client: NodeRedis | IoRedis): Promise<Connection> {
  // A command tells it, too; without a listener Node ends the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    connection.end();
    throw error;
  }
  return connection;
}

class NodeConnection implements Connection {
  readonly #client: NodeRedis;

  constructor(client: NodeRedis) {
    this.#client = client;
  }

  call(command: readonly Part[]): Promise<unknown> {
    return this.#client.sendCommand(command.map(part) as string[], { typeMapping: AS_BYTES });
  }

  open(patience: number): Promise<Connection> {
    const { socket = {} } = (this.#client.options ?? {}) as { readonly socket?: object };
    const client = this.#client.duplicate({ disableOfflineQueue: true, socket: { ...socket, connectTimeout: patience, reconnectStrategy: false } });
    return opened(new NodeConnection(client), client);
  }

  end(): void {
    try {
      this.#client.destroy();
    } catch {
      // It is closed.
    }
  }
}

class IoConnection implements Connection {
  readonly #client: IoRedis;

  constructor(client: IoRedis) {
    this.#client = client;
  }

  call([name = '', ...rest]: readonly Part[]): Promise<unknown> {
    return this.#client.callBuffer(String(name), ...(rest.map(part) as string[]));
  }

  open(patience: number): Promise<Connection> {
    const client = this.#client.duplicate({ lazyConnect: true, connectTimeout: patience, maxRetriesPerRequest: 0, retryStrategy: () => null });
    return opened(new IoConnection(client), client);
  }

  end(): void {
    this.#client.disconnect();
  }
}

function part(each: Part): string | Uint8Array {
  return typeof each === 'object' ? Buffer.from(each.buffer, each.byteOffset, each.byteLength) : String(each);
}
