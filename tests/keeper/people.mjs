// A server that knows persons by cookie or header, the built package, and tabs in which persons use it.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';

const TYPES = { js: 'text/javascript', wasm: 'application/wasm' };
/** How clients say who asks. */
export const KINDS = ['cookie', 'basic', 'bearer', 'header', 'function'];
/** A password that all have, for the way to the server; who asks is in the cookie. */
export const BOTH = 'cookie and password';
const SHARED = 'of all';
/** Where streams are shared, and the keeper's file for it. */
export const WAYS = { keeper: '/keeper.js', 'leading tab': '/none.js', 'own stream': undefined };
export const SESSION = 'ses_00000000000000000000000001';

/** Whoever a request says that it is. */
function asker({ headers }) {
  const { authorization = '', cookie = '' } = headers;
  const password = authorization.startsWith('Basic ') ? atob(authorization.slice(6)).split(':')[1] : SHARED;
  if (password !== SHARED) return password;
  return /^Bearer (.*)$/.exec(authorization)?.[1] ?? headers['x-api-key'] ?? /who=(\w+)/.exec(cookie)?.[1];
}

/** Starts the server. */
export async function startPeople() {
  const people = {
    url: '',
    /** @type {{ who: string, text: string }[]} */
    posts: [],
    /** Who opened streams. @type {string[]} */
    streams: [],
    /** Whose streams are open now. @type {string[]} */
    open: [],
    /** Whose prompts are taken. @type {Set<string>} */
    taken: new Set(),
    /** Files that are answered once this is over. @type {Map<string, Promise<void>>} */
    held: new Map(),
    /** Tabs are as on an address without TLS: without cryptography. */
    isInsecure: false,
    reset() {
      people.posts = [];
      people.streams = [];
      // The worker of a profile that was closed may read on for a while.
      people.open = [];
      people.taken.clear();
      people.held.clear();
      people.isInsecure = false;
    },
    close: () => shut(server),
  };
  const server = createServer((req, res) => void serve(req, res));
  people.url = `http://${LOOPBACK}:${await listen(server)}`;
  return people;

  async function serve(req, res) {
    const { pathname, searchParams } = new URL(req.url, 'http://x');
    if (pathname === '/in') {
      res.setHeader('set-cookie', `who=${searchParams.get('who')}; HttpOnly; Path=/; Max-Age=${searchParams.get('who') ? 999 : 0}`);
      return res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">');
    }
    if (!pathname.startsWith('/api/')) {
      await people.held.get(pathname);
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
      const { open } = people;
      people.streams.push(who);
      open.push(who);
      const say = (type, properties) => res.write(`data: ${JSON.stringify(path === '/event' ? { type, properties } : { directory: '/p', payload: { type, properties } })}\n\n`);
      say('server.connected', {});
      const beat = setInterval(() => say('session.updated', { sessionID: `ses_of_${who}`, info: { ...info, id: `ses_of_${who}`, title: `stream of ${who}` } }), 100);
      return res.on('close', () => {
        clearInterval(beat);
        open.splice(open.indexOf(who), 1);
      });
    }
    if (path.endsWith('/prompt_async')) {
      if (!people.taken.has(who)) return json({}, 503);
      people.posts.push({ who, text: JSON.parse(body).parts[0].text });
      return res.writeHead(204).end();
    }
    const answers = { '/global/health': { healthy: true, version: '1.18.33' }, '/path': { directory: '/p' }, '/session': [info], '/session/status': {}, [`/session/${SESSION}`]: info };
    return json(answers[path] ?? []);
  }
}

/** Opens a list and a session as this person, in a new tab that stays: `client`, `list` and `chat` are there, and `seen()`. */
export async function visit({ url, isInsecure }, profile, kind, way, who, prompt) {
  const isCookie = kind === 'cookie' || kind === BOTH;
  const tab = await profile.tab(`${url}/in?who=${isCookie ? who : ''}`);
  if (isInsecure) await tab.evaluate(() => Object.defineProperty(crypto, 'subtle', { value: undefined }));
  await tab.evaluate(async ({ auth: given, isCookie, kind, keeper, who, session, prompt }) => {
    const { createClient } = await import('/index.js');
    const auth = {
      basic: { type: 'basic', password: who },
      bearer: { type: 'bearer', token: who },
      header: { type: 'header', name: 'x-api-key', value: who },
      function: async () => ({ type: 'bearer', token: who }),
    }[kind] ?? given;
    const client = await createClient({ baseUrl: `${location.origin}/api`, ...(auth && { auth }), ...(isCookie && { identity: who }), ...(keeper && { keeper }) });
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
    Object.assign(globalThis, { client, list, chat });
    if (prompt) {
      await chat.ready;
      const sent = chat.send(prompt, { model: 'a/b' });
      globalThis.fate = 'open';
      sent.stored.then(() => { globalThis.fate = 'stored'; }, ({ code }) => { globalThis.fate = code; });
      sent.done.catch(() => undefined);
    }
  }, { auth: kind === BOTH ? { type: 'basic', password: SHARED } : undefined, isCookie, kind, keeper: WAYS[way], who, session: SESSION, prompt });
  return tab;
}

/** Waits until the page was shown this. */
export const has = (tab, text) => waitFor(async () => (await tab.evaluate(() => globalThis.seen())).includes(text), { message: text });

/** All journal records of the browser, as text. */
export const records = (tab) => tab.evaluate(() => new Promise((resolve) => {
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
