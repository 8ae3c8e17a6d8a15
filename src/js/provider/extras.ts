/**
 * The way to what only some providers need.
 * @module
 */
import { ProviderError } from './error.js';

/** Loads it, once for all. */
export async function extras(): Promise<typeof import('./provider-extras.js')> {
  const loaded = await import('./provider-extras.js');
  loaded.share(ProviderError);
  return loaded;
}
