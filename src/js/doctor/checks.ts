/**
 * The checks, in the order in which they make sense.
 * @module
 */
import { conversation, message, reconnect, stream } from './answers.js';
import { events, heartbeat, scope } from './events.js';
import { older } from './older.js';
import { permission } from './permission.js';
import { auth, clock, cors, providers, server, session } from './server.js';
import type { Job } from './types.js';

/** All checks. Each needs only earlier ones. */
export const CHECKS: readonly Job[] = [
  server, cors, auth, providers, session, clock, older, events, scope, message, stream, conversation, reconnect, permission, heartbeat,
];
