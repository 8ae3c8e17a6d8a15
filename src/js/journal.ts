/**
 * The journal: what of open sessions outlives the page. The core says what, this file when and under whose name.
 * @module
 */
import { bounded } from './answer.js';
import type { Link } from './link.js';
import { BrowserStorage, MemoryStorage, type Storage } from './storage.js';
import { type Claims, scriptClaims, tabClaims } from './tabs.js';
import type { ClientOptions } from './types.js';

/** Changes are written at most this often, milliseconds. */
const EVERY = 250;
/** The first snapshot, and the post of a prompt, wait for storage at most this long, milliseconds. What storage had comes with no wait: this is for a machine that is busy, and for storage that is broken. */
const PATIENCE = 3_000;
/** Writes under way at the same time, where only time passes. A page that goes away does not wait. */
const WRITES = 4;
/** Storage that takes longer than this for a read or a write is broken, milliseconds. */
const HUNG = 10_000;
/** A reloaded page may run a moment before the old one is gone, milliseconds. */
const RELOAD = 1_000;

/** A record of another owner that was taken up, and goes when this page has written its own. */
interface Adopted {
  readonly id: string;
  readonly key: string;
  readonly release: () => void;
}

/** Keeps the records of one client. */
export class Journal {
  readonly isOn: boolean;
  readonly #link: Link;
  readonly #base: string;
  readonly #claims: Claims;
  #storage: Storage;
  #failed = false;
  /** Open sessions: handle → id. */
  readonly #open = new Map<number, string>();
  /** Sessions with a record under this page's name. */
  readonly #standing = new Set<string>();
  #adopted: Adopted[] = [];
  #owner = '';
  /** Whose the records are, once that is known. */
  #who: string | undefined;
  /** Gives what lets the owner's name go. */
  #claimed: Promise<() => void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  /** Writes under way, the oldest first. */
  readonly #begun = new Set<{ readonly at: number }>();
  #isErased = false;

  constructor(link: Link, base: string, mode: ClientOptions['journal']) {
    this.#link = link;
    this.#base = base;
    this.isOn = mode !== 'off';
    const browser = typeof indexedDB !== 'undefined' && mode !== 'memory';
    this.#storage = browser ? new BrowserStorage() : new MemoryStorage();
    this.#claims = browser ? tabClaims() : scriptClaims;
    if (mode === 'indexeddb' && !browser) this.#fail('this host has no IndexedDB');
    if (this.isOn) this.#listen('addEventListener');
  }

