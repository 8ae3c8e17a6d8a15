/**
 * `opencode-session/doctor`: why a chat does not work, from where it does not work.
 * @module
 */
import type { DoctorOptions, Report } from './types.js';
import { createClient } from '../index.js';
import { visit } from './visit.js';

export * from './public.js';

/**
 * Looks at a server from here: runs the checks one after the other, and says what is wrong and what to do about it. It makes a session and
 * removes it again, and talks to the model about five times.
 *
 * @throws when the options cannot be used.
 * @example
 * ```ts
 * const report = await diagnose({ baseUrl: 'http://127.0.0.1:4096', only: ['events'] });
 * ```
 */
export function diagnose(options: DoctorOptions): Promise<Report> {
  return visit(createClient, options);
}
