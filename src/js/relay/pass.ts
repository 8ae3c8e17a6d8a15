/**
 * Requests that a relay passes on: what may go there, and what of the answer comes back.
 * @module
 */
import { type Answer, bounded } from '../answer.js';
import { decode, encode } from '../bytes.js';
import { mustSee, seen } from './access.js';
import { type BadBody, isRecord, readJson } from './body.js';
import { Refusal } from './errors.js';
import type { Access, RelayOptions } from './options.js';
import { type Extra, isId, queryOf, type Route } from './routes.js';
import type { Question, Upstream } from './upstream.js';

/** Headers of an answer that come back. */
const BACK = ['content-type', 'x-next-cursor', 'retry-after'];
/** Sessions that are looked through for a page of those that somebody may see. */
const MAX_LISTED = 10_000;
/** Sessions of a page, where the request does not say. */
const PAGE = 100;
/** A function that the relay was given has so long, milliseconds. */
const HOOK = 30_000;
/** Nesting of a body that is looked into. */
const MAX_DEPTH = 64;

/** What requests are passed on with. */
export interface Passing {
  readonly upstream: Upstream;
  readonly options: RelayOptions;
  readonly allow: ReadonlySet<Extra>;
  readonly body: number;
}

/** Does what a route says. */
export async function passed(route: Route, request: Request, access: Access, { upstream, options, allow, body: most }: Passing): Promise<Response> {
  if (route.session !== undefined) await mustSee(access, route.session, upstream);
  const query = queryOf(new URL(request.url).searchParams);
  const directory = await directoryOf(new URL(request.url), access, upstream, options);
  if (directory !== undefined) query.set('directory', directory);
  if (route.request !== undefined) await mayAnswer(route, access, upstream, directory);
  const body = request.method === 'GET' || request.method === 'DELETE' ? undefined : await readBody(request, most);
  if (body !== undefined) checkBody(body, access, allow);
  const suffix = query.size > 0 ? `?${query}` : '';
  const question: Question = { method: request.method, path: route.path + suffix, ...(body !== undefined && { body: encode(JSON.stringify(body)) }) };
  const ask = (): Promise<Answer> => upstream.ask(question, request.signal);
  switch (route.kind) {
    case 'create': {
      if (access.create === false) throw new Refusal('forbidden');
      const parent = body?.['parentID'];
      if (parent !== undefined) {
        // The server is asked for it by its path.
        if (!isId(parent)) throw new Refusal('bad_request');
        await mustSee(access, parent, upstream);
      }
      return made(await ask(), access, upstream, options);
    }
    case 'remove': {
      const answer = await ask();
      if (answer.status < 300 && route.session !== undefined) await hook(() => options.onDelete?.(access.user, route.session as string));
      return given(answer);
    }
    case 'sessions':
      return route.session === undefined ? listed(access, upstream, route.path, query) : filtered(await ask(), access, upstream, ({ id }) => id);
    case 'requests':
      return filtered(await ask(), access, upstream, ({ sessionID }) => sessionID);
    case 'statuses':
      return statuses(await ask(), access, upstream);
    case 'providers':
      return withoutKeys(await ask());
    case 'message': {
      const answer = await ask();
      const { info } = answer.status === 200 ? (parsed(answer) as { info?: { sessionID?: unknown } }) : {};
      // Of another session, whatever the path says.
      if (info !== undefined && info.sessionID !== route.session) throw new Refusal('not_found');
      return given(answer);
    }
    case 'stream':
      throw new Refusal('route_denied');
    case 'plain': {
      const response = await upstream.pass(question, request.signal);
      return new Response(response.body, { status: response.status, headers: back(response.headers) });
    }
  }
}

/** A request that somebody answers is one of a session that they may see, whatever the path says. */
async function mayAnswer({ path, request }: Route, access: Access, upstream: Upstream, directory: string | undefined): Promise<void> {
  if (access.sessions === 'all') return;
  const kind = path.startsWith('/question/') ? '/question' : '/permission';
  // The server keeps them by directory.
  const open = list(await upstream.json(directory === undefined ? kind : `${kind}?${new URLSearchParams({ directory })}`)) as { id?: unknown; sessionID?: unknown }[];
  const asked = open.find(({ id }) => id === request);
  if (asked === undefined) throw new Refusal('forbidden');
  await mustSee(access, String(asked.sessionID), upstream);
}

async function directoryOf(url: URL, access: Access, upstream: Upstream, { directory, directories }: RelayOptions): Promise<string | undefined> {
  const asked = url.searchParams.get('directory');
  if (asked === null || asked === directory) return directory;
  if (await hook(() => directories?.(access.user, asked))) return asked;
  if (directory === undefined && asked === (await upstream.directory())) return asked;
  throw new Refusal('directory_denied');
}

async function readBody(request: Request, most: number): Promise<Record<string, unknown>> {
  try {
    return await readJson(request, most);
  } catch (error) {
    const { why } = error as BadBody;
    throw new Refusal(why === 'no_object' ? 'bad_request' : why);
  }
}

