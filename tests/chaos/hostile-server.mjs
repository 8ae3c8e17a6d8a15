// A server that does everything wrong at once, in a thread of its own, until it is told to be calm.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { listen, LOOPBACK } from '../support/ports.mjs';
import { random } from './random.mjs';

const { int, chance, pick, weighted } = random(workerData.seed);
const MiB = 1 << 20;
const junk = Buffer.from(Array.from({ length: 65_536 }, () => int(0, 255)));
const giant = Buffer.alloc(MiB, 'a');
const JSON_TYPE = { 'content-type': 'application/json' };
const session = (id) => ({ id, title: 't', directory: '/p', version: '1.18.33', time: { created: 1, updated: Date.now() } });
let calm = false;
/** @type {Set<import('node:http').ServerResponse>} */
const streams = new Set();
/** @type {Record<string, number>} */
const done = {};

/** What a good server says. @param {string} path */
function good(path) {
  if (path === '/global/health') return { healthy: true, version: '1.18.33' };
  if (path === '/path') return { directory: '/p' };
  if (path === '/session/status') return {};
  if (path === '/config/providers') return { providers: [], default: {} };
  if (path === '/session') return [session('ses_0'), session('ses_1'), session('ses_2')];
  const [, id] = /^\/session\/(ses_\w+)$/.exec(path) ?? [];
  return id === undefined ? [] : session(id);
}

const ODD = ['null', '5', '"x"', '[]', '{}', '[null]', '[{}]', '{"id":5}', '[{"info":{}}]', '[{"info":{"id":"msg_1","role":"assistant"},"parts":[{}]}]', `${'['.repeat(50_000)}${']'.repeat(50_000)}`, '{"__proto__":{"x":1}}', '[{"info":{"id":"..","sessionID":"ses_0","role":"user","time":{"created":1}},"parts":[]}]'];

