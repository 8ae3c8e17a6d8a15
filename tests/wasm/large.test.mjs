// Answers without an end, on every route: no more is read than `limits.answer`, and the error says so.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, describe, test } from 'node:test';
import { createClient, SessionError } from '../../dist/node.js';
import { Roll } from '../../dist/sessions.js';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';
import { inner } from '../recorder/inner.mjs';
import { closeAll, handled, play } from './play.mjs';

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

describe('an answer of many small things', () => {
  afterEach(closeAll);

  test('models are made of objects alone, not of each letter or place of what is none', async () => {
    let providers;
    const fetch = async () => Response.json({ providers, default: { p: 'good' } });
    const client = await createClient({ baseUrl: 'http://127.0.0.1:1', fetch, journal: 'off' });
    const refs = async (...all) => {
      providers = all;
      const models = await client.models();
      assert.ok(models.length < 10 && models.every((model) => Object.keys(model).length < 20), `${models.length} models`);
      return models.map(({ ref, name, providerName, isDefault }) => [ref, name, providerName, isDefault]);
    };
    const long = 'a'.repeat(100_000);
    const good = { id: 'p', name: 'P', models: { good: { name: 'Good' }, plain: {} } };
    const expected = [['p/good', 'Good', 'P', true], ['p/plain', 'plain', 'P', false]];
    for (const odd of [long, [...long], 5, true, null]) {
      assert.deepEqual(await refs({ id: 'q', models: odd }, good), expected);
      assert.deepEqual(await refs(odd, good), expected);
      assert.deepEqual(await refs({ id: 'q', models: { odd } }, good), expected, 'no letter becomes a field');
    }
    assert.deepEqual(await refs({ id: ['q'], models: { m: {} } }, good), expected);
    client.close();
  });

  test('a list longer than what was asked for is read as far as it was', () => {
    for (const [page, most] of [[10, 11], [20_000, 10_001]]) {
      const roll = new Roll(page, true, '');
      let read = 0;
      const sessions = new Proxy(Array.from({ length: 50_000 }, (_, at) => ({ id: `s${at}`, title: 't', version: '1.18.33', time: { created: 1, updated: 60_000 - at } })), {
        get: (all, key) => {
          if (/^\d+$/.test(String(key))) read += 1;
          return Reflect.get(all, key);
        },
      });
      const question = roll.ask();
      roll.answer(question, { sessions, statuses: Object.fromEntries(sessions.map(({ id }) => [id, { type: 'busy' }])), requests: [] });
      read -= 50_000;
      assert.ok(read <= most, `${read} of 50000 are read`);
      assert.equal(roll.read().sessions.length, Math.min(page, 10_000));
    }
  });

  test('and is shown as far as it was', async () => {
    const sessions = Array.from({ length: 30_000 }, (_, at) => ({ id: `ses_${at}`, title: 't', directory: '/project', version: '1.18.33', time: { created: 1, updated: 60_000 - at } }));
    const { client } = await play('ses_1', { answers: [[/^\/session$/, () => Response.json(sessions)]] });
    const list = await client.sessions.live({ limit: 5 });
    await list.ready;
    assert.deepEqual([list.state.sessions.length, list.state.hasMore], [5, true]);
  });

  test('a directory full of what is not shown is asked for a few times, and then all is said', async () => {
    let asked = 0;
    const sessions = Array.from({ length: 20_000 }, (_, at) => ({ id: `ses_${at}`, title: 't', directory: '/project', version: '1.18.33', time: { created: 1, updated: 60_000 - at, archived: 5 } }));
    const { client } = await play('ses_1', { answers: [[/^\/session$/, (_, url) => {
      asked += 1;
      return Response.json(asked > 30 ? [] : sessions.slice(0, Number(url.searchParams.get('limit'))));
    }]] });
    const list = await client.sessions.live();
    await list.ready;
    for (let more = 0; await list.loadMore(1_000); more += 1) assert.ok(more < 30, 'there is always more');
    assert.ok(asked < 30, 'it is asked for again and again');
    assert.deepEqual([list.state.sessions.length, list.state.hasMore, list.state.status], [0, false, 'live']);
  });

  test('sessions that only requests name are asked for a few at a time, once, and not for ever', async () => {
    const COUNT = 3_000;
    const ids = Array.from({ length: COUNT }, (_, at) => `ses_x${at}`);
    let [open, most, all, isReady] = [0, 0, 0, false];
    const { client, event, session } = await play('ses_1', { answers: [
      [/^\/session$/, () => Response.json([])],
      [/^\/session\/status/, () => Response.json(Object.fromEntries(ids.map((id) => [id, { type: 'busy' }])))],
      [/^\/permission/, () => Response.json(!isReady ? [] : ids.map((id) => ({ id: `per_${id}`, sessionID: id })))],
      [/^\/question/, () => Response.json([])],
      [/^\/session\/ses_x/, async () => {
        [open, all] = [open + 1, all + 1];
        most = Math.max(most, open);
        await new Promise((resolve) => setTimeout(resolve, 1));
        open -= 1;
        return Response.json({ name: 'NotFoundError', data: { message: 'Session not found' } }, { status: 404 });
      }],
    ] });
    // An open session asks by itself.
    session.close();
    isReady = true;
    const list = await client.sessions.live();
    await list.ready;
    await waitFor(() => all >= 1_000 && open === 0, { message: () => `${all} requests` });
    // Each of these is a reason to look again.
    for (let at = 0; at < 20; at += 1) {
      event({ id: `evt_${at}`, type: 'session.updated', properties: { info: { id: 'ses_1', title: `${at}`, directory: '/project', time: { created: 1, updated: at + 5 } } } });
      await handled();
    }
    assert.ok(most <= 4, `${most} at the same time`);
    assert.ok(all <= 1_000, `${all} in all`);
    // Those that are answered make room for others.
    for (const id of ids.slice(0, 1_000)) event({ id: `evt_${id}`, type: 'permission.replied', properties: { sessionID: id, requestID: `per_${id}`, permissionID: `per_${id}`, reply: 'once' } });
    await waitFor(() => all >= 1_500, { message: () => `${all} requests` });
    assert.ok(most <= 4, `${most} at the same time`);
  });
});

test('bodies that come at the same time leave others their turn together, not each', async () => {
  const { drain } = await inner('../answer.ts');
  const { now } = performance;
  // A clock that only work moves: each piece takes 20 ms.
  let [time, taken, most, isOver] = [0, 0, 0, false];
  performance.now = () => time;
  try {
    const work = () => {
      time += 20;
      taken += 1;
      most = Math.max(most, taken);
    };
    const others = (async () => {
      while (!isOver) {
        await new Promise((resolve) => setImmediate(resolve));
        taken = 0;
      }
    })();
    const all = Array.from({ length: 8 }, () => drain({ body: new ReadableStream({ start: (stream) => { for (let at = 0; at < 20; at += 1) stream.enqueue(new Uint8Array(10)); stream.close(); } }) }, new AbortController().signal, work));
    await Promise.all(all);
    isOver = true;
    await others;
    assert.equal(time, 8 * 20 * 20);
    // Three pieces reach 50 ms; then each body waits.
    assert.ok(most <= 4, `${most} pieces without a turn for others`);
  } finally {
    performance.now = now;
  }
});
