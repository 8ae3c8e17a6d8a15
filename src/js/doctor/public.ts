/**
 * What both builds of the doctor give away.
 * @module
 */
export { CHECKS } from './checks.js';
export { describe, summarize } from './report.js';
export type { Check, CheckResult, CheckStart, DoctorOptions, Report } from './types.js';
