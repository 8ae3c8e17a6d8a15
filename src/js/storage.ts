/**
 * Where journal records are kept: IndexedDB, or memory.
 * @module
 */

/** Records by key. */
export interface Storage {
  /** All records whose key starts with `prefix`. */
  find(prefix: string): Promise<[key: string, record: Uint8Array][]>;
  put(key: string, record: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  /** Removes all records whose key starts with `prefix`. */
  clear(prefix: string): Promise<void>;
}

const DATABASE = 'opencode-session';
const STORE = 'journal';
/** Records of sessions that nobody opens any more go after this long, milliseconds. */
const KEEP = 7 * 24 * 3_600_000;

/** As it stands in the database. */
interface Row {
  readonly at: number;
  readonly record: Uint8Array;
}

/** Bytes of all records in memory; the oldest go. */
const MEMORY = 16 * 1024 * 1024;

/** Records that live as long as the script: shared by all clients of it. The oldest first. */
const remembered = new Map<string, Uint8Array>();
/** What they take. */
let bytes = 0;
/** Old records were looked for. */
let isSwept = false;

/** Keeps records as long as the script runs. */
export class MemoryStorage implements Storage {
  async find(prefix: string): Promise<[string, Uint8Array][]> {
    return [...remembered].filter(([key]) => key.startsWith(prefix));
  }

  async put(key: string, record: Uint8Array): Promise<void> {
    drop(key);
    remembered.set(key, record);
    bytes += record.length;
    for (const oldest of remembered.keys()) if (bytes > MEMORY) drop(oldest);
  }

  async remove(key: string): Promise<void> {
    drop(key);
  }

  async clear(prefix: string): Promise<void> {
    for (const key of remembered.keys()) if (key.startsWith(prefix)) drop(key);
  }
}

function drop(key: string): void {
  bytes -= remembered.get(key)?.length ?? 0;
  remembered.delete(key);
}

/** Keeps records in the browser. The database is made with the first record, not before. */
export class BrowserStorage implements Storage {
  #database: IDBDatabase | undefined;

  async find(prefix: string): Promise<[string, Uint8Array][]> {
    const database = await this.#open(false);
    if (database === undefined) return [];
    const store = database.transaction(STORE).objectStore(STORE);
    const [keys, rows] = await Promise.all([done(store.getAllKeys(all(prefix))), done<unknown[]>(store.getAll(all(prefix)))]);
    if (!isSwept) {
      isSwept = true;
      sweep(database.transaction(STORE, 'readwrite').objectStore(STORE));
    }
    return keys.flatMap((key, at) => {
      const row = rows[at];
      return isKept(row) ? [[String(key), row.record]] : [];
    });
  }

  async put(key: string, record: Uint8Array): Promise<void> {
    await this.#write(true, (store) => store.put({ at: Date.now(), record } satisfies Row, key));
  }

  async remove(key: string): Promise<void> {
    await this.#write(false, (store) => store.delete(key));
  }

  async clear(prefix: string): Promise<void> {
    await this.#write(false, (store) => store.delete(all(prefix)));
  }

  /** Starts the write at once where the database is open: a page that goes away does not wait. */
  async #write(create: boolean, job: (store: IDBObjectStore) => IDBRequest): Promise<void> {
    const database = this.#database ?? (await this.#open(create));
    if (database === undefined) return;
    const transaction = database.transaction(STORE, 'readwrite');
    job(transaction.objectStore(STORE));
    transaction.commit?.();
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
  }

  async #open(create: boolean): Promise<IDBDatabase | undefined> {
    if (this.#database !== undefined) return this.#database;
    const request = indexedDB.open(DATABASE, 1);
    let missing = false;
    request.onupgradeneeded = () => {
      missing = !create;
      if (create) request.result.createObjectStore(STORE);
      else request.transaction?.abort();
    };
    const database = await done(request).catch((error: unknown) => {
      if (missing) return undefined;
      throw error;
    });
    if (database === undefined) return undefined;
    this.#database = database;
    const gone = (): void => {
      database.close();
      this.#database = undefined;
    };
    // Who deletes the database, or brings a newer form of it, does not wait for this page.
    database.onversionchange = gone;
    database.onclose = gone;
    return database;
  }
}

function all(prefix: string): IDBKeyRange {
  return IDBKeyRange.bound(prefix, `${prefix}\uffff`);
}

/** Not too old, and nothing else that found its way here. */
function isKept(row: unknown): row is Row {
  const { at, record } = (row ?? {}) as Partial<Row>;
  return record instanceof Uint8Array && Date.now() - Number(at) <= KEEP;
}

/** Goes through the records of all sessions, also of those that nobody opens again. */
function sweep(store: IDBObjectStore): void {
  const request = store.openCursor();
  request.onsuccess = () => {
    const cursor = request.result;
    if (cursor === null) return;
    if (!isKept(cursor.value)) cursor.delete();
    cursor.continue();
  };
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