/** Nothing that lets a page go beyond a chat. */
function checkBody(body: Record<string, unknown>, { sessions }: Access, allow: ReadonlySet<Extra>): void {
  const { arguments: words, reply, response } = body;
  if (typeof words === 'string') {
    // A command puts them into its template, of which the server then runs what is quoted so, and reads what is named so.
    if (!allow.has('shell') && words.includes('!`')) throw new Refusal('bad_request');
    if (!allow.has('files') && /(^|[^\w`])@[^\s]/.test(words)) throw new Refusal('bad_file');
  }
  // It counts for all sessions of the directory, and not for those of this user alone.
  if (sessions !== 'all' && !allow.has('permissions') && [reply, response].includes('always')) throw new Refusal('bad_request');
  if (!allow.has('permissions') && ('permission' in body || 'tools' in body)) throw new Refusal('bad_request');
  if (!allow.has('files')) checkFiles(body, 0);
}

/** An address would be read by the server, and not by the page. */
function checkFiles(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_DEPTH) throw new Refusal('bad_request');
  const { type, url, source } = value as Partial<Record<'type' | 'url' | 'source', unknown>>;
  // The server reads what `source` names in place of the content.
  if (type === 'file' && (source !== undefined || !(typeof url === 'string' && url.startsWith('data:')))) throw new Refusal('bad_file');
  for (const each of Object.values(value)) checkFiles(each, depth + 1);
}

/** A session that is new belongs to whoever made it, before they know of it. */
async function made(answer: Answer, access: Access, upstream: Upstream, { onCreate }: RelayOptions): Promise<Response> {
  if (answer.status >= 300) return given(answer);
  const session = parsed(answer) as { id: string };
  try {
    await hook(() => onCreate?.(access.user, session));
  } catch (error) {
    await upstream.ask({ method: 'DELETE', path: `/session/${encodeURIComponent(session.id)}` }).catch(() => undefined);
    throw error;
  }
  return given(answer);
}

/** A page of those that somebody may see is as long as one of all. */
async function listed(access: Access, upstream: Upstream, path: string, query: URLSearchParams): Promise<Response> {
  const wanted = Math.min(Math.max(1, Math.trunc(Number(query.get('limit')))) || PAGE, MAX_LISTED);
  for (let limit = access.sessions === 'all' ? wanted : wanted * 2; ; limit *= 4) {
    query.set('limit', String(Math.min(limit, MAX_LISTED)));
    const answer = await upstream.ask({ method: 'GET', path: `${path}?${query}` });
    if (answer.status !== 200) return given(answer);
    const all = list(parsed(answer)) as { id: string; parentID?: unknown }[];
    // A list of many costs no question about each.
    for (const { id, parentID } of all) upstream.met(String(id), parentID);
    const mine = await seen(access, all, ({ id }) => String(id), upstream);
    if (mine.length >= wanted || all.length < limit || limit >= MAX_LISTED) return json(mine.slice(0, wanted));
  }
}

async function filtered(answer: Answer, access: Access, upstream: Upstream, sessionOf: (each: { id: string; sessionID: string }) => string): Promise<Response> {
  if (answer.status !== 200) return given(answer);
  const all = list(parsed(answer)) as { id: string; sessionID: string }[];
  return json(await seen(access, all, (each) => String(sessionOf(each)), upstream));
}

async function statuses(answer: Answer, access: Access, upstream: Upstream): Promise<Response> {
  if (answer.status !== 200) return given(answer);
  const all = Object.entries(parsed(answer) as object);
  const mine = await seen(access, all, ([id]) => id, upstream);
  return json(Object.fromEntries(mine));
}

/** The server tells keys of its providers. */
function withoutKeys(answer: Answer): Response {
  if (answer.status !== 200) return given(answer);
  const body = parsed(answer) as { providers?: unknown };
  const providers = list(body.providers ?? []).map((each) => {
    const { key: _key, options: _options, env: _env, ...rest } = each as Record<string, unknown>;
    const models = Object.entries((rest['models'] ?? {}) as object).map(([id, model]) => {
      const { options: _own, headers: _headers, ...plain } = model as Record<string, unknown>;
      return [id, plain];
    });
    return { ...rest, models: Object.fromEntries(models) };
  });
  return json({ ...body, providers });
}

/** A function that the relay was given. */
async function hook<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await bounded(HOOK, run);
  } catch (error) {
    throw new Refusal('hook_failed', error);
  }
}

function parsed({ body }: Answer): unknown {
  try {
    return JSON.parse(decode(body));
  } catch {
    throw new Refusal('upstream_unreached');
  }
}

/** Of what a server calls a list, what is an entry. */
function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function given({ status, headers, body }: Answer): Response {
  return new Response(body.length > 0 ? body : null, { status, headers: back(headers) });
}

function json(value: unknown): Response {
  return Response.json(value, { headers: { 'cache-control': 'no-store' } });
}

function back(headers: Headers): Record<string, string> {
  const own = BACK.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  return { 'cache-control': 'no-store', ...Object.fromEntries(own) };
}

