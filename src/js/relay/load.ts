/**
 * The wasm of the relay: inside the script, so that no server framework has to find a file. One instance for all relays of a process.
 * @module
 */
import { Instance } from '../guard.js';
import init, { Relay as Machine } from './core/relay.js';

let loading: Promise<Instance> | undefined;

/** An instance that is whole; after a trap, a new one. */
export function load(): Promise<Instance> {
  loading ??= (async () => {
    const inline = await import('./relay-inline.js');
    await init({ module_or_path: inline.default() });
    return new Instance(() => {
      loading = undefined;
    });
  })();
  // A file that was not there yet may be there the next time.
  loading.catch(() => {
    loading = undefined;
  });
  return loading;
}

export { Machine };
