/**
 * Where secrets are kept. In a browser they lie in IndexedDB under a key that no script can read, only use.
 * @module
 */
import { fault, type ProviderError } from './error.js';
import { locked } from './lock.js';

/**
 * Keeps secrets by name. It guards what lies on the disk; a script that runs in the page can ask it like the page itself.
 *
 * @example
 * ```ts
 * const vault: Vault = await openVault({ name: 'work' });
 * await vault.set('key', 'sk-1');
 * ```
 */
export interface Vault {
  /** Whether what it keeps outlives the page. */
  readonly isLasting: boolean;
  /** `undefined`: it has none of that name. Throws `vault_damaged`. */
  get(name: string): Promise<string | undefined>;
  /** Keeps a secret, in place of an older one of that name. */
  set(name: string, secret: string): Promise<void>;
  /** Forgets one. */
  delete(name: string): Promise<void>;
  /** Makes a new key, and writes all secrets anew under it. */
  rotate(): Promise<void>;
}

/**
 * What a vault is opened with.
 *
 * @example
 * ```ts
 * const options: VaultOptions = { name: 'work', keep: 'memory' };
 * ```
 */
export interface VaultOptions {
  /** Vaults of different names have keys of their own. Default `default`. */
  readonly name?: string;
  /** Default: `indexeddb` where there is one, else `memory`. */
  readonly keep?: 'memory' | 'indexeddb';
}

const DATABASE = 'opencode-session-vault';
const KEYS = 'keys';
const SECRETS = 'secrets';
const KIND = 'AES-GCM';
/** 96 bits, as the mode wants it. */
const IV = 12;

type Key = { readonly version: number; readonly key: CryptoKey };
type Entry = { readonly version: number; readonly iv: Uint8Array<ArrayBuffer>; readonly data: ArrayBuffer };

export async function openVault(options: VaultOptions): Promise<Vault> {
  const { name = 'default', keep = typeof indexedDB === 'undefined' ? 'memory' : 'indexeddb' } = options;
  if (keep === 'memory') return memoryVault();
  if (typeof indexedDB === 'undefined' || globalThis.crypto?.subtle === undefined) {
    throw fault('vault_unavailable', 'This host has no IndexedDB or no WebCrypto.', 'Serve the page over https, or use { keep: "memory" }.');
  }
  try {
    return new Lasting(await open(), name);
  } catch {
    throw fault('vault_unavailable', 'IndexedDB cannot be opened.', 'Private windows may forbid it: use { keep: "memory" }.');
  }
}

/** Forgets all with the page or process. */
export function memoryVault(): Vault {
  const secrets = new Map<string, string>();
  return {
    isLasting: false,
    get: async (name) => secrets.get(name),
    set: async (name, secret) => void secrets.set(name, secret),
    delete: async (name) => void secrets.delete(name),
    rotate: async () => undefined,
  };
}

class Lasting implements Vault {
  readonly isLasting = true;
  readonly #database: IDBDatabase;
  readonly #name: string;

  constructor(database: IDBDatabase, name: string) {
    this.#database = database;
    this.#name = name;
  }

  async get(name: string): Promise<string | undefined> {
    // Both at once: between two transactions the key may have been changed.
    const [entry, key] = await this.#read(name);
    if (entry === undefined) return undefined;
    if (key === undefined || key.version !== entry.version) throw damaged();
    try {
      const plain = await crypto.subtle.decrypt({ name: KIND, iv: entry.iv, additionalData: this.#about(name, entry.version) }, key.key, entry.data);
      return new TextDecoder().decode(plain);
    } catch {
      throw damaged();
    }
  }

  set(name: string, secret: string): Promise<void> {
    return this.#alone(async () => {
      const key = (await this.#key()) ?? (await this.#make(1));
      const entry = await this.#seal(name, secret, key);
      await this.#write((keys, secrets) => {
        keys.put(key, this.#name);
        secrets.put(entry, this.#place(name));
      });
    });
  }

  delete(name: string): Promise<void> {
    return this.#alone(() => this.#write((_, secrets) => void secrets.delete(this.#place(name))));
  }

  rotate(): Promise<void> {
    return this.#alone(async () => {
      const old = await this.#key();
      const key = await this.#make((old?.version ?? 0) + 1);
      const entries: [string, Entry][] = [];
      for (const name of await this.#names()) {
        const secret = await this.get(name);
        if (secret !== undefined) entries.push([name, await this.#seal(name, secret, key)]);
      }
      // One transaction: no crash leaves some under a key that is gone.
      await this.#write((keys, secrets) => {
        keys.put(key, this.#name);
        for (const [name, entry] of entries) secrets.put(entry, this.#place(name));
      });
    });
  }

  /** Tabs change it one after the other. */
  #alone<T>(run: () => Promise<T>): Promise<T> {
    return locked(`${DATABASE} ${this.#name}`, run);
  }

  async #make(version: number): Promise<Key> {
    return { version, key: await crypto.subtle.generateKey({ name: KIND, length: 256 }, false, ['encrypt', 'decrypt']) };
  }

  async #seal(name: string, secret: string, { version, key }: Key): Promise<Entry> {
    const iv = crypto.getRandomValues(new Uint8Array(IV));
    const data = await crypto.subtle.encrypt({ name: KIND, iv, additionalData: this.#about(name, version) }, key, new TextEncoder().encode(secret));
    return { version, iv, data };
  }

  /** What an entry is bound to: it is of no use in another's place. */
  #about(name: string, version: number): Uint8Array<ArrayBuffer> {
    return new TextEncoder().encode(JSON.stringify([this.#name, name, version]));
  }

  #place(name: string): [string, string] {
    return [this.#name, name];
  }

  #key(): Promise<Key | undefined> {
    return asked(this.#database.transaction(KEYS).objectStore(KEYS).get(this.#name));
  }

  #read(name: string): Promise<[Entry | undefined, Key | undefined]> {
    const transaction = this.#database.transaction([KEYS, SECRETS]);
    return Promise.all([asked(transaction.objectStore(SECRETS).get(this.#place(name))), asked(transaction.objectStore(KEYS).get(this.#name))]);
  }

  async #names(): Promise<string[]> {
    const range = IDBKeyRange.bound([this.#name], [this.#name, []]);
    const places = await asked(this.#database.transaction(SECRETS).objectStore(SECRETS).getAllKeys(range));
    return (places as [string, string][]).map(([, name]) => name);
  }

  #write(change: (keys: IDBObjectStore, secrets: IDBObjectStore) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction([KEYS, SECRETS], 'readwrite');
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(fault('vault_unavailable', 'The vault could not be written.', 'Free some space, or use { keep: "memory" }.'));
      change(transaction.objectStore(KEYS), transaction.objectStore(SECRETS));
    });
  }
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(KEYS);
    request.result.createObjectStore(SECRETS);
  };
  return asked(request);
}

function asked<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const damaged = (): ProviderError => fault('vault_damaged', 'A secret of the vault cannot be read.', 'Delete it, and ask for it again.');
