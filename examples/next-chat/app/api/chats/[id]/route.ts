import { userOf } from '@/lib/auth';
import { metadata } from '@/lib/metadata';

const MOST = 12;
const LONGEST = 32;

/** Changes the tags of a chat: `{ "tags": ["one", "two"] }`. */
export async function PATCH(request: Request, { params }: { params: Promise<{ id: string }> }): Promise<Response> {
  const user = userOf(request.headers.get('cookie'));
  if (user === undefined) return refused('unauthorized', 401);
  // The cookie is SameSite=Lax, so that another site's page cannot send this; and no form can.
  if (request.headers.get('content-type') !== 'application/json') return refused('wrong_content_type', 415);
  const body: unknown = await request.json().catch(() => undefined);
  const tags = tagsOf(body);
  if (tags === undefined) return refused('bad_request', 400);
  const { id } = await params;
  const all = await metadata();
  // One that is not there and one of somebody else get the same answer.
  if (!/^[A-Za-z0-9_-]{1,256}$/.test(id) || !(await all.owns(user, id))) return refused('forbidden', 403);
  const row = await all.update(id, { tags });
  return row ? Response.json({ id, tags: row.tags }) : refused('forbidden', 403);
}

function tagsOf(body: unknown): string[] | undefined {
  const tags = typeof body === 'object' && body !== null && 'tags' in body ? body.tags : undefined;
  if (!Array.isArray(tags) || tags.length > MOST) return undefined;
  const clean = tags.map((tag) => (typeof tag === 'string' ? tag.trim() : ''));
  return clean.every((tag) => tag !== '' && tag.length <= LONGEST) ? [...new Set(clean)] : undefined;
}

function refused(code: string, status: number): Response {
  return Response.json({ error: { code } }, { status });
}
