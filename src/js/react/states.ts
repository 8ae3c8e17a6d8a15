/**
 * What is rendered where there is no client: the connection has ended before it began.
 * @module
 */
import { CONNECTING } from '../initial.js';
import type { ConnectionState, SessionError } from '../index.js';

/** The connection where no client could be made. */
export function ended(error: SessionError): ConnectionState {
  return Object.freeze({ ...CONNECTING, phase: 'closed', error });
}
