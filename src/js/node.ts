/**
 * The same for Node and for hosts that cannot fetch a file next to the script: the wasm is inside.
 * @module
 */
import type { Client } from './api.js';
import { connect } from './client.js';
import init from './core/core.js';
import type { ClientOptions, WasmSource } from './types.js';

export type { Answer, ChatSession, Client, LiveSessions, Sessions } from './api.js';
export type { CommandOptions, FileDiff, ShellOptions } from './command-options.js';
export { SessionError } from './errors.js';
export type * from './recording.js';
export type * from './types.js';

const load = async (source?: WasmSource): Promise<unknown> =>
  init({ module_or_path: (source as string | undefined) ?? (await import('./wasm-inline.js')).default() });

/** See the `createClient` of the main entry. */
export function createClient(options: ClientOptions): Promise<Client> {
  return connect(load, options);
}
