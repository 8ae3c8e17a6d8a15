// Mine only (P10): what one person's credentials brought in a browser is never shown to, or sent for, the next one. With the built package.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { ENGINES, launchEngine } from '../support/engines.mjs';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';

const TYPES = { js: 'text/javascript', wasm: 'application/wasm' };
const KINDS = ['cookie', 'basic', 'bearer', 'header', 'function'];
const WAYS = { keeper: '/keeper.js', 'leading tab': '/none.js', 'own stream': undefined };
const SESSION = 'ses_00000000000000000000000001';
/** @type {{ who: string, text: string }[]} */
let posts = [];
/** Who opened streams. @type {string[]} */
let streams = [];
/** Whose prompts are taken. @type {Set<string>} */
const taken = new Set();
let server;
let url;

/** Whoever a request says that it is. */
function asker({ headers }) {
  const { authorization = '', cookie = '' } = headers;
  if (authorization.startsWith('Basic ')) return atob(authorization.slice(6)).split(':')[1];
  return /^Bearer (.*)$/.exec(authorization)?.[1] ?? headers['x-api-key'] ?? /who=(\w+)/.exec(cookie)?.[1];
}

async function serve(req, res) {
  const { pathname, searchParams } = new URL(req.url, 'http://x');
  if (pathname === '/in') {
    res.setHeader('set-cookie', `who=${searchParams.get('who')}; HttpOnly; Path=/; Max-Age=${searchParams.get('who') ? 999 : 0}`);
    return res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">');
  }
  if (!pathname.startsWith('/api/')) {
    const body = await readFile(new URL(`../../dist${pathname}`, import.meta.url)).catch(() => undefined);
    return res.writeHead(body === undefined ? 404 : 200, { 'content-type': TYPES[pathname.split('.').pop()] ?? 'text/plain' }).end(body);
  }
  const who = asker(req);
  const path = pathname.slice(4);
  const json = (value, status = 200) => res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  let body = '';
  for await (const piece of req) body += piece;
  if (who === undefined) return json({}, 401);
  const info = { id: SESSION, title: `chat of ${who}`, directory: '/p', version: '1.18.33', time: { created: 1, updated: 2 } };
  if (path.endsWith('/event')) {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    streams.push(who);
    const say = (type, properties) => res.write(`data: ${JSON.stringify(path === '/event' ? { type, properties } : { directory: '/p', payload: { type, properties } })}\n\n`);
    say('server.connected', {});
    const beat = setInterval(() => say('session.updated', { sessionID: `ses_of_${who}`, info: { ...info, id: `ses_of_${who}`, title: `stream of ${who}` } }), 100);
    return res.on('close', () => clearInterval(beat));
  }
  if (path.endsWith('/prompt_async')) {
    if (!taken.has(who)) return json({}, 503);
    posts.push({ who, text: JSON.parse(body).parts[0].text });
    return res.writeHead(204).end();
  }
  const answers = { '/global/health': { healthy: true, version: '1.18.33' }, '/path': { directory: '/p' }, '/session': [info], '/session/status': {}, [`/session/${SESSION}`]: info };
  return json(answers[path] ?? []);
}

before(async () => {
  server = createServer((req, res) => void serve(req, res));
  url = `http://${LOOPBACK}:${await listen(server)}`;
});
after(() => shut(server));