/** @type {Record<string, (res: import('node:http').ServerResponse, path: string) => void>} */
const ANSWERS = {
  good: (res, path) => res.writeHead(200, JSON_TYPE).end(JSON.stringify(good(path))),
  bytes: (res) => res.writeHead(200, JSON_TYPE).end(junk.subarray(0, int(1, junk.length))),
  odd: (res) => res.writeHead(200, JSON_TYPE).end(pick(ODD)),
  page: (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>'),
  refused: (res) => res.writeHead(pick([400, 404, 409, 429, 500, 502, 503]), { ...JSON_TYPE, 'retry-after': pick(['0', '-1', '1e9', 'x', '99999999999999']) }).end('{}'),
  redirect: (res) => res.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
  reset: (res) => res.socket?.resetAndDestroy(),
  cut: (res) => {
    res.writeHead(200, { ...JSON_TYPE, 'content-length': '1000' }).write('[{"info":');
    setTimeout(() => res.socket?.resetAndDestroy(), int(0, 50));
  },
  drip: (res) => {
    res.writeHead(200, JSON_TYPE);
    const timer = setInterval(() => res.write(' '), 200);
    res.on('close', () => clearInterval(timer));
  },
  giant: (res) => {
    res.writeHead(200, JSON_TYPE);
    let sent = 0;
    const more = () => {
      while (!res.destroyed && sent < 256) {
        sent += 1;
        if (!res.write(giant)) return void res.once('drain', more);
      }
      res.end();
    };
    more();
  },
  many: (res) => {
    const id = int(0, 1e9);
    const parts = Array.from({ length: 6_000 }, (_, n) => ({ id: `prt_${n}`, messageID: `msg_${id}`, sessionID: 'ses_0', type: 'text', text: 'x' }));
    res.writeHead(200, JSON_TYPE).end(JSON.stringify([{ info: { id: `msg_${id}`, sessionID: 'ses_0', role: 'assistant', time: { created: 1 } }, parts }]));
  },
};
const WEIGHTS = { good: 30, bytes: 8, odd: 12, page: 3, refused: 8, redirect: 2, reset: 5, cut: 4, drip: 3, giant: 2, many: 4 };

const data = (value) => `data: ${JSON.stringify(value)}\n\n`;
const own = () => `ses_${int(0, 2)}`;
const burst = (event) => Array.from({ length: 10_000 }, (_, n) => data(event(n))).join('');

/** @type {Record<string, () => string | Uint8Array>} */
const EVENTS = {
  bytes: () => junk.subarray(0, int(1, 4_096)),
  beat: () => data({ type: 'server.heartbeat', properties: {} }),
  unknown: () => burst((n) => ({ id: `evt_${int(0, 1e9)}`, type: 'message.part.delta', properties: { sessionID: own(), messageID: `msg_${n}`, partID: 'prt_1', field: 'text', delta: 'x' } })),
  permissions: () => burst(() => ({ type: 'permission.asked', properties: { id: `per_${int(0, 1e9)}`, sessionID: own(), permission: 'bash' } })),
  sessions: () => burst(() => ({ type: 'session.updated', properties: { info: session(`ses_${int(0, 1e9)}`) } })),
  states: () => burst(() => ({ type: 'session.status', properties: { sessionID: `ses_${int(0, 1e9)}`, status: { type: 'busy' } } })),
  parts: () => burst((n) => ({ type: 'message.part.updated', properties: { sessionID: 'ses_0', part: { id: `prt_${20_000 - n}`, messageID: 'msg_1', sessionID: 'ses_0', type: 'text', text: 'x' } } })),
  message: () => data({ type: 'message.updated', properties: { sessionID: 'ses_0', info: { id: 'msg_1', sessionID: 'ses_0', role: 'assistant', time: { created: 1 } } } }),
  removed: () => burst(() => ({ type: 'message.removed', properties: { sessionID: own(), messageID: `msg_${int(0, 1e9)}` } })),
  odd: () => data(pick([null, 5, [], {}, { type: 5 }, { type: 'session.updated', properties: { info: { id: 'ses_0', time: 'x' } } }, { type: 'todo.updated', properties: { sessionID: 'ses_0', todos: 5 } }, { type: 'session.updated', properties: null }])),
  retry: () => `retry: ${pick(['0', '-5', '9'.repeat(30)])}\n\n`,
  large: () => `data: ${'x'.repeat(MiB)}`,
};

/** The page that the client runs in; this much is never wrong. @param {string} path @param {import('node:http').ServerResponse} res */
function page(path, res) {
  if (path === '/page') return res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">');
  const file = path === '/page/load.mjs' ? 'hostile-load.mjs' : `../..${path.slice('/page'.length)}`;
  const type = path.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
  return readFile(new URL(file, import.meta.url)).then((body) => res.writeHead(200, { 'content-type': type }).end(body), () => res.writeHead(404).end());
}

const server = createServer((req, res) => {
  const path = new URL(req.url ?? '', 'http://x').pathname;
  req.resume();
  if (path.startsWith('/page')) return page(path, res);
  if (path.endsWith('/event')) {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write(data({ type: 'server.connected', properties: {} }));
    streams.add(res);
    res.on('close', () => streams.delete(res));
    return;
  }
  const kind = calm ? 'good' : weighted(WEIGHTS);
  done[kind] = (done[kind] ?? 0) + 1;
  ANSWERS[kind]?.(res, path);
});

const timer = setInterval(() => {
  for (const stream of streams) {
    // Who does not read gets no more.
    if (stream.writableNeedDrain) continue;
    if (calm) stream.write(EVENTS.beat?.());
    else if (chance(0.02)) stream.socket?.resetAndDestroy();
    else {
      const kind = pick(Object.keys(EVENTS));
      done[`event ${kind}`] = (done[`event ${kind}`] ?? 0) + 1;
      stream.write(EVENTS[kind]?.());
    }
  }
}, 20);

parentPort?.on('message', (word) => {
  if (word === 'calm') {
    calm = true;
    for (const stream of streams) stream.destroy();
    // What drips or never ends is over as well.
    server.closeAllConnections();
    parentPort?.postMessage({ done });
  } else {
    clearInterval(timer);
    server.closeAllConnections();
    server.close();
    parentPort?.close();
  }
});
parentPort?.postMessage({ url: `http://${LOOPBACK}:${await listen(server)}` });
