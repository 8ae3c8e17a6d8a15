// The fault proxy, proven on the mock: it changes nothing until told to, and then exactly what it was told.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { call, openEvents } from './events.mjs';
import { startMock } from './mock.mjs';
import { startProxy } from './proxy.mjs';
import { sleep, waitFor } from './wait.mjs';

/** @type {import('./mock.mjs').Mock} */
let mock;
/** @type {import('./proxy.mjs').FaultProxy} */
let proxy;
/** @type {{ close(): void }[]} */
const open = [];

before(async () => {
  mock = await startMock();
  proxy = await startProxy({ upstream: mock.url, control: true });
});
afterEach(async () => {
  proxy.calm();
  for (const each of open.splice(0)) each.close();
  await waitFor(() => mock.streams === 0, { message: 'no stream left at the server' });
});
after(async () => {
  await proxy?.close();
  await mock?.close();
});

async function listen() {
  const events = await openEvents(`${proxy.url}/event`);
  open.push(events);
  return events;
}
/** @param {string} text */
const say = (text) => mock.emit({ type: 'said', properties: { text } });
/** The proxy has it, whatever it does with it. @param {string} text */
const arrives = (text) => waitFor(() => proxy.events.at(-1)?.data.includes(`"text":"${text}"`), { message: `"${text}" at the proxy` });
/** @param {import('./events.mjs').Events} events */
const heard = ({ events }) => events.filter(({ type }) => type === 'said').map(({ properties }) => properties.text);
/** @param {import('./events.mjs').Events} events @param {string[]} texts */
const hears = async (events, texts) => {
  await waitFor(() => heard(events).length >= texts.length, { message: () => `${texts}; heard: ${heard(events)}` });
  assert.deepEqual(heard(events), texts);
};
/** @param {Promise<unknown>} promise */
const breaks = (promise) => assert.rejects(promise, /fetch failed|terminated/);
/** @param {unknown} body */
const fault = (body) => fetch(`${proxy.url}/__fault`, { method: 'POST', body: JSON.stringify(body) });

describe('nothing asked', () => {
  test('answers, headers and preflights are those of the server', async () => {
    const { id } = mock.store.createSession();
    mock.store.user(id, 'grüße');
    for (const [path, init] of /** @type {[string, RequestInit][]} */ ([
      [`/session/${id}/message`, {}],
      ['/unknown', {}],
      ['/session/ses_none', { headers: { origin: 'http://a.test' } }],
      [`/session/${id}/prompt_async`, { method: 'OPTIONS', headers: { origin: 'http://a.test', 'access-control-request-headers': 'x-a' } }],
      [`/session/${id}/prompt_async`, { method: 'POST', body: '{"parts":[],"noReply":true}', headers: { 'content-type': 'application/json' } }],
    ])) {
      const seen = async (/** @type {string} */ url) => {
        const answer = await fetch(url + path, init);
        const headers = Object.fromEntries([...answer.headers].filter(([name]) => name !== 'date' && name !== 'connection' && name !== 'keep-alive'));
        return { status: answer.status, headers, body: await answer.text() };
      };
      assert.deepEqual(await seen(proxy.url), await seen(mock.url), path);
    }
  });

  test('events pass at once, and both sides learn of the end', async () => {
    const before = proxy.stats();
    const events = await listen();
    assert.equal(mock.streams, 1);
    say('a');
    await hears(events, ['a']);
    const { streams, upstream } = proxy.stats();
    assert.deepEqual({ now: streams.now, total: streams.total - before.streams.total, upstream: upstream.now }, { now: 1, total: 1, upstream: 1 });
    assert.equal(JSON.parse(proxy.events.at(-1)?.data ?? '').properties.text, 'a');
    events.close();
    await waitFor(() => mock.streams === 0 && proxy.stats().streams.now === 0, { message: 'the end upstream' });
    const other = await listen();
    mock.endStreams();
    await waitFor(() => other.ended, { message: 'the end' });
  });

  test('a server that is gone breaks the request, and nothing else', async () => {
    const gone = await startProxy({ upstream: 'http://127.0.0.1:9' });
    await breaks(fetch(gone.url));
    await breaks(fetch(gone.url));
    await gone.close();
  });

  test('without reuse each request has a connection of its own', async () => {
    const single = await startProxy({ upstream: mock.url, reuse: false });
    for (let count = 0; count < 3; count += 1) await call(single, 'GET', '/session');
    assert.equal(single.stats().connections, 3);
    await single.close();
    const { connections } = proxy.stats();
    for (let count = 0; count < 3; count += 1) await call(proxy, 'GET', '/session');
    assert.ok(proxy.stats().connections - connections <= 1);
  });

  test('without being asked for there are no switches', async () => {
    const plain = await startProxy({ upstream: mock.url });
    assert.match((await (await fetch(`${plain.url}/__fault`)).text()), /doctype/);
    await plain.close();
  });
});

