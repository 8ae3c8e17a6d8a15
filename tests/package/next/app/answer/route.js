import { createClient } from 'opencode-session';

export const dynamic = 'force-dynamic';

/** The same answer, asked for on the server side. */
export async function GET(request) {
  const query = new URL(request.url).searchParams;
  const client = await createClient({ baseUrl: query.get('server') });
  const session = await client.createSession({ title: 'Route' });
  const { parts } = await session.send(query.get('prompt')).done;
  client.close();
  return Response.json({ text: parts.map(({ type, text }) => (type === 'text' ? text : '')).join('') });
}
