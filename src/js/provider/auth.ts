/**
 * What goes into `Authorization`. Secrets stay on this side of the wasm.
 * @module
 */
import { extras } from './extras.js';
import type { Wasm } from './load.js';
import type { ProviderAuth, ProviderOptions } from './types.js';

/** Gives the value of `Authorization` (empty: none is sent), and hears when the server refused one. */
export interface Credentials {
  header(): Promise<string>;
  /** Whether `header` gives another one now. */
  refused(header: string): Promise<boolean>;
}

/** What of `auth` is no secret. All else may be one: also a key under a name that is written wrong. */
const PLAIN = ['type', 'clientId', 'tokenUrl', 'scopes', 'subject', 'audience', 'algorithm', 'expiresIn'];

/** A configuration for the wasm: where a secret stands, another text stands. @param config is not changed */
export function withoutSecrets(config: object): object {
  const { auth, headers, fallback } = config as { auth?: unknown; headers?: unknown; fallback?: { endpoints?: unknown } | null };
  const hidden: Record<string, unknown> = { ...config };
  if (typeof auth === 'object' && auth !== null) {
    const shown: Record<string, unknown> = { ...auth };
    for (const [name, value] of Object.entries(auth)) if (!PLAIN.includes(name) && typeof value === 'string' && value.trim() !== '') shown[name] = 'x';
    hidden['auth'] = shown;
  }
  const endpoints = fallback?.endpoints;
  if (Array.isArray(endpoints)) hidden['fallback'] = { ...fallback, endpoints: endpoints.map((each: unknown) => (typeof each === 'object' && each !== null ? withoutSecrets(each) : each)) };
  // Header values may be keys too; that they can be sent is checked when the headers are made.
  if (typeof headers === 'object' && headers !== null && !Array.isArray(headers)) {
    hidden['headers'] = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' && isSendable(value) ? 'x' : value === '' ? '' : typeof value === 'string' ? '\0' : value]));
  }
  return hidden;
}

/** Whether it may stand in a header. @param value of a caller */
function isSendable(value: string): boolean {
  for (let at = 0; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    if (code < 32 || (code > 126 && code < 160)) return false;
  }
  return value !== '';
}

export async function credentials(auth: ProviderAuth, wasm: Wasm, options: ProviderOptions): Promise<Credentials> {
  if (auth.type === 'jwt') return (await extras()).jwtCredentials(auth);
  if (auth.type === 'oauth') return (await extras()).oauthCredentials(auth, wasm, options);
  const value = auth.type === 'none' ? '' : `Bearer ${auth.apiKey}`;
  return { header: async () => value, refused: async () => false };
}
