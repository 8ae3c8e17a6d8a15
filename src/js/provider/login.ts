/**
 * Signing in from a page: authorization code with PKCE, as RFC 9700 and the rules for browser-based applications have it.
 * @module
 */
import { base64url } from '../bytes.js';
import { fault } from './error.js';
import { placeOf, type Stored, tokenRequest } from './oauth.js';
import type { Vault } from './vault.js';

/**
 * What a login is made with. Both halves of it get the same.
 *
 * @example
 * ```ts
 * const login = (vault: Vault): LoginOptions => ({
 *   authorizeUrl: 'https://auth.example.com/authorize', tokenUrl: 'https://auth.example.com/token', clientId: 'app',
 *   redirectUri: `${location.origin}/signed-in`, vault,
 * });
 * ```
 */
export interface LoginOptions {
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  readonly clientId: string;
  /** Exactly as it was registered. */
  readonly redirectUri: string;
  readonly scopes?: readonly string[];
  /** The authorization server's name for itself: answers of another one are refused. */
  readonly issuer?: string;
  /** Where the tokens go: give the same vault to the provider. */
  readonly vault: Vault;
  /** In place of the host's own. */
  readonly fetch?: typeof fetch;
  /** Keeps the half that is begun, over the redirect. Default `sessionStorage`. */
  readonly storage?: {
    /** As of `Storage`. */
    getItem(key: string): string | null;
    /** As of `Storage`. */
    setItem(key: string, value: string): void;
    /** As of `Storage`. */
    removeItem(key: string): void;
  };
}

const PREFIX = 'opencode-session login ';

export async function startLogin(options: LoginOptions): Promise<string> {
  const { authorizeUrl, clientId, redirectUri, scopes = [], storage = sessionStorage } = options;
  const [state, verifier] = [random(), random()];
  const challenge = base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
  storage.setItem(PREFIX + state, verifier);
  const url = new URL(authorizeUrl);
  const fields = { response_type: 'code', client_id: clientId, redirect_uri: redirectUri, state, code_challenge: challenge, code_challenge_method: 'S256', ...(scopes.length > 0 && { scope: scopes.join(' ') }) };
  for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value);
  return url.href;
}

export async function finishLogin(address: string, options: LoginOptions): Promise<void> {
  const { tokenUrl, clientId, redirectUri, issuer, vault, storage = sessionStorage } = options;
  const { searchParams } = new URL(address);
  const state = searchParams.get('state') ?? '';
  const verifier = storage.getItem(PREFIX + state);
  // Once, whatever comes of it.
  storage.removeItem(PREFIX + state);
  if (state === '' || verifier === null) throw refused('The answer is of no login that began here.');
  if (issuer !== undefined && searchParams.get('iss') !== issuer) throw refused('The answer is of another authorization server.');
  const code = searchParams.get('code');
  if (code === null) throw refused('The authorization server gave no code.');
  const ask = options.fetch ?? ((...args: Parameters<typeof fetch>) => fetch(...args));
  const { status, body } = await tokenRequest(ask, tokenUrl, { grant_type: 'authorization_code', code, redirect_uri: redirectUri, client_id: clientId, code_verifier: verifier });
  if (status === 0 || status >= 500) throw fault('auth_unavailable', 'The token endpoint does not answer.', 'Try later.', { retryable: true });
  const { access_token: access, refresh_token: refresh, expires_in: expires } = body;
  if (status >= 300 || typeof access !== 'string' || access === '') throw refused('The token endpoint refused the code.');
  const now = Date.now();
  const seconds = Number(expires);
  const record: Stored = { access, refresh: typeof refresh === 'string' ? refresh : '', expiresAt: now + (seconds > 0 ? seconds : 300) * 1_000, issuedAt: now, generation: now };
  await vault.set(placeOf({ tokenUrl, clientId }), JSON.stringify(record));
}

const refused = (message: string) => fault('login_required', message, 'Begin the login again.');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
