/**
 * The check of what tells a page that a history goes on.
 * @module
 */
import { base64url, encode } from '../bytes.js';
import { type Job, failed, inDirectory, skipped, type Visit } from './types.js';

const HEADER = 'x-next-cursor';
const REMEDY = 'Let the header X-Next-Cursor through, and name it in Access-Control-Expose-Headers of whatever stands between.';

/** Whether pages see where older messages begin. Where they do not, they ask for ever longer pages. */
export const older: Job = {
  name: 'older',
  title: 'Older messages',
  needs: ['session'],
  async run(visit) {
    const client = await visit.client();
    const { id } = await visit.soon(client.sessions.create({ title: 'opencode-session doctor' }));
    try {
      for (const text of ['one', 'two']) await put(visit, id, text);
      const origin = pageOrigin(visit);
      const first = await newest(visit, id, '', origin);
      const { headers, messages } = first;
      if (headers.has(HEADER)) {
        // The header is there for whoever is no page; a page sees it only where it is named.
        const asked = headers.get('access-control-allow-origin');
        const shown = (headers.get('access-control-expose-headers') ?? '').toLowerCase().split(/[\s,]+/);
        if (origin !== undefined && asked !== null && !shown.includes(HEADER) && !shown.includes('*')) {
          throw failed('cursor_hidden', `Pages of ${origin} may not read where older messages begin.`, REMEDY);
        }
        return 'an answer says where they begin';
      }
      const last = messages[0]?.info;
      if (last === undefined) throw skipped('the server keeps no message that asks for no answer');
      // The place is asked for as the server itself would name it. A server that knows none gives the newest message again.
      const cursor = base64url(encode(JSON.stringify({ id: last.id, time: last.time.created })));
      const next = await newest(visit, id, `&before=${cursor}`, origin);
      if (next.messages[0] !== undefined && next.messages[0].info.id !== last.id) {
        throw failed('cursor_hidden', 'The server has older messages, but the header that says where they begin does not come.', REMEDY);
      }
      return 'this server names no place where they begin: longer pages are asked for';
    } finally {
      await visit.soon(client.sessions.remove(id)).catch(() => undefined);
    }
  },
};

/** The page that the answers are for; on a page that is its own one, whose browser leaves out what may not be read. */
function pageOrigin({ options }: Visit): string | undefined {
  return (globalThis as { location?: unknown }).location === undefined ? options.origin : undefined;
}

interface Newest {
  readonly headers: Headers;
  readonly messages: readonly { readonly info: { readonly id: string; readonly time: { readonly created: number } } }[];
}

/** A page of one message. */
async function newest(visit: Visit, id: string, more: string, origin: string | undefined): Promise<Newest> {
  const response = await visit.ask(route(visit, id, `limit=1${more}`), origin === undefined ? {} : { headers: { origin } });
  if (!response.ok) throw failed('server_error', `The messages of a session give status ${response.status}.`, "Look at the server's log.");
  return { headers: response.headers, messages: response.json() as Newest['messages'] };
}

/** Puts a message into the session that no model is asked about. */
async function put(visit: Visit, id: string, text: string): Promise<void> {
  const response = await visit.ask(route(visit, id), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ noReply: true, parts: [{ type: 'text', text }] }),
  });
  if (!response.ok) throw failed('server_error', `A message gives status ${response.status}.`, "Look at the server's log.");
}

function route({ options }: Visit, id: string, query = ''): string {
  const named = inDirectory(options.directory);
  return `/session/${encodeURIComponent(id)}/message${named}${query === '' ? '' : `${named === '' ? '?' : '&'}${query}`}`;
}
