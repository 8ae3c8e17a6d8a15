/**
 * A report as a person reads it.
 * @module
 */
import { inLine } from '../visible.js';
import type { CheckResult, Report } from './types.js';

const MARKS = { passed: '✓ PASS', failed: '✗ FAIL', skipped: '⊘ SKIP' } as const;

/**
 * One check, with what to do about it. What the server says of itself is in it: characters that would hide something, or move a
 * terminal's cursor, are spelled out.
 *
 * @example
 * ```ts
 * await diagnose({ baseUrl, onCheck: (check) => check.status !== 'running' && console.log(describe(check)) });
 * ```
 */
export function describe(result: CheckResult): string {
  const { name, title, status, detail, cause, remedy, time } = result;
  const lines = [`${MARKS[status]}  ${title} (${name}, ${seconds(time)})`, `        ${inLine(detail)}`];
  if (cause !== undefined) lines.push(`        cause: ${inLine(cause)}`);
  if (remedy !== undefined) lines.push(`        → ${inLine(remedy)}`);
  return lines.join('\n');
}

/**
 * The summary: a line for each check.
 *
 * @example
 * ```ts
 * console.log(summarize(await diagnose({ baseUrl })));
 * ```
 */
export function summarize({ checks, passed, failed, skipped, time }: Report): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return [
    `Total: ${checks.length}   ✓ passed ${passed}   ✗ failed ${failed}   ⊘ skipped ${skipped}   time ${seconds(time)}`,
    ...checks.map(({ name, status, cause }) => `  ${name.padEnd(width)}  ${MARKS[status]}${cause === undefined ? '' : `  ${inLine(cause)}`}`),
  ].join('\n');
}

function seconds(time: number): string {
  return `${(time / 1_000).toFixed(2)} s`;
}