describe('streams', () => {
  test('drop resets all of them, and requests on their way', async () => {
    const events = await listen();
    proxy.slow({ match: 'all', ms: 5000 });
    const asked = call(proxy, 'GET', '/session');
    await waitFor(() => proxy.stats().faults.slow === 1);
    proxy.drop();
    await breaks(asked);
    await waitFor(() => events.ended && mock.streams === 0);
  });

  test('cutStreamAfter resets at this byte, of an open stream or of the next', async () => {
    const events = await listen();
    const from = events.raw().length;
    proxy.cutStreamAfter(25);
    say('long enough to be cut');
    await waitFor(() => events.ended);
    assert.equal(events.raw().length - from, 25);
    proxy.cutStreamAfter(10);
    await breaks(fetch(`${proxy.url}/event`).then((answer) => answer.text()));
    assert.equal(proxy.stats().faults.cutStreamAfter, 2);
  });

  test('endStreams ends them cleanly', async () => {
    const response = await fetch(`${proxy.url}/event`);
    say('a');
    const text = response.text();
    await waitFor(() => proxy.events.at(-1)?.data.includes('"a"'));
    proxy.endStreams();
    assert.match(await text, /"a"/);
  });

  test('mute: late, dropped, or cut', async () => {
    const events = await listen();
    proxy.mute(true);
    say('a');
    say('b');
    await sleep(50);
    assert.deepEqual(heard(events), []);
    proxy.mute(false, 'late');
    say('c');
    await hears(events, ['a', 'b', 'c']);
    proxy.mute(true);
    mock.emitRaw('data: {"type":"said","properties":{"text":"d"}}\n\ndata: {"type":"sa');
    await arrives('d');
    proxy.mute(false, 'drop');
    mock.emitRaw('id","properties":{"text":"e"}}\n\n');
    await hears(events, ['a', 'b', 'c', 'e']);
    proxy.mute(true);
    say('f');
    await arrives('f');
    proxy.mute(false);
    await waitFor(() => events.ended);
    assert.deepEqual(heard(events), ['a', 'b', 'c', 'e']);
  });

  test('a stream that began to be silent inside of an event ends that event first', async () => {
    const events = await listen();
    mock.emitRaw('data: {"type":"said","prop');
    await waitFor(() => events.raw().endsWith('prop'));
    proxy.mute(true);
    mock.emitRaw('erties":{"text":"a"}}\n');
    await sleep(30);
    mock.emitRaw('\n');
    await arrives('a');
    say('b');
    await arrives('b');
    proxy.mute(false, 'drop');
    say('c');
    await hears(events, ['a', 'c']);
  });

  test('a silent stream does not tell of its end', async () => {
    const events = await listen();
    proxy.mute(true);
    mock.endStreams();
    await sleep(50);
    assert.equal(events.ended, false);
    proxy.mute(false, 'late');
    await waitFor(() => events.ended);
  });

  test('heartbeatsOnly drops events, and resets what it damaged', async () => {
    const events = await listen();
    proxy.heartbeatsOnly(true);
    say('a');
    mock.emit({ type: 'server.heartbeat' });
    await events.next(({ type }) => type === 'server.heartbeat', { message: 'a heartbeat' });
    assert.deepEqual(heard(events), []);
    proxy.heartbeatsOnly(false, 'kept');
    say('b');
    await hears(events, ['b']);
    proxy.heartbeatsOnly(true);
    say('c');
    await arrives('c');
    proxy.heartbeatsOnly(false);
    await waitFor(() => events.ended);
  });

  test('buffer keeps bytes until there are 64 KiB', async () => {
    const events = await listen();
    proxy.buffer(true);
    say('a');
    await sleep(50);
    assert.deepEqual(heard(events), []);
    say('x'.repeat(64 * 1024));
    await hears(events, ['a']);
    say('b');
    await sleep(30);
    assert.deepEqual(heard(events), ['a']);
    mock.endStreams();
    await waitFor(() => events.ended);
    assert.equal(heard(events).at(-1), 'b');
  });

  test('duplicate sends each event twice', async () => {
    const events = await listen();
    proxy.duplicate(true);
    say('a');
    say('b');
    await hears(events, ['a', 'a', 'b', 'b']);
    assert.equal(new Set(events.events.slice(1).map(({ id }) => id)).size, 2);
  });

  test('chunk cuts anywhere, letters included, and changes no byte', async () => {
    for (const size of [1, 3, 7]) {
      proxy.chunk(size);
      const events = await listen();
      say('grüße 👩‍👩‍👧 漢字');
      await hears(events, ['grüße 👩‍👩‍👧 漢字']);
      events.close();
    }
  });
});

