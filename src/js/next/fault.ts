/**
 * What a chat endpoint answers where it cannot do what it is asked for.
 * @module
 */

/** Codes of the endpoint itself, with their status. Those of the session and of the relay come with theirs. */
const STATUS = {
  bad_body: 400,
  bad_position: 400,
  wrong_content_type: 415,
  too_large: 413,
  position_lost: 410,
  internal: 500,
} as const;

/** Of codes of `SessionError`; all others are this side's own trouble with the server: 502. */
const OF_SESSION: Readonly<Record<string, number>> = {
  session_not_found: 404,
  not_found: 404,
  bad_option: 400,
  bad_prompt: 400,
  unknown_model: 400,
  unknown_agent: 400,
  limit_reached: 413,
  busy: 409,
  rate_limited: 429,
  forbidden: 403,
  timeout: 504,
};

/** What is told to a page: never more than these three. */
export interface Told {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** Ends the handling of a request. */
export class Fault extends Error {
  readonly code: keyof typeof STATUS;
  readonly hint: string;

  constructor(code: keyof typeof STATUS, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** The answer for what was thrown. */
export function answerOf(error: unknown): Response {
  const { code, message, hint, status } = errorOf(error);
  return Response.json({ error: { code, message, hint } satisfies Told }, { status, headers: { 'cache-control': 'no-store' } });
}

function errorOf(error: unknown): Told & { readonly status: number } {
  if (error instanceof Fault) return { code: error.code, message: error.message, hint: error.hint, status: STATUS[error.code] };
  const { name, code, message, hint } = error as Partial<Record<'name' | 'code' | 'message' | 'hint', string>>;
  if (name === 'SessionError' && code !== undefined) return { code, message: message ?? '', hint: hint ?? '', status: OF_SESSION[code] ?? 502 };
  // What else was thrown may say more than a page is to know. An option that is wrong is the developer's to know.
  console.error('opencode-session: the route failed:', error);
  return errorOf(new Fault('internal', 'The endpoint failed.', 'Look at the log of the server.'));
}