/** Opens a list and a session as this person, in a new tab that stays. */
async function visit(profile, kind, way, who, prompt) {
  const tab = await profile.tab(`${url}/in?who=${kind === 'cookie' ? who : ''}`);
  await tab.evaluate(async ({ kind, keeper, who, session, prompt }) => {
    const { createClient } = await import('/index.js');
    const auth = {
      cookie: undefined,
      basic: { type: 'basic', password: who },
      bearer: { type: 'bearer', token: who },
      header: { type: 'header', name: 'x-api-key', value: who },
      function: async () => ({ type: 'bearer', token: who }),
    }[kind];
    const client = await createClient({ baseUrl: `${location.origin}/api`, ...(auth ? { auth } : { identity: who }), ...(keeper && { keeper }) });
    const seen = new Set();
    globalThis.seen = () => [...seen];
    const list = await client.sessions.live();
    list.subscribe(() => {
      for (const { title } of list.state.sessions) seen.add(title);
    });
    const chat = client.openSession(session);
    chat.subscribe(() => {
      for (const { parts } of chat.state.messages) for (const { text } of parts) seen.add(text);
      seen.add(chat.state.connection.source);
    });
    if (prompt) {
      await chat.ready;
      chat.send(prompt, { model: 'a/b' }).stored.catch(() => undefined);
    }
  }, { kind, keeper: WAYS[way], who, session: SESSION, prompt });
  return tab;
}

const has = (tab, text) => waitFor(async () => (await tab.evaluate(() => globalThis.seen())).includes(text), { message: text });
const records = (tab) => tab.evaluate(() => new Promise((resolve) => {
  const request = indexedDB.open('opencode-session');
  // Not made here: it would have no store.
  request.onupgradeneeded = () => request.transaction.abort();
  request.onerror = () => resolve('');
  request.onsuccess = () => {
    const database = request.result;
    const all = database.transaction('journal').objectStore('journal').getAll();
    all.onsuccess = () => {
      database.close();
      resolve(all.result.map(({ record }) => new TextDecoder().decode(record)).join());
    };
  };
}));

for (const name of ENGINES) {
  describe(name, () => {
    let engine;
    before(async () => {
      engine = await launchEngine(name);
    });
    after(() => engine?.close());
    for (const kind of KINDS) {
      for (const way of Object.keys(WAYS)) {
        test(`${kind}, ${way}: the next person sees and sends nothing of the first, who finds it again`, async () => {
          posts = [];
          streams = [];
          taken.clear();
          const profile = await engine.profile();
          try {
            let tab = await visit(profile, kind, way, 'first', 'PRIVATE of first');
            await has(tab, 'stream of first');
            await waitFor(async () => (await records(tab)).includes('PRIVATE of first'), { message: 'the record' });
            await tab.close();
            taken.add('second').add('first');
            tab = await visit(profile, kind, way, 'second', 'words of second');
            await has(tab, 'stream of second');
            await waitFor(() => posts.length > 0, { message: 'a post of the second person' });
            const seen = await tab.evaluate(() => globalThis.seen());
            assert.deepEqual(seen.filter((text) => /first/.test(text)), []);
            assert.ok(way !== 'keeper' || seen.includes('keeper'), seen.join());
            assert.deepEqual(posts, [{ who: 'second', text: 'words of second' }]);
            assert.deepEqual([...new Set(streams)], ['first', 'second']);
            await tab.close();
            tab = await visit(profile, kind, way, 'first');
            await waitFor(() => posts.length > 1, { message: 'the prompt of the first person' });
            assert.deepEqual(posts[1], { who: 'first', text: 'PRIVATE of first' });
          } finally {
            await profile.close();
          }
        });
      }
    }
    test('without an identity no request carries a cookie, whoever is signed in', async () => {
      posts = [];
      streams = [];
      const profile = await engine.profile();
      try {
        const tab = await profile.tab(`${url}/in?who=first`);
        for (const keeper of Object.values(WAYS)) {
          const code = await tab.evaluate(async ([keeper, id]) => {
            const { createClient } = await import('/index.js');
            const client = await createClient({ baseUrl: `${location.origin}/api`, ...(keeper && { keeper }) });
            const code = await client.openSession(id).ready.catch((error) => error.code);
            client.close();
            return code;
          }, [keeper, SESSION]);
          assert.equal(code, 'unauthorized');
        }
        assert.deepEqual(streams, []);
      } finally {
        await profile.close();
      }
    });
  });
}
