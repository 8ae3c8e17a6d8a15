// What the keeper alone cannot do costs the keeper alone, at once, and says so. With the built package, in Chromium.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { launchChromium } from '../support/browser.mjs';
import { startMock } from '../support/mock.mjs';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';

const TYPES = { js: 'text/javascript', wasm: 'application/wasm' };
const BLANK = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">';
let server;
let browser;
let url;

before(async () => {
  server = createServer(async ({ url }, res) => {
    const { pathname } = new URL(url ?? '/', 'http://page');
    const page = { '/': BLANK, '/outer': `${BLANK}<iframe sandbox="allow-scripts" src="/"></iframe>` }[pathname];
    const body = page ?? (await readFile(new URL(`../../dist${pathname}`, import.meta.url)).catch(() => undefined));
    const type = page === undefined ? (TYPES[pathname.split('.').pop()] ?? 'text/plain') : 'text/html';
    // A sandboxed frame has no origin of its own.
    res.writeHead(body === undefined ? 404 : 200, { 'content-type': type, 'access-control-allow-origin': '*' }).end(body);
  });
  url = `http://${LOOPBACK}:${await listen(server)}`;
  browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  if (server) await shut(server);
});

/** Opens a session in the page or in its frame; what became of it, the phases between, and what was not caught. */
async function chat(mock, { path = '/', keeper = true, own = false } = {}) {
  const { id } = mock.store.createSession();
  const context = await browser.newContext();
  try {
    const uncaught = [];
    context.on('weberror', (error) => uncaught.push(String(error.error())));
    const page = await context.newPage();
    await page.goto(url + path);
    const frame = path === '/' ? page.mainFrame() : page.frames()[1];
    const seen = await frame.evaluate(async ([origin, baseUrl, id, keeper, own]) => {
      const { createClient } = await import(`${origin}/index.js`);
      const more = own ? { fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, 'x-front-key': 'k' } }) } : {};
      const client = await createClient({ baseUrl, keeper: keeper && '/keeper.js', journal: 'off', ...more });
      const session = client.openSession(id);
      const codes = new Set();
      const begin = performance.now();
      await new Promise((resolve, reject) => {
        const look = () => {
          const { phase, fallback, error } = session.state.connection;
          for (const each of [fallback, error]) if (each) codes.add(each.code);
          if (phase === 'live' || phase === 'closed') resolve();
        };
        session.subscribe(look);
        look();
        setTimeout(reject, 90_000, new Error(`not live: ${JSON.stringify(session.state.connection)}`));
      });
      await session.ready.catch(() => undefined);
      const { phase, source, fallback } = session.state.connection;
      const time = performance.now() - begin;
      client.close();
      return { phase, source, fallback: fallback?.code, codes: [...codes], time };
    }, [url, mock.url, id, keeper, own]);
    return { ...seen, uncaught };
  } finally {
    await context.close();
  }
}

/** A mock behind a front that wants a header. `refuse`: what it does without. */
async function behind(refuse, job) {
  const mock = await startMock();
  mock.on('*', '*', (call) => (call.req.headers['x-front-key'] === 'k' ? call.next() : refuse(call)));
  try {
    await job(mock);
  } finally {
    await mock.close();
  }
}

for (const [title, refuse] of [
  ['401', ({ reply }) => reply(401, { error: 'no key' })],
  ['403', ({ reply }) => reply(403, { error: 'no key' })],
  ['401 that no page may read', ({ res }) => {
    res.removeHeader('access-control-allow-origin');
    res.writeHead(401).end();
  }],
  ['a connection that breaks', ({ drop }) => drop()],
]) {
  test(`an own fetch that a front wants: without it ${title}`, () => behind(refuse, async (mock) => {
    const { phase, source, fallback, uncaught } = await chat(mock, { own: true });
    assert.deepEqual({ phase, source, fallback, uncaught }, { phase: 'live', source: 'event', fallback: 'keeper_refused', uncaught: [] });
  }));
}

test('the page itself is refused: that ends the client', () => behind(({ reply }) => reply(401, { error: 'no key' }), async (mock) => {
  assert.equal((await chat(mock)).phase, 'closed');
}));

test('in a sandboxed frame there is no keeper: that is known at once', async () => {
  const mock = await startMock();
  try {
    const { phase, source, fallback, codes, time, uncaught } = await chat(mock, { path: '/outer' });
    assert.deepEqual({ phase, source, fallback, codes, uncaught }, { phase: 'live', source: 'event', fallback: 'keeper_failed', codes: ['keeper_failed'], uncaught: [] });
    assert.ok(time < 7_000, `live after ${time} ms: something waited for the keeper`);
  } finally {
    await mock.close();
  }
});
