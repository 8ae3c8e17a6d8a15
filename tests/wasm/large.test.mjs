// Answers without an end, on every route: no more is read than `limits.answer`, and the error says so.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { createClient, SessionError } from '../../dist/node.js';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';

const MOST = 300_000;
/** What lies in sockets between the two when the client hangs up. */
const UNDERWAY = 32 << 20;
const piece = Buffer.alloc(65_536, 'a');
const PLAIN = { '/global/health': { healthy: true, version: '1.18.33' }, '/path': { directory: '/p' }, '/session/status': {}, '/session/ses_1': { id: 'ses_1', title: 't', directory: '/p', time: { created: 1, updated: 1 } } };

let url = '';
/** Says which requests are answered without an end. @type {(path: string, method: string) => boolean} */
let isEndless = () => false;
/** @type {{ path: string, sent: number, isOver: boolean }[]} */
let endless = [];
const server = createServer((req, res) => {
  const path = new URL(req.url ?? '', 'http://x').pathname;
  req.resume();
  if (path.endsWith('/event')) {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('data: {"type":"server.connected","properties":{}}\n\n');
    return;
  }
  if (!isEndless(path, req.method ?? '')) {
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(PLAIN[path] ?? []));
    return;
  }
  const each = { path, sent: 0, isOver: false };
  endless.push(each);
  res.on('close', () => {
    each.isOver = true;
  });
  res.writeHead(200, { 'content-type': 'application/json' });
  res.write('[{"');
  const more = () => {
    while (!res.destroyed && each.sent < 4 * UNDERWAY) {
      each.sent += piece.length;
      if (!res.write(piece)) return void res.once('drain', more);
    }
  };
  more();
});

/** @param {Promise<unknown>} promise */
const code = (promise) => promise.then(() => 'ok', (error) => (error instanceof SessionError ? `${error.code}: ${error.message}` : String(error)));

async function hungUp() {
  await waitFor(() => endless.every(({ isOver }) => isOver), { message: () => `the client to hang up: ${JSON.stringify(endless)}` });
  for (const { path, sent } of endless) assert.ok(sent < UNDERWAY, `${sent} bytes of ${path}`);
  assert.ok(endless.length > 0);
}

describe('an answer without an end', () => {
  before(async () => {
    url = `http://${LOOPBACK}:${await listen(server)}`;
  });
  after(() => shut(server));

  /** @type {[string, (client: import('../../dist/index.js').Client) => Promise<unknown>][]} */
  const calls = [
    ['health', (client) => client.health()],
    ['providers', (client) => client.providers()],
    ['models', (client) => client.models()],
    ['agents', (client) => client.agents()],
    ['commands', (client) => client.commands()],
    ['createSession', (client) => client.createSession()],
    ['list', (client) => client.sessions.list()],
    ['get', (client) => client.sessions.get('ses_1')],
    ['create', (client) => client.sessions.create()],
    ['rename', (client) => client.sessions.rename('ses_1', 'x')],
    ['archive', (client) => client.sessions.archive('ses_1')],
    ['remove', (client) => client.sessions.remove('ses_1')],
    ['children', (client) => client.sessions.children('ses_1')],
    ['abort', (client) => client.openSession('ses_1').abort()],
    ['todo', (client) => client.openSession('ses_1').todo()],
    ['diff', (client) => client.openSession('ses_1').diff()],
    ['fork', (client) => client.openSession('ses_1').fork()],
    ['share', (client) => client.openSession('ses_1').share()],
    ['shell', (client) => client.openSession('ses_1').shell('ls')],
    ['replyPermission', (client) => client.openSession('ses_1').replyPermission('per_1', 'once')],
    ['answerQuestion', (client) => client.openSession('ses_1').answerQuestion('que_1', [['a']])],
  ];
  for (const [name, call] of calls) {
    test(name, async () => {
      endless = [];
      // What a call needs to know first is answered.
      isEndless = (path, method) => name === 'health' || name === 'list' ? path !== '/path' : method !== 'GET' || !(path in PLAIN && name !== 'get');
      const client = await createClient({ baseUrl: url, limits: { answer: MOST } });
      assert.equal(await code(call(client)), 'limit_reached: The answer is larger than limits.answer.');
      await hungUp();
      client.close();
    });
  }

  test('a live list says so, and asks again later', async () => {
    endless = [];
    isEndless = (path) => path === '/session';
    const client = await createClient({ baseUrl: url, limits: { answer: MOST } });
    const list = await client.sessions.live();
    await waitFor(() => list.state.error?.code === 'limit_reached');
    assert.equal(endless.length, 1);
    await hungUp();
    client.close();
  });

  test('a session says so, shows what comes, and asks for less', async () => {
    endless = [];
    isEndless = (path) => path === '/session/ses_1/message';
    const client = await createClient({ baseUrl: url, limits: { answer: MOST } });
    const session = client.openSession('ses_1', { limit: 8 });
    assert.equal(await code(session.ready), 'limit_reached: The answer is larger than limits.answer.');
    await waitFor(() => session.state.error?.code === 'limit_reached');
    // Eight messages, four, two and one.
    assert.equal(endless.length, 4);
    await hungUp();
    client.close();
  });

  test('a file of a prompt is read up to limits.attachments', async () => {
    endless = [];
    isEndless = (path) => path === '/file';
    const client = await createClient({ baseUrl: url, limits: { attachments: MOST } });
    const session = client.openSession('ses_1');
    const sent = session.send({ text: 'x', parts: [{ type: 'file', url: `${url}/file`, mime: 'image/png' }] });
    assert.match(await code(sent.stored), /^limit_reached: .*limits\.attachments/);
    await hungUp();
    client.close();
  });
});
