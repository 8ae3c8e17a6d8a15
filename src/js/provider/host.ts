/**
 * What the wasm calls (`src/web/provider/host.rs`).
 * @module
 */
import type { Credentials } from './auth.js';
import { fault } from './error.js';
import type { BudgetAlert, ModelChanges, ProviderOptions } from './types.js';

/** A server that does not answer a page is looked for so long, milliseconds. */
const LOOK = 3_000;
const ALERT = 0;
const MODELS = 1;

type Names = Readonly<Record<string, string>>;

/** What opens one endpoint. */
export interface Access {
  readonly credentials: Credentials;
  readonly headers: Names;
}

export class Host {
  readonly fetch: typeof fetch;
  /** The configuration's own first. */
  readonly #all: readonly Access[];
  readonly #options: ProviderOptions;
  readonly #own = new Map<number, Names>();

  constructor(all: readonly Access[], options: ProviderOptions) {
    this.#all = all;
    this.#options = options;
    // Asked for at each call: a page may replace it.
    this.fetch = options.fetch ?? ((...args) => fetch(...args));
  }

  /** A call with headers of its own. */
  expect(call: number, headers: Names | undefined): void {
    if (headers !== undefined) this.#own.set(call, headers);
  }

  forget(call: number): void {
    this.#own.delete(call);
  }

  // For the wasm.

  async headers(call: number, endpoint: number): Promise<Headers> {
    const access = this.#all[endpoint] as Access;
    const authorization = await access.credentials.header();
    try {
      const headers = new Headers({ ...access.headers });
      // They may be keys: other endpoints do not get them.
      if (endpoint === 0) for (const [name, value] of Object.entries(this.#own.get(call) ?? {})) headers.set(name, value);
      if (authorization !== '' && !headers.has('authorization')) headers.set('authorization', authorization);
      return headers;
    } catch {
      // Not the host's words: they repeat the value.
      throw fault('bad_request', 'A header or the key cannot be sent.', 'Header values and keys have no line breaks and no letters beyond Latin-1.');
    }
  }

  async refused(headers: Headers, endpoint: number): Promise<boolean> {
    return (this.#all[endpoint] as Access).credentials.refused(headers.get('authorization') ?? '');
  }

  /** A page is told the same of a server that is away and of one that does not answer its origin: only asking without reading tells them apart. */
  async isHidden(url: string): Promise<boolean> {
    if (typeof location === 'undefined' || new URL(url, location.href).origin === location.origin) return false;
    try {
      // No credentials and no query: only whether somebody is there.
      await this.fetch(new URL('/', url).href, { mode: 'no-cors', credentials: 'omit', cache: 'no-store', signal: AbortSignal.timeout(LOOK) });
      return true;
    } catch {
      return false;
    }
  }

  tell(kind: number, value: unknown): void {
    const { onAlert, onModels, onUsage } = this.#options;
    try {
      if (kind === ALERT) onAlert?.(value as BudgetAlert);
      else if (kind === MODELS) onModels?.(value as ModelChanges);
      else onUsage?.();
    } catch (error) {
      // The caller's fault is not a request's.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
