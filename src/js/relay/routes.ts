/**
 * The routes that a relay passes on: all that the client of this package asks for, and nothing else.
 * @module
 */

/**
 * What is passed on only where it is named: `shell` runs commands without asking, `share` publishes a session, `permissions` lets a
 * page say what tools may do unasked, `files` lets it name files and addresses that the server reads.
 *
 * @example
 * ```ts
 * const allow: Extra[] = ['share'];
 * ```
 */
export type Extra = 'shell' | 'share' | 'permissions' | 'files';

/** What is done with the answer, or before it is asked for. */
export type Kind = 'stream' | 'plain' | 'providers' | 'sessions' | 'statuses' | 'requests' | 'message' | 'create' | 'remove';

export interface Route {
  readonly kind: Kind;
  /** The path to ask the server for, put together anew from its pieces. */
  readonly path: string;
  /** The session that it is about. */
  readonly session: string | undefined;
  /** The permission or question that it answers. */
  readonly request: string | undefined;
}

type Row = readonly [method: string, pattern: string, kind: Kind, extra?: Extra];

/** `:session` and `:request` are ids whose owner is checked; `:id` is any other. */
const ROWS: readonly Row[] = [
  ['GET', '/event', 'stream'],
  ['GET', '/global/event', 'stream'],
  ['GET', '/global/health', 'plain'],
  ['GET', '/path', 'plain'],
  ['GET', '/config/providers', 'providers'],
  ['GET', '/agent', 'plain'],
  ['GET', '/command', 'plain'],
  ['GET', '/permission', 'requests'],
  ['GET', '/question', 'requests'],
  ['GET', '/session', 'sessions'],
  ['GET', '/session/status', 'statuses'],
  ['GET', '/session/:session', 'plain'],
  ['GET', '/session/:session/children', 'sessions'],
  ['GET', '/session/:session/diff', 'plain'],
  ['GET', '/session/:session/message', 'plain'],
  ['GET', '/session/:session/message/:id', 'message'],
  ['GET', '/session/:session/todo', 'plain'],
  ['POST', '/permission/:request/reply', 'plain'],
  ['POST', '/question/:request/reject', 'plain'],
  ['POST', '/question/:request/reply', 'plain'],
  ['POST', '/session', 'create'],
  ['POST', '/session/:session/abort', 'plain'],
  ['POST', '/session/:session/command', 'plain'],
  ['POST', '/session/:session/fork', 'create'],
  ['POST', '/session/:session/permissions/:request', 'plain'],
  ['POST', '/session/:session/prompt_async', 'plain'],
  ['POST', '/session/:session/revert', 'plain'],
  ['POST', '/session/:session/share', 'plain', 'share'],
  ['POST', '/session/:session/shell', 'plain', 'shell'],
  ['POST', '/session/:session/summarize', 'plain'],
  ['POST', '/session/:session/unrevert', 'plain'],
  ['PATCH', '/session/:session', 'plain'],
  ['DELETE', '/session/:session', 'remove'],
  ['DELETE', '/session/:session/share', 'plain', 'share'],
];

/** An id as servers make them: no dots, no slashes, nothing that is encoded. */
const ID = /^[A-Za-z0-9_-]{1,256}$/;
export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

/** Questions that may stand behind a path. */
const QUERY = new Set(['before', 'limit', 'messageID', 'roots', 'search', 'start']);

/** The route of a request; `undefined`: it is not passed on. */
export function routeOf(method: string, pathname: string, allow: ReadonlySet<Extra>): Route | undefined {
  const pieces = pathname.split('/');
  for (const [verb, pattern, kind, extra] of ROWS) {
    const names = pattern.split('/');
    if (verb !== method || names.length !== pieces.length || (extra !== undefined && !allow.has(extra))) continue;
    const found: Record<string, string> = {};
    const fits = names.every((name, at) => {
      const piece = pieces[at] ?? '';
      if (!name.startsWith(':')) return name === piece;
      found[name] = piece;
      return isId(piece);
    });
    if (fits) return { kind, path: names.map((name) => found[name] ?? name).join('/'), session: found[':session'], request: found[':request'] };
  }
  return undefined;
}

/** What of a query is passed on. The directory is the caller's to check. */
export function queryOf(asked: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...asked].filter(([name]) => QUERY.has(name)));
}
