// The work for four times as much is about four times as much: counted, not timed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '../../dist/index.js';
import { waitFor } from '../support/wait.mjs';
import { counting, work } from '../support/work.mjs';

const wasm = counting(new URL('../../dist/core_bg.wasm', import.meta.url));
/** Above it the work grows faster than what is worked on; sixteen is quadratic. */
const MOST = 7;
const json = (value, status = 200) => new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } });
const part = (n) => ({ id: `prt_${String(n).padStart(6, '0')}`, messageID: 'msg_1', sessionID: 'ses_1', type: 'text', text: 'x', time: { start: 1, end: 2 } });
const message = (id) => ({ id, sessionID: 'ses_1', role: 'assistant', time: { created: 1, completed: 2 } });

/** A client whose server is in this process. @param {(path: string) => unknown} answer */
async function stage(answer = () => undefined) {
  /** @type {Map<string, number>} */
  const asked = new Map();
  /** @type {ReadableStreamDefaultController<Uint8Array> | undefined} */
  let stream;
  const emit = (events) => stream?.enqueue(new TextEncoder().encode(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')));
  const own = async (input) => {
    const { pathname } = new URL(input);
    asked.set(pathname, (asked.get(pathname) ?? 0) + 1);
    if (pathname.endsWith('/event')) {
      const body = new ReadableStream({ start: (controller) => { stream = controller; } });
      emit([{ type: 'server.connected', properties: {} }]);
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    }
    const special = answer(pathname);
    if (special instanceof Response) return special;
    if (special !== undefined) return json(special);
    if (pathname === '/global/health') return json({ healthy: true, version: '1.18.33' });
    if (pathname === '/path') return json({ directory: '/p' });
    if (pathname === '/session/status') return json({});
    if (/^\/session\/ses_\w+$/.test(pathname)) return json({ id: pathname.slice(9), directory: '/p', title: 't', time: { created: 1, updated: 1 } });
    return json([]);
  };
  const client = await createClient({ baseUrl: 'http://127.0.0.1:1', fetch: own, wasm, journal: 'off' });
  return { client, asked, emit };
}

/** @param {(count: number) => Promise<void>} job @param {number} count */
async function grows(job, count) {
  const [little, much] = [await spent(job, count), await spent(job, 4 * count)];
  assert.ok(little > count, `${little} steps for ${count}: nothing was counted`);
  assert.ok(much / little < MOST, `${little} steps for ${count}, ${much} for ${4 * count}: ${(much / little).toFixed(1)} times`);
}

/** @param {(count: number) => Promise<void>} job @param {number} count */
async function spent(job, count) {
  work();
  await job(count);
  return work();
}

test('a message with many parts, fetched twice', () => grows(async (count) => {
  const parts = Array.from({ length: count }, (_, n) => part(n));
  const { client, asked } = await stage((path) => (path === '/session/ses_1/message' ? [{ info: message('msg_1'), parts }] : undefined));
  const session = client.openSession('ses_1');
  await session.ready;
  assert.equal(session.state.messages[0]?.parts.length, count);
  session.reconnect();
  await waitFor(() => asked.get('/session/ses_1/message') === 2 && session.state.connection.phase === 'live');
  assert.equal(session.state.messages[0]?.parts.length, count);
  client.close();
}, 900));

test('a message with many parts that another history tells with one part more', () => grows(async (count) => {
  const parts = Array.from({ length: count }, (_, n) => part(2 * n));
  let round = 0;
  const { client, asked } = await stage((path) => {
    if (path !== '/session/ses_1/message') return undefined;
    round += 1;
    return [{ info: message('msg_1'), parts: round === 1 ? parts : [part(-1), ...parts].toSorted((a, b) => (a.id < b.id ? -1 : 1)) }];
  });
  const session = client.openSession('ses_1');
  await session.ready;
  session.reconnect();
  await waitFor(() => asked.get('/session/ses_1/message') === 2 && session.state.messages[0]?.parts.length === count + 1);
  client.close();
}, 900));

test('events of messages that nobody knows', () => grows(async (count) => {
  const { client, asked, emit } = await stage((path) => (path.includes('/message/') ? json({ name: 'NotFoundError', data: { message: 'none' } }, 404) : undefined));
  const session = client.openSession('ses_1');
  await session.ready;
  await waitFor(() => session.state.connection.phase === 'live');
  emit(Array.from({ length: count }, (_, n) => ({ id: `evt_${n}`, type: 'message.part.delta', properties: { sessionID: 'ses_1', messageID: `msg_${n}`, partID: 'prt_1', field: 'text', delta: 'x' } })));
  await waitFor(() => session.state.error?.code === 'limit_reached');
  const single = () => [...asked].filter(([path]) => path.includes('/message/')).length;
  await waitFor(() => session.state.error === undefined);
  assert.equal(single(), 64);
  client.close();
}, 2_000));

test('permissions beyond all measure', () => grows(async (count) => {
  const { client, emit } = await stage();
  const session = client.openSession('ses_1');
  await session.ready;
  await waitFor(() => session.state.connection.phase === 'live');
  emit(Array.from({ length: count }, (_, n) => ({ type: 'permission.asked', properties: { id: `per_${n}`, sessionID: 'ses_1', permission: 'bash', patterns: [], metadata: {} } })));
  emit([{ type: 'session.status', properties: { sessionID: 'ses_1', status: { type: 'busy' } } }]);
  await waitFor(() => session.state.status.type === 'busy');
  assert.equal(session.state.permissions.length, 1_000);
  client.close();
}, 1_500));

test('events of sessions whose place is known', () => grows(async (count) => {
  const { client, emit } = await stage();
  const session = client.openSession('ses_1');
  await session.ready;
  await waitFor(() => session.state.connection.phase === 'live');
  const ids = Array.from({ length: count }, (_, n) => `ses_${1_000 + ((n * 7_919) % count)}`);
  emit(ids.map((id) => ({ type: 'session.created', properties: { sessionID: id, info: { id, directory: '/p', title: 't', time: { created: 1, updated: 1 } } } })));
  emit(ids.map((id) => ({ type: 'session.status', properties: { sessionID: id, status: { type: 'busy' } } })));
  emit([{ type: 'session.status', properties: { sessionID: 'ses_1', status: { type: 'busy' } } }]);
  await waitFor(() => session.state.status.type === 'busy');
  client.close();
}, 120));

test('what has come already and is much lets others have their turn', async () => {
  const { client, emit } = await stage();
  const session = client.openSession('ses_1');
  await session.ready;
  await waitFor(() => session.state.connection.phase === 'live');
  emit([{ type: 'message.updated', properties: { sessionID: 'ses_1', info: message('msg_1') } }, { type: 'message.part.updated', properties: { sessionID: 'ses_1', part: { ...part(1), text: '', time: { start: 1 } } } }]);
  const delta = { type: 'message.part.delta', properties: { sessionID: 'ses_1', messageID: 'msg_1', partID: part(1).id, field: 'text', delta: 'word ' } };
  const text = () => session.state.messages[0]?.parts[0]?.text ?? '';
  for (let n = 0; n < 40; n += 1) emit(Array.from({ length: 1_000 }, () => delta));
  const first = await new Promise((resolve) => {
    setTimeout(() => resolve(text().length), 0);
  });
  await waitFor(() => text().length === 200_000);
  assert.ok(first < 200_000, 'all was read before a timer had its turn');
  client.close();
});

test('one session too many is refused', async () => {
  const { client } = await stage();
  for (let n = 0; n < 1_000; n += 1) client.openSession(`ses_${n}`);
  assert.throws(() => client.openSession('ses_more'), { code: 'limit_reached' });
  client.openSession('ses_0').close();
  client.close();
});
