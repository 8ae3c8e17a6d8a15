/**
 * OAuth tokens. When to refresh is decided by the wasm (`src/proto/provider/refresh/`), which is told handles in place of tokens.
 * @module
 */
import type { Credentials } from './auth.js';
import { fault, type ProviderError } from './error.js';
import type { Wasm } from './load.js';
import { locked } from './lock.js';
import { textOf } from './text.js';
import type { ProviderAuth, ProviderOptions } from './types.js';
import { memoryVault, type Vault } from './vault.js';

export type OAuth = Extract<ProviderAuth, { type: 'oauth' }>;

/** What lies in the vault. */
export interface Stored {
  readonly access: string;
  readonly refresh: string;
  readonly expiresAt: number;
  readonly issuedAt: number;
  readonly generation: number;
}

/** The token endpoint has this long, milliseconds. */
const PATIENCE = 30_000;
/** Largest answer of it, bytes. */
const MAX_TOKEN_ANSWER = 256 * 1024;
/** Stands for a refresh token where the client has a secret of its own instead. */
const OWN_SECRET = 'own';

/** Where tokens of a client lie. */
export const placeOf = ({ tokenUrl, clientId }: Pick<OAuth, 'tokenUrl' | 'clientId'>): string => `tokens ${JSON.stringify([tokenUrl, clientId])}`;

type Step =
  | { readonly kind: 'lock' }
  | { readonly kind: 'unlock' }
  | { readonly kind: 'refresh'; readonly token: string }
  | { readonly kind: 'store'; readonly tokens: Stored }
  | { readonly kind: 'token'; readonly request: number; readonly token: string }
  | { readonly kind: 'refused'; readonly request: number; readonly code: string };

const HINTS: Record<string, [message: string, hint: string, retryable: boolean]> = {
  login_required: ['The user has to sign in again.', 'Start a login: the refresh token is missing, or not good any more.', false],
  auth_unavailable: ['The token endpoint does not answer.', 'Try later.', true],
  invalid_response: ['The token endpoint gave no token.', 'Check auth.tokenUrl.', false],
  store_failed: ['The new tokens could not be stored.', 'They are kept, and stored with the next call.', true],
  queue_full: ['As many requests wait for a token as may.', 'Wait for answers before more is asked.', true],
};

export function oauthCredentials(auth: OAuth, wasm: Wasm, options: ProviderOptions): Credentials {
  if (auth.clientSecret !== undefined && typeof document !== 'undefined' && options.allowSecretInPage !== true) {
    throw fault('secret_in_page', 'auth.clientSecret is in a page: every visitor can read it.', 'Use a login with PKCE (startLogin), or a relay of your own that has the secret.');
  }
  return new Tokens(auth, wasm.refresher(), options);
}

class Tokens implements Credentials {
  readonly #auth: OAuth;
  readonly #machine: ReturnType<Wasm['refresher']>;
  readonly #vault: Vault;
  readonly #fetch: typeof fetch;
  readonly #secrets = new Map<string, string>();
  readonly #waiting = new Map<number, { resolve(access: string): void; reject(error: ProviderError): void }>();
  #next = 1;
  #release: (() => void) | undefined;

  constructor(auth: OAuth, machine: ReturnType<Wasm['refresher']>, options: ProviderOptions) {
    this.#auth = auth;
    this.#machine = machine;
    this.#vault = options.vault ?? memoryVault();
    this.#fetch = options.fetch ?? ((...args) => fetch(...args));
  }

