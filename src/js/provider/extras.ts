/**
 * The way to what only some providers need.
 * @module
 */
import { fault, ProviderError } from './error.js';

/** Loads it, once for all. @throws ProviderError */
export async function extras(): Promise<typeof import('./provider-extras.js')> {
  const loaded = await import('./provider-extras.js').catch(() => {
    throw fault('crashed', 'provider-extras.js was not found.', 'Serve it next to provider.js.');
  });
  loaded.share(ProviderError);
  return loaded;
}
