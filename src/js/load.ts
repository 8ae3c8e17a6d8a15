/**
 * Loads the wasm of entries that have it in a file beside them.
 * @module
 */
import init from './core/core.js';
import type { WasmSource } from './types.js';

/** From `source`, or from the file beside the script. Where a development server moved the script away from it, the one inside a script. */
export async function load(source?: WasmSource): Promise<unknown> {
  try {
    return await init({ module_or_path: (source as string | undefined) ?? new URL('./core_bg.wasm', import.meta.url) });
  } catch (error) {
    if (source !== undefined) throw error;
    return import('./wasm-inline.js').then(
      (inline) => init({ module_or_path: inline.default() }),
      // The first fault is the one to be told.
      () => Promise.reject(error),
    );
  }
}
