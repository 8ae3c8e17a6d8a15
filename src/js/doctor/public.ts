/**
 * What both builds of the doctor give away.
 * @module
 */
import { CHECKS as ALL } from './checks.js';
import type { Check } from './types.js';

export { describe, summarize } from './report.js';
export type { Check, CheckResult, CheckStart, DoctorOptions, Report } from './types.js';

/**
 * All checks, in their order: each needs only earlier ones.
 *
 * @example
 * ```ts
 * for (const { name, needs } of CHECKS) console.log(name, needs);
 * ```
 */
export const CHECKS: readonly Check[] = ALL;
