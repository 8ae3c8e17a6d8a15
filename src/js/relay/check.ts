/**
 * Options of a relay, checked before it does anything.
 * @module
 */
import { type Base, checkBase, header, refused } from '../host.js';
import { checkNames } from '../options.js';
import type { RelayOptions } from './options.js';

const NAMES = 'upstream auth authorize directory directories path allow trustedOrigins trustProxy store onCreate onDelete limits';
const LIMITS =
  'readers readersPerUser flush chunk keepAlive stall grace linger patience verdict verdicts replay tail pending lease storePatience catchUp body answer requestTimeout';
const EXTRAS = ['shell', 'share', 'permissions', 'files'];

/** @throws {SessionError} `bad_option` */
export function checked(options: RelayOptions): Base {
  checkNames('createRelay', options, NAMES);
  checkNames('limits', options.limits, LIMITS);
  if (typeof options.authorize !== 'function') throw refused('bad_option', 'authorize is missing.', 'Give a function that says who sends a request: without it everybody could run commands on the server.');
  for (const [name, value] of Object.entries(options.limits ?? {})) {
    if (value !== undefined && !(Number.isFinite(value) && value >= 1)) throw refused('bad_option', `limits.${name} is no number of at least 1.`, 'Leave it out for its default.');
  }
  for (const extra of options.allow ?? []) {
    if (!EXTRAS.includes(extra)) throw refused('bad_option', `allow does not know "${String(extra)}".`, `There are ${EXTRAS.join(', ')}.`);
  }
  for (const origin of options.trustedOrigins ?? []) {
    if (!isOrigin(origin)) throw refused('bad_option', `"${String(origin)}" in trustedOrigins is no origin.`, 'Write it as browsers do: https://app.example.com, without a path.');
  }
  if (typeof options.auth === 'object') header(options.auth);
  return checkBase(options.upstream);
}

function isOrigin(origin: string): boolean {
  try {
    return new URL(origin).origin === origin;
  } catch {
    return false;
  }
}
