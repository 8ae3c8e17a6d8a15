/**
 * The same for Node and for hosts that cannot fetch a file next to the script: the wasm is inside.
 * @module
 */
import type { Client } from './api.js';
import { connect } from './client.js';
import init from './core/core.js';
import type { ClientOptions, WasmSource } from './types.js';

export type { Answer, ChatSession, Client, Sessions } from './api.js';
export { SessionError } from './errors.js';
export type * from './types.js';

let loading: Promise<unknown> | undefined;

function load(source?: WasmSource): Promise<unknown> {
  loading ??= start(source).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function start(source?: WasmSource): Promise<unknown> {
  return init({ module_or_path: source ?? (await import('./wasm-inline.js')).default() });
}

/** See the `createClient` of the main entry. */
export function createClient(options: ClientOptions): Promise<Client> {
  return connect(load, options);
}