  /** A session was opened: gives the core what earlier pages left of it, then lets it ask for its snapshot. */
  open(handle: number, id: string): void {
    if (!this.isOn) {
      void this.#know().then(() => this.#clear(this.#key(id, ''))).catch(() => undefined);
      return;
    }
    this.#open.set(handle, id);
    let late = false;
    const resume = (): void => {
      clearTimeout(timer);
      if (!late && this.#isOpen(handle)) this.#link.core.resume(this.#link.now(), handle);
      late = true;
    };
    const timer = setTimeout(resume, PATIENCE);
    // Where the stream is open already, what another page wrote may be ahead of it.
    const first = this.#open.size === 1;
    void this.#read(handle, id, () => first && !late).catch((error: unknown) => this.#fail(error)).finally(resume);
  }

  /** Something may have changed. */
  touch(): void {
    if (!this.isOn || this.#open.size === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const [oldest] = this.#begun;
      if (oldest === undefined || this.#begun.size < WRITES) return void this.#flush();
      if (performance.now() - oldest.at > HUNG) this.#fail('IndexedDB does not answer');
      this.touch();
    }, EVERY);
  }

  /** What changed until now is written, or cannot be. */
  async written(): Promise<void> {
    if (!this.isOn) return;
    await bounded(PATIENCE, () => this.#flush()).catch(() => undefined);
  }

  /** The session is about to be closed: prompts whose callers are told so now are not kept. */
  forget(handle: number): void {
    const id = this.#open.get(handle);
    if (id === undefined) return;
    this.#write(handle, id, true);
    this.#open.delete(handle);
  }

  /** The client is closed. */
  close(): void {
    clearTimeout(this.#timer);
    this.#listen('removeEventListener');
    this.#open.clear();
    void this.#last.finally(() => {
      for (const { release } of this.#adopted) release();
      this.#letGo();
    });
  }

  /** Removes all that is kept of a person, also what another client kept. */
  async erase(who = this.#who): Promise<void> {
    this.#isErased = true;
    this.#claims.keep('');
    await bounded(HUNG, () => this.#last).catch(() => undefined);
    for (const each of who === undefined ? [] : [who, this.#who ?? who]) await this.#clear(this.#of(each));
  }

  readonly #hidden = (event: Event): void => {
    if (event.type !== 'visibilitychange' || globalThis.document?.hidden === true) void this.#flush();
  };

  #listen(how: 'addEventListener' | 'removeEventListener'): void {
    globalThis[how]?.('pagehide', this.#hidden);
    globalThis.document?.[how]('visibilitychange', this.#hidden);
    globalThis.document?.[how]('freeze', this.#hidden);
  }

  #isOpen(handle: number): boolean {
    return this.#open.has(handle) && !this.#link.isClosed;
  }

  async #read(handle: number, id: string, takesTexts: () => boolean): Promise<void> {
    await this.#know();
    const prefix = this.#key(id, '');
    const own = (key: string): number => (key === prefix + this.#claims.last ? 0 : 1);
    const found = await bounded(HUNG, () => this.#storage.find(prefix));
    for (const [key, record] of found.sort(([a], [b]) => own(a) - own(b))) {
      const owner = key.slice(prefix.length);
      if (owner === this.#owner) {
        this.#standing.add(id);
        this.#restore(handle, record, true);
        continue;
      }
      const release = await this.#claims.claim(owner, own(key) === 0 ? RELOAD : 0);
      if (release === undefined) {
        if (takesTexts()) this.#restore(handle, record, false);
        continue;
      }
      // Another page may have taken it up, and let it go, since it was read.
      const now = (await this.#storage.find(key)).find(([again]) => again === key);
      if (now === undefined || !this.#isOpen(handle)) {
        release();
        continue;
      }
      if (this.#claimed === undefined) {
        this.#owner = owner;
        this.#claimed = Promise.resolve(release);
        this.#standing.add(id);
        this.#claims.keep(owner);
      } else {
        this.#adopted.push({ id, key, release });
      }
      this.#restore(handle, now[1], true);
    }
    this.touch();
  }

  #restore(handle: number, record: Uint8Array, mine: boolean): void {
    if (this.#isOpen(handle)) this.#link.core.restore(this.#link.now(), handle, record, mine);
  }

  #flush(): Promise<unknown> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [handle, id] of this.#open) this.#write(handle, id, false);
    return this.#last;
  }

  /** Begins to write at once where that is possible: a page that goes away does not wait. */
  #write(handle: number, id: string, closing: boolean): void {
    if (this.#link.isClosed) return;
    const record = this.#link.core.journal(this.#link.now(), handle, closing);
    if (record === undefined) return;
    const begun = { at: performance.now() };
    this.#begun.add(begun);
    const written = this.#put(id, record).catch((error: unknown) => this.#fail(error)).finally(() => this.#begun.delete(begun));
    this.#last = Promise.all([this.#last, written]);
  }

  async #put(id: string, record: Uint8Array): Promise<void> {
    const adopted = this.#adopted.filter((each) => each.id === id);
    this.#adopted = this.#adopted.filter((each) => each.id !== id);
    try {
      if (this.#who === undefined) await this.#know();
      if (this.#isErased) return;
      if (record.length > 0) {
        this.#standing.add(id);
        this.#claim();
        await this.#storage.put(this.#key(id), record);
      } else if (this.#standing.delete(id)) {
        this.#claim();
        await this.#storage.remove(this.#key(id));
      }
      for (const { key } of adopted) await this.#storage.remove(key);
    } finally {
      for (const { release } of adopted) release();
    }
    if (this.#standing.size === 0) this.#letGo();
  }

  /** Records belong to whom the server knows by these credentials. Where no name can be made of them, they live as long as this client. */
  async #know(): Promise<void> {
    const who = await this.#link.requests.owner();
    if (this.#who !== undefined) return;
    if (who === undefined) this.#fail('this page has no cryptography (it is not secure)');
    this.#who = who ?? this.#claims.make();
  }

  /** Nothing waits for the lock: a page that goes away could not. It is asked for before the record is written, so nobody sees the record without it. */
  #claim(): void {
    if (this.#claimed !== undefined) return;
    this.#owner = this.#claims.make();
    this.#claims.keep(this.#owner);
    this.#claimed = this.#claims.claim(this.#owner, 0).then((release) => release ?? (() => undefined));
  }

  /** Without records there is nothing to own; held locks keep a page from being frozen for later. */
  #letGo(): void {
    void this.#claimed?.then((release) => release());
    this.#claimed = undefined;
    this.#owner = '';
  }

  /** Wherever they may be: storage may have failed since. */
  async #clear(prefix: string): Promise<void> {
    await new MemoryStorage().clear(prefix);
    if (typeof indexedDB !== 'undefined') await bounded(HUNG, () => new BrowserStorage().clear(prefix));
  }

  #of(who: string): string {
    return `${this.#base}${who && ` ${who}`}\n`;
  }

  #key(id: string, owner = this.#owner): string {
    return `${this.#of(this.#who ?? '')}${id}\n${owner}`;
  }

  /** Told once; from then on records live in memory. */
  #fail(cause: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#storage = new MemoryStorage();
    this.#begun.clear();
    this.#last = Promise.resolve();
    const why = cause instanceof Error || cause instanceof DOMException ? cause.name : String(cause);
    this.#link.log(2, 'journal_failed', `The journal is kept in memory only: ${why}.`);
  }
}