  header(): Promise<string> {
    const request = this.#next;
    this.#next += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(request, { resolve, reject });
      this.#machine.wanted(request, Date.now());
      this.#carryOut();
    });
  }

  async refused(header: string): Promise<boolean> {
    for (const [handle, secret] of this.#secrets) {
      if (header === `Bearer ${secret}`) {
        this.#machine.rejected(handle);
        return true;
      }
    }
    // It was replaced meanwhile: the next one is another.
    return header.startsWith('Bearer ');
  }

  #carryOut(): void {
    for (let step = this.#machine.next() as Step | undefined; step !== undefined; step = this.#machine.next() as Step | undefined) {
      if (step.kind === 'lock') this.#lock();
      else if (step.kind === 'unlock') this.#release?.();
      else if (step.kind === 'refresh') this.#refresh(step.token);
      else if (step.kind === 'store') this.#store(step.tokens);
      else {
        const waiting = this.#waiting.get(step.request);
        this.#waiting.delete(step.request);
        if (step.kind === 'token') waiting?.resolve(`Bearer ${this.#secrets.get(step.token)}`);
        else {
          const [message, hint, retryable] = HINTS[step.code] ?? ['', '', false];
          waiting?.reject(fault(step.code, message, hint, { retryable }));
        }
      }
    }
  }

  #lock(): void {
    locked(`opencode-session ${placeOf(this.#auth)}`, async () => {
      const held = new Promise<void>((resolve) => {
        this.#release = resolve;
      });
      const text = await this.#vault.get(placeOf(this.#auth)).catch(() => undefined);
      const stored = text === undefined ? undefined : readStored(text);
      const initial = this.#auth.clientSecret === undefined ? '' : OWN_SECRET;
      this.#machine.locked(stored ? this.#hide(stored.access) : '', stored?.refresh ? this.#hide(stored.refresh) : initial, stored?.expiresAt ?? 0, stored?.issuedAt ?? 0, stored?.generation ?? 0, Date.now());
      this.#carryOut();
      await held;
    });
  }

  async #refresh(token: string): Promise<void> {
    const { clientId, clientSecret, scopes } = this.#auth;
    const grant = token === OWN_SECRET ? { grant_type: 'client_credentials' } : { grant_type: 'refresh_token', refresh_token: this.#secrets.get(token) ?? '' };
    const fields = { ...grant, client_id: clientId, ...(clientSecret !== undefined && { client_secret: clientSecret }), ...(scopes !== undefined && scopes.length > 0 && { scope: scopes.join(' ') }) };
    const { status, body } = await tokenRequest(this.#fetch, this.#auth.tokenUrl, fields);
    const hidden: Record<string, unknown> = { expires_in: body['expires_in'], error: body['error'] };
    for (const name of ['access_token', 'refresh_token']) if (typeof body[name] === 'string' && body[name] !== '') hidden[name] = this.#hide(body[name]);
    this.#machine.answered(status, JSON.stringify(hidden), Date.now());
    this.#carryOut();
  }

  async #store(tokens: Stored): Promise<void> {
    const real = (handle: string) => (handle === OWN_SECRET ? '' : (this.#secrets.get(handle) ?? ''));
    const record: Stored = { ...tokens, access: real(tokens.access), refresh: real(tokens.refresh) };
    const done = await this.#vault.set(placeOf(this.#auth), JSON.stringify(record)).then(() => true, () => false);
    this.#machine.stored(done, Date.now());
    this.#carryOut();
    // What was replaced is forgotten; requests have their copies.
    if (done) for (const handle of this.#secrets.keys()) if (handle !== tokens.access && handle !== tokens.refresh) this.#secrets.delete(handle);
  }

  /** The handle of a secret, which is what the wasm is told. */
  #hide(secret: string): string {
    for (const [handle, known] of this.#secrets) if (known === secret) return handle;
    const handle = `t${this.#next}`;
    this.#next += 1;
    this.#secrets.set(handle, secret);
    return handle;
  }
}

/** Asks the token endpoint. Status 0: it did not answer. */
export async function tokenRequest(ask: typeof fetch, url: string, fields: Record<string, string>): Promise<{ status: number; body: Record<string, unknown> }> {
  try {
    const response = await ask(url, {
      method: 'POST',
      body: new URLSearchParams(fields),
      headers: { accept: 'application/json' },
      redirect: 'error',
      credentials: 'omit',
      cache: 'no-store',
      signal: AbortSignal.timeout(PATIENCE),
    });
    let body: unknown;
    try {
      body = JSON.parse((await textOf(response, MAX_TOKEN_ANSWER)) ?? '');
    } catch {
      // A page of a proxy, or too much: the status says what it is.
    }
    return { status: response.status, body: typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {} };
  } catch {
    return { status: 0, body: {} };
  }
}

function readStored(text: string): Stored | undefined {
  try {
    const stored = JSON.parse(text) as Partial<Stored>;
    const isWhole = typeof stored.access === 'string' && typeof stored.refresh === 'string' && [stored.expiresAt, stored.issuedAt, stored.generation].every(Number.isFinite);
    return isWhole ? (stored as Stored) : undefined;
  } catch {
    return undefined;
  }
}
