import { listWithSessions } from 'opencode-session/metadata';
import { userOf } from '@/lib/auth';
import { metadata } from '@/lib/metadata';
import { client } from '@/lib/opencode';
import type { ChatRow } from '@/lib/rows';

/** Chats whose tags are told. */
const MOST = 500;
/** Chats that are found: the server is asked for each. */
const FOUND = 50;

/** The tags of the user's chats; with `tag` or `text`, the chats that have it. */
export async function GET(request: Request): Promise<Response> {
  const user = userOf(request.headers.get('cookie'));
  if (user === undefined) return Response.json({ error: { code: 'unauthorized' } }, { status: 401 });
  const asked = new URL(request.url).searchParams;
  const tag = asked.get('tag')?.slice(0, 128);
  const text = asked.get('text')?.slice(0, 128);
  const all = await metadata();
  if (!tag && !text) return Response.json((await all.list({ user, limit: MOST })).map(({ id, tags }): ChatRow => ({ id, tags, title: '', updated: 0 })));
  const { sessions } = await client();
  const found = await listWithSessions(all, { user, limit: FOUND, ...(tag && { tag }), ...(text && { text }) }, (id) => sessions.get(id));
  return Response.json(found.map(({ id, tags, session }): ChatRow => ({ id, tags, title: session?.title ?? '', updated: session?.time.updated ?? 0 })));
}
