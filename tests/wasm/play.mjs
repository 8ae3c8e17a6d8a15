// Plays recorded or made event streams to the built package, without a network: a fetch that answers from memory.
import { createClient } from '../../dist/node.js';
import { NEWEST } from '../support/versions.mjs';

const encoder = new TextEncoder();
const CONNECTED = 'data: {"id":"evt_0","type":"server.connected","properties":{}}\n\n';

const open = new Set();
/** Of each stream, whether something in it was not read yet. */
const unread = new Set();

/** Ends all clients: an open stream would keep the process alive. */
export function closeAll() {
  for (const client of open) client.close();
  open.clear();
  unread.clear();
}

/** A client on an empty session, and the stream that feeds it. */
export async function play(sessionID, options = {}) {
  let controller;
  const json = (value) => new Response(JSON.stringify(value), { headers: { 'content-type': 'application/json' } });
  const answers = [
    ...(options.answers ?? []),
    [/^\/global\/health/, () => json({ healthy: true, version: NEWEST })],
    [/^\/path/, () => json({ directory: '/project' })],
    [/^\/session\/status/, () => json({})],
    [/^\/session\/[^/]+\/message/, () => json(options.history ?? [])],
    [/^\/session\/[^/]+\/todo|^\/permission|^\/question/, () => json([])],
    [/^\/session\/[^/]+$/, () => json({ id: sessionID, title: 't', directory: '/project', time: { created: 1, updated: 1 } })],
  ];
  const fetch = async (url, init) => {
    const at = new URL(url);
    const path = at.pathname;
    if (path === '/event') {
      const isUnread = () => controller.desiredSize < 1;
      const body = new ReadableStream({ start: (made) => { controller = made; }, cancel: () => void unread.delete(isUnread) });
      unread.add(isUnread);
      controller.enqueue(encoder.encode(CONNECTED));
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    }
    return answers.find(([pattern]) => pattern.test(path))?.[1](init, at) ?? new Response('', { status: 404 });
  };
  const client = await createClient({ baseUrl: 'http://model.test', fetch, ...options.client });
  open.add(client);
  const session = client.openSession(sessionID);
  await session.ready;
  return { client, session, send: (bytes) => controller.enqueue(bytes), event: (value) => controller.enqueue(frame(value)) };
}

/** One event as the server writes it. */
export function frame(value) {
  return encoder.encode(`data: ${JSON.stringify(value)}\n\n`);
}

/** Waits until what was sent is handled: it is read in turns, and told in a frame, which is a timer. */
export async function handled() {
  const pause = () => new Promise((resolve) => {
    setTimeout(resolve, 30);
  });
  while ([...unread].some((isUnread) => isUnread())) await pause();
  await pause();
}

let ids = 0;

/** The events that start an assistant message with an open text part. */
export function opening(sessionID, messageID = 'msg_a', partID = 'prt_a') {
  const info = { id: messageID, sessionID, role: 'assistant', parentID: 'msg_0', time: { created: 5 } };
  const part = { id: partID, sessionID, messageID, type: 'text', text: '', time: { start: 5 } };
  return [
    { id: id(), type: 'session.status', properties: { sessionID, status: { type: 'busy' } } },
    { id: id(), type: 'message.updated', properties: { sessionID, info } },
    { id: id(), type: 'message.part.updated', properties: { sessionID, part, time: 5 } },
  ];
}

/** One delta. */
export function delta(sessionID, text, messageID = 'msg_a', partID = 'prt_a') {
  return { id: id(), type: 'message.part.delta', properties: { sessionID, messageID, partID, field: 'text', delta: text } };
}

function id() {
  ids += 1;
  return `evt_${ids}`;
}
