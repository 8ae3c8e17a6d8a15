import { listWithSessions } from 'opencode-session/metadata';
import { userOf } from '@/lib/auth';
import { metadata } from '@/lib/metadata';
import { client } from '@/lib/opencode';
import type { ChatRow } from '@/lib/rows';

const MOST = 100;

/** The user's chats by their tags: all, those with a tag, or those with a text in a tag. */
export async function GET(request: Request): Promise<Response> {
  const user = userOf(request.headers.get('cookie'));
  if (user === undefined) return Response.json({ error: { code: 'unauthorized' } }, { status: 401 });
  const asked = new URL(request.url).searchParams;
  const tag = asked.get('tag')?.slice(0, 128);
  const text = asked.get('text')?.slice(0, 128);
  const { sessions } = await client();
  const rows = await listWithSessions(await metadata(), { user, limit: MOST, ...(tag && { tag }), ...(text && { text }) }, (id) => sessions.get(id));
  return Response.json(rows.map(({ id, tags, session }): ChatRow => ({ id, tags, title: session?.title ?? '', updated: session?.time.updated ?? 0 })));
}
