/**
 * `opencode-session/doctor`: why a chat does not work, from where it does not work.
 * @module
 */
import { createClient } from '../index.js';
import type { DoctorOptions, Report } from './types.js';
import { visit } from './visit.js';

export * from './public.js';

/** Looks at a server from here. */
export function diagnose(options: DoctorOptions): Promise<Report> {
  return visit(createClient, options);
}
