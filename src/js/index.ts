/**
 * opencode-session: a chat session for the OpenCode server that survives refreshes, dropped networks and second tabs.
 * @module
 */
import type { Client } from './api.js';
import { connect } from './client.js';
import { load } from './load.js';
import type { ClientOptions } from './types.js';

export type { Answer, ChatSession, Client, LiveSessions, Sessions } from './api.js';
export type { CommandOptions, FileDiff, ShellOptions } from './command-options.js';
export { SessionError } from './errors.js';
export type * from './recording.js';
export type * from './types.js';

/**
 * Makes a client. Loads the wasm the first time; importing this module loads nothing.
 *
 * @throws {SessionError} for options that cannot work: the code says which.
 * @example
 * ```ts
 * const client = await createClient({ baseUrl: 'http://127.0.0.1:4096' });
 * console.log((await client.health()).version);
 * ```
 */
export function createClient(options: ClientOptions): Promise<Client> {
  return connect(load, options);
}
