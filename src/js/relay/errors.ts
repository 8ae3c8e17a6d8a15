/**
 * What a relay answers where it does not do what it is asked for.
 * @module
 */

/**
 * Why a relay did not do what it was asked for.
 *
 * @example
 * ```ts
 * const code: RelayErrorCode = 'cross_site';
 * ```
 */
export type RelayErrorCode =
  | 'cross_site' | 'unauthorized' | 'forbidden' | 'route_denied' | 'directory_denied' | 'not_found' | 'bad_request' | 'bad_file' | 'wrong_content_type' | 'too_large'
  | 'too_many_readers' | 'full' | 'upstream_unreached' | 'upstream_refused' | 'upstream_redirected' | 'upstream_too_large' | 'upstream_timeout' | 'hook_failed' | 'internal';

/** Each with its status, what it says, and the one thing to do. */
const TABLE: Readonly<Record<RelayErrorCode, readonly [status: number, message: string, hint: string]>> = {
  cross_site: [403, 'The request comes from a page of another site.', 'Name its origin in trustedOrigins, if it is yours.'],
  unauthorized: [401, 'Nobody is signed in.', 'Sign in.'],
  forbidden: [403, 'This is not allowed, or not there.', 'Ask for a session that is yours.'],
  route_denied: [403, 'The relay does not pass this route on.', 'Name it in the allow option, if your users are to have it.'],
  directory_denied: [403, 'The relay does not pass this directory on.', 'Leave directory out, or allow it with the directories option.'],
  not_found: [404, 'This is not there.', 'Load the list again.'],
  bad_request: [400, 'The request cannot be passed on as it is.', 'Send a JSON object that the route knows.'],
  bad_file: [400, 'A file is not given by its content.', 'Send it as a data: URL.'],
  wrong_content_type: [415, 'The body is not JSON.', 'Send it with content-type: application/json.'],
  too_large: [413, 'The body is larger than limits.body.', 'Send less, or raise limits.body.'],
  too_many_readers: [429, 'This user has too many streams open.', 'Close some, or raise limits.readersPerUser.'],
  full: [503, 'The relay has too many readers, or is about to end.', 'Come again.'],
  upstream_unreached: [502, 'The OpenCode server was not reached.', 'Start it, and see to it that the upstream option is right.'],
  upstream_refused: [502, 'The OpenCode server did not let the relay in.', 'See to it that the auth option of the relay is right.'],
  upstream_redirected: [502, 'The OpenCode server sent the relay elsewhere.', 'Give its final address in the upstream option.'],
  upstream_too_large: [502, 'The answer of the OpenCode server is larger than limits.answer.', 'Ask for less, or raise limits.answer.'],
  upstream_timeout: [504, 'The OpenCode server did not answer in time.', 'Try again, or raise limits.requestTimeout.'],
  hook_failed: [500, 'A function that the relay was given failed.', 'Look at the log of its process.'],
  internal: [500, 'The relay failed.', 'Look at the log of its process.'],
};

/** Ends the handling of a request. */
export class Refusal extends Error {
  readonly code: RelayErrorCode;

  /** `cause`: what a function of the owner's threw. It is for their log alone. */
  constructor(code: RelayErrorCode, cause?: unknown) {
    super(TABLE[code][1], { cause });
    this.code = code;
  }
}

/** Seconds after which it is worth while to come again. */
const AGAIN = '5';

/** The answer of a code. */
export function denied(code: RelayErrorCode): Response {
  const [status, message, hint] = TABLE[code];
  const headers: Record<string, string> = { 'cache-control': 'no-store' };
  if (status === 429 || status === 503) headers['retry-after'] = AGAIN;
  // A name, as errors of the server have: clients take no other answer for the server's own word on a session.
  return Response.json({ name: 'RelayError', error: { code, message, hint } }, { status, headers });
}
