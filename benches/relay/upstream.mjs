// A server whose sessions answer without end: node upstream.mjs SESSIONS DELTAS_PER_SECOND prints its address, and on each line how many
// streams are open. Each delta holds the time.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [sessions, rate] = process.argv.slice(2).map(Number);
const streams = new Set();
const ids = Array.from({ length: sessions }, (_, n) => `ses_bench${n}`);
let count = 0;
const event = (type, properties) => {
  count += 1;
  return `data: ${JSON.stringify({ directory: '/project', payload: { id: `evt_${count}`, type, properties } })}\n\n`;
};
let turn = 0;
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://x');
  if (pathname !== '/global/event') {
    const body = pathname === '/path' ? { directory: '/project' } : pathname.startsWith('/session/') ? { id: pathname.split('/')[2] } : [];
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`data: ${JSON.stringify({ payload: { type: 'server.connected', properties: {} } })}\n\n`);
  for (const sessionID of ids) response.write(event('message.part.updated', { sessionID, part: { id: `prt_${sessionID}_${turn}`, messageID: `msg_${sessionID}`, sessionID, type: 'text', text: '', time: { start: 1 } } }));
  streams.add(response);
  response.on('close', () => streams.delete(response));
});
// A few sessions each time, so that they do not all speak at once.
let due = 0;
let next = 0;
let last = performance.now();
setInterval(() => {
  const now = performance.now();
  due += ((now - last) / 1_000) * rate * sessions;
  last = now;
  let frames = '';
  for (; due >= 1; due -= 1) {
    const sessionID = ids[next++ % sessions];
    frames += event('message.part.delta', { sessionID, messageID: `msg_${sessionID}`, partID: `prt_${sessionID}_${turn}`, field: 'text', delta: `${Date.now()} ` });
  }
  for (const stream of streams) stream.write(frames);
}, 5);
// An answer has an end: the log is kept from the start of the oldest one.
setInterval(() => {
  turn += 1;
  let frames = '';
  for (const sessionID of ids) {
    const part = (n, time) => ({ sessionID, part: { id: `prt_${sessionID}_${n}`, messageID: `msg_${sessionID}`, sessionID, type: 'text', text: '', time } });
    frames += event('message.part.updated', part(turn - 1, { start: 1, end: 2 })) + event('message.part.updated', part(turn, { start: 1 }));
  }
  for (const stream of streams) stream.write(frames);
}, 5_000);
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
createInterface({ input: process.stdin }).on('line', () => console.log(JSON.stringify({ streams: streams.size })));
