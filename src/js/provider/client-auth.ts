/**
 * The same keys, tokens and signatures for the chat client (`createClient`).
 * @module
 */
import { type Credentials, credentials, withoutSecrets } from './auth.js';
import { asError, type ConfigProblem, fault } from './error.js';
import { load } from './load.js';
import type { ProviderAuth, ProviderOptions } from './types.js';

/**
 * What `clientAuth` may need.
 *
 * @example
 * ```ts
 * const options: ClientAuthOptions = { onError: (error) => console.warn(error.message) };
 * ```
 */
export interface ClientAuthOptions extends Pick<ProviderOptions, 'fetch' | 'vault' | 'allowSecretInPage'> {
  /** Why there is no token: with `login_required` the user has to sign in again. The chat client only says that it has none. */
  readonly onError?: (error: Error) => void;
}

/**
 * Options of `createClient`: who asks, and the `fetch` that hears which tokens are refused.
 *
 * @example
 * ```ts
 * const token = async ({ auth }: ClientAuth) => (await auth?.())?.token;
 * ```
 */
export interface ClientAuth {
  /** Who asks. */
  readonly auth?: () => Promise<{ readonly type: 'bearer'; readonly token: string }>;
  /** Hears which tokens are refused. */
  readonly fetch?: typeof fetch;
}

const BEARER = 'Bearer ';

/**
 * Takes a provider's `auth` to the chat client: an API key, OAuth tokens that are refreshed, or signed tokens. Throws `bad_config`.
 *
 * @example
 * ```ts
 * const vault = await openVault({ name: 'work' });
 * const signedIn = await clientAuth({ type: 'oauth', clientId: 'app', tokenUrl: 'https://auth.example.com/token' }, { vault });
 * const client = await createClient({ baseUrl: 'https://opencode.example.com', identity: 'ada', ...signedIn });
 * ```
 */
export async function clientAuth(auth: ProviderAuth, options: ClientAuthOptions = {}): Promise<ClientAuth> {
  const wasm = await load();
  // A whole configuration, so that the same table judges it.
  const whole = { apiEndpoint: 'https://localhost', rateLimits: { requestsPerMinute: 1, tokensPerMinute: 1_000 }, auth };
  const problems = wasm.check(JSON.stringify(withoutSecrets(whole))) as readonly ConfigProblem[];
  if (problems.length > 0) {
    throw fault('bad_config', `auth is wrong: ${problems.map(({ path, reason }) => `${path} ${reason}`).join('; ')}.`, problems.map(({ remedy }) => remedy).join(' '), { problems });
  }
  if (auth.type === 'none') return {};
  return bound(await credentials(auth, wasm, options), options);
}

function bound(own: Credentials, { fetch: given, onError }: ClientAuthOptions): ClientAuth {
  // Asked for at each call: a page may replace it.
  const ask = given ?? ((...args) => fetch(...args));
  return {
    auth: async () => {
      try {
        return { type: 'bearer', token: (await own.header()).slice(BEARER.length) };
      } catch (error) {
        onError?.(asError(error) as Error);
        throw error;
      }
    },
    fetch: async (input, init) => {
      const response = await ask(input, init);
      // The client asks `auth` once more after this: it has to be another token then.
      const sent = response.status === 401 ? new Headers(init?.headers).get('authorization') : null;
      if (sent?.startsWith(BEARER)) await own.refused(sent);
      return response;
    },
  };
}
