/**
 * `opencode-session/problem`: what to show a person, of all that a state says went wrong or is waited for.
 * @module
 */
import type { SessionError } from './errors.js';
import type { Message, SessionState } from './types.js';

/**
 * A sentence for the person at the screen, by error code. The error's `hint` is for who runs the page.
 *
 * @example
 * ```ts
 * console.log(SENTENCES['unauthorized']);
 * ```
 */
export const SENTENCES: { readonly [code: string]: string } = {
  bad_base_url: 'This page is not set up right: the address of its server cannot be used.',
  credentials_in_url: 'This page is not set up right: a password stands in the address of its server.',
  bad_option: 'This page is not set up right.',
  wasm_load_failed: 'A part of this page could not be loaded. Reload the page.',
  crashed: 'This page has a problem. Reload it.',
  load_failed: 'A part of this page could not be loaded. Reload the page.',
  unsupported: 'This browser or this server cannot do that.',
  unreachable: 'The server cannot be reached.',
  timeout: 'The server takes too long to answer.',
  auth_failed: 'Signing in did not work. Sign in again.',
  unauthorized: 'The server wants you to sign in.',
  forbidden: 'You may not see this chat.',
  not_found: 'The server does not have that.',
  no_route: 'The server is starting, or cannot be reached from here.',
  session_not_found: 'This chat is not there any more.',
  busy: 'An answer is still being written. Wait for it, or stop it.',
  rate_limited: 'Too many requests. It goes on in a while.',
  bad_request: 'The server did not accept that.',
  server_error: 'The server has a problem.',
  redirected: 'The server has moved to another address.',
  html_response: 'Something else answers in place of the server, perhaps a page to sign in.',
  wrong_content_type: 'Something else answers in place of the server.',
  bad_response: 'The server gave an answer that cannot be read.',
  bad_event: 'A part of the answer was lost on the way and is fetched again.',
  event_too_large: 'A part of the answer was too large and is fetched again.',
  incomplete: 'The messages are here; some of what belongs to them is still missing.',
  limit_reached: 'That is more than this page can hold.',
  silent: 'The connection went silent and is opened again.',
  stream_ended: 'The connection ended and is opened again.',
  mute: 'The connection brings nothing; another way is tried.',
  held_back: 'The connection is held up; answers come in larger steps.',
  keeper_failed: 'Answers may have gaps after a reload.',
  keeper_refused: 'Answers may have gaps after a reload.',
  unknown_model: 'The server does not have this model. Choose another one.',
  unknown_agent: 'The server does not have this agent. Choose another one.',
  unknown_command: 'The server does not have this command.',
  bad_prompt: 'The message is empty, or a file in it cannot be read.',
  dropped: 'The message will not be answered. Send it again.',
  not_stored: 'The message did not get to the server. Send it again.',
  cancelled: 'The message was taken back.',
  offline: 'There is no network. It goes on when there is one.',
  turn_failed: 'The model could not answer.',
  aborted: 'The answer was stopped.',
  closed: 'This chat was closed.',
  signed_out: 'You have signed out, or somebody else has signed in.',
  sign_out_failed: 'Signing out did not remove everything. Sign out again.',
  not_recording: 'This chat is not being recorded.',
  bad_recording: 'This file is not a recording, or it is damaged.',
};

/**
 * What went wrong, once, however many places of the state tell of it.
 *
 * @example
 * ```ts
 * const problem: Problem | undefined = problemOf(session.state);
 * ```
 */
export interface Problem {
  /** Whether the way to the server, the chat's history or the answer of the model has the problem. */
  readonly kind: 'connection' | 'session' | 'turn';
  readonly error: SessionError;
  /** For the person at the screen; `error.hint` is for who runs the page. */
  readonly sentence: string;
  /** `false` while it is being mended and most likely nobody noticed: one lost try is everyday life on a network. */
  readonly worthShowing: boolean;
}

/**
 * The one problem of a state that a page should tell of: what keeps the others from being mended comes first. `undefined` when all is
 * well, or when the person stopped an answer.
 *
 * @example
 * ```ts
 * const problem = problemOf(session.state);
 * console.log(problem?.worthShowing ? problem.sentence : 'All is well.');
 * ```
 */
export function problemOf({ connection, error, status }: Pick<SessionState, 'connection' | 'error' | 'status'>): Problem | undefined {
  const { phase, attempt } = connection;
  const isLost = phase !== 'live' && phase !== 'polling';
  if (connection.error !== undefined && isLost) {
    const isLasting = attempt >= 2 || phase === 'closed' || phase === 'offline';
    return told('connection', connection.error, isLasting);
  }
  if (error !== undefined) return told('session', error, !isLost || !error.retryable);
  // Stopping is what the person asked for.
  if (status.type === 'error' && status.error.code !== 'aborted') return told('turn', status.error, true);
  return undefined;
}

/**
 * The sentence for an error; of a code that is not known here, what the error says itself.
 *
 * @example
 * ```ts
 * session.send('Hello').stored.catch((error) => alert(sentenceOf(error)));
 * ```
 */
export function sentenceOf({ code, message }: Pick<SessionError, 'code' | 'message'>): string {
  return Object.hasOwn(SENTENCES, code) ? (SENTENCES[code] as string) : message;
}

/**
 * What an own prompt waits for.
 *
 * @example
 * ```ts
 * const wait: Wait | undefined = waitOf(session.state, message);
 * ```
 */
export interface Wait {
  /**
   * `offline`: a network; `server`: the server, or being let in; `history`: the chat, which is still being loaded; `earlier`: an own
   * prompt before it; `sending`: the server's word that it is stored; `answer`: the end of another prompt's answer.
   */
  readonly kind: keyof typeof WAITS;
  /** For the person at the screen: what it waits for and, where that is known, what is wrong. */
  readonly sentence: string;
}

const WAITS = {
  offline: 'Waits for a network.',
  server: 'Waits for the server.',
  history: 'Waits until the chat is loaded.',
  earlier: 'Waits for the message before it.',
  sending: 'Sending…',
  answer: 'Waits for the running answer.',
};

/**
 * What an own prompt waits for that is not stored yet, or not answered yet. `undefined` for all other messages.
 *
 * @example
 * ```ts
 * for (const message of session.state.messages) console.log(message.parts[0]?.text, waitOf(session.state, message)?.sentence ?? '');
 * ```
 */
export function waitOf(state: SessionState, message: Message): Wait | undefined {
  const { connection: { phase }, messages, session } = state;
  if (message.delivery === 'queued') return waits('answer');
  if (message.delivery !== 'sending') return undefined;
  const problem = problemOf(state);
  const why = problem?.worthShowing && problem.kind !== 'turn' ? problem.sentence : undefined;
  if (phase === 'offline') return waits('offline');
  if (phase === 'connecting' || phase === 'waiting' || phase === 'closed') return waits('server', why);
  const isKnown = session !== undefined || messages.some(({ delivery }) => delivery === undefined);
  if (phase === 'syncing' || !isKnown) return waits('history', why);
  return waits(messages.find(({ delivery }) => delivery === 'sending')?.key === message.key ? 'sending' : 'earlier');
}

function waits(kind: Wait['kind'], why?: string): Wait {
  return { kind, sentence: why === undefined ? WAITS[kind] : `${WAITS[kind]} ${why}` };
}

function told(kind: Problem['kind'], error: SessionError, worthShowing: boolean): Problem {
  return { kind, error, worthShowing, sentence: sentenceOf(error) };
}
