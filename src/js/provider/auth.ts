/**
 * What goes into `Authorization`. Secrets stay on this side of the wasm.
 * @module
 */
import { jwtCredentials } from './jwt.js';
import type { Wasm } from './load.js';
import { oauthCredentials } from './oauth.js';
import type { ProviderAuth, ProviderOptions } from './types.js';

/** Gives the value of `Authorization`, and hears when the server refused one. */
export interface Credentials {
  header(): Promise<string>;
  /** Whether `header` gives another one now. */
  refused(header: string): Promise<boolean>;
}

/** What a secret is called in a configuration. */
const SECRETS = ['apiKey', 'clientSecret', 'privateKey'] as const;

/** A configuration for the wasm: where a secret stands, another text stands. @param config is not changed */
export function withoutSecrets(config: object): object {
  const { auth, headers } = config as { auth?: unknown; headers?: unknown };
  const hidden: Record<string, unknown> = { ...config };
  if (typeof auth === 'object' && auth !== null) {
    const shown: Record<string, unknown> = { ...auth };
    for (const name of SECRETS) if (typeof shown[name] === 'string' && shown[name].trim() !== '') shown[name] = 'x';
    hidden['auth'] = shown;
  }
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

export function credentials(auth: ProviderAuth, wasm: Wasm, options: ProviderOptions): Credentials {
  if (auth.type === 'jwt') return jwtCredentials(auth);
  if (auth.type === 'oauth') return oauthCredentials(auth, wasm, options);
  const value = `Bearer ${auth.apiKey}`;
  return { header: async () => value, refused: async () => false };
}
