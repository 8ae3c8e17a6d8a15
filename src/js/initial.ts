/**
 * What is shown before anything is known.
 * Each is marked as pure, so that a bundle holds only those that it uses.
 * @module
 */
import type { ConnectionState, LiveSessionsState, SessionState } from './types.js';

const NONE: readonly never[] = /* @__PURE__ */ Object.freeze([]);

/** A connection of which nothing is known yet. */
export const CONNECTING: ConnectionState = /* @__PURE__ */ Object.freeze({ phase: 'connecting', source: 'event', attempt: 0 });

/** A session of which nothing is known yet. */
export const INITIAL: SessionState = /* @__PURE__ */ Object.freeze({
  messages: NONE,
  status: /* @__PURE__ */ Object.freeze({ type: 'idle' }),
  connection: CONNECTING,
  permissions: NONE,
  questions: NONE,
  todos: NONE,
  hasOlder: false,
  continuity: 'kept',
});

/** A list of which nothing is known yet. */
export const UNLISTED: LiveSessionsState = /* @__PURE__ */ Object.freeze({ sessions: NONE, hasMore: false, search: '', status: 'loading', connection: CONNECTING });