describe('requests', () => {
  test('refuse resets new ones and leaves streams', async () => {
    const events = await listen();
    proxy.refuse(true);
    await breaks(fetch(`${proxy.url}/session`));
    say('a');
    await hears(events, ['a']);
    proxy.refuse(false);
    assert.ok(Array.isArray(await call(proxy, 'GET', '/session')));
  });

  test('slow holds the answer as it was', async () => {
    const { id } = mock.store.createSession();
    proxy.slow({ match: 'messages', ms: 150, times: 1 });
    const before = proxy.stats().faults.slow ?? 0;
    const begin = Date.now();
    const asked = call(proxy, 'GET', `/session/${id}/message`);
    await waitFor(() => (proxy.stats().faults.slow ?? 0) > before && mock.requests.some(({ path }) => path === `/session/${id}/message`));
    await sleep(50);
    mock.store.user(id, 'later');
    assert.deepEqual(await asked, []);
    assert.ok(Date.now() - begin >= 145);
    assert.equal((await call(proxy, 'GET', `/session/${id}/message`)).length, 1);
  });

  test('status answers so many times, readable by pages, and lets preflights pass', async () => {
    proxy.status('messages', 503, 'busy', { 'retry-after': '1' }, 2);
    const ask = (/** @type {string} */ method) => fetch(`${proxy.url}/session/ses_none/message`, { method, headers: { origin: 'http://a.test' } });
    assert.equal((await ask('OPTIONS')).status, 204);
    for (const expected of [503, 503, 404]) {
      const answer = await ask('GET');
      assert.equal(answer.status, expected);
      assert.equal(answer.headers.get('access-control-allow-origin'), 'http://a.test');
      assert.equal(answer.headers.get('retry-after'), expected === 503 ? '1' : null);
    }
  });

  test('lose: the server had the prompt, or had it not', async () => {
    const { id } = mock.store.createSession();
    const send = () => call(proxy, 'POST', `/session/${id}/prompt_async`, { parts: [{ type: 'text', text: 'x' }], noReply: true });
    const stored = async () => (await call(mock, 'GET', `/session/${id}/message`)).length;
    proxy.lose({ when: 'before' });
    await breaks(send());
    assert.equal(await stored(), 0);
    proxy.lose({ when: 'after' });
    await breaks(send());
    assert.equal(await stored(), 1);
    await send();
    assert.equal(await stored(), 2);
    assert.equal(proxy.stats().faults.lose, 2);
  });
});

describe('switches for pages', () => {
  test('a page calls them, and reads what the server produced', async () => {
    const events = await listen();
    const { next } = await (await fetch(`${proxy.url}/__events`)).json();
    assert.equal((await fault({ mute: true, slow: { match: 'messages', ms: 1 }, status: ['messages', 500] })).status, 200);
    say('a');
    await arrives('a');
    assert.deepEqual(heard(events), []);
    const after = await (await fetch(`${proxy.url}/__events?from=${next}`)).json();
    assert.deepEqual(after.events.map((/** @type {any} */ { data }) => JSON.parse(data).properties.text), ['a']);
    const stats = await (await fault({ mute: [false, 'late'], slow: false, status: [] })).json();
    await hears(events, ['a']);
    assert.equal(stats.streams.now, 1);
    await fault({ drop: true });
    await waitFor(() => events.ended);
  });

  test('an unknown fault is refused by name', async () => {
    for (const body of [{ close: true }, { constructor: 1 }, 'x']) {
      const answer = await fault(body);
      assert.equal(answer.status, 400, JSON.stringify(body));
      assert.match((await answer.json()).message, /no fault/);
    }
  });
});
