/**
 * What is rendered before a client or a session is there, and where there is none: on a server, too.
 * @module
 */
import type { LiveSessionsState, SessionError, SessionState } from '../index.js';

const NONE: readonly never[] = Object.freeze([]);
const CONNECTING = Object.freeze({ phase: 'connecting', source: 'event', attempt: 0 }) satisfies SessionState['connection'];

/** A session of which nothing is known yet. */
export const EMPTY: SessionState = Object.freeze({
  messages: NONE,
  status: Object.freeze({ type: 'idle' }),
  connection: CONNECTING,
  permissions: NONE,
  questions: NONE,
  todos: NONE,
  hasOlder: false,
  continuity: 'kept',
});

/** A list of which nothing is known yet. */
export const UNLISTED: LiveSessionsState = Object.freeze({ sessions: NONE, hasMore: false, search: '', status: 'loading', connection: CONNECTING });

/** The connection where no client could be made. */
export function ended(error: SessionError): SessionState['connection'] {
  return Object.freeze({ ...CONNECTING, phase: 'closed', error });
}
