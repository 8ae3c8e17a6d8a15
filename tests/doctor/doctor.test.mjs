// The doctor against good servers, and against everything that goes wrong: it names the cause each time.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { freePort, listen, LOOPBACK, shut } from '../support/ports.mjs';
import { startProxy } from '../support/proxy.mjs';
import { PATIENCE } from '../support/wait.mjs';
import { NEWEST, TESTED } from '../support/versions.mjs';

const dist = new URL('../../dist/', import.meta.url);
const { diagnose } = await import(new URL('doctor-node.js', dist).href);

const MODEL = 'scripted/words';
/** Without the check that waits for ten seconds. */
const QUICK = ['cors', 'clock', 'older', 'scope', 'stream', 'conversation', 'reconnect', 'permission'];

/** @type {Awaited<ReturnType<typeof startModel>>} */
let model;
/** @type {Awaited<ReturnType<typeof startOpenCode>>} */
let server;
/** @type {Awaited<ReturnType<typeof startProxy>>} */
let proxy;

before(async () => {
  model = await startModel();
  server = await startOpenCode({ model });
  proxy = await startProxy({ upstream: server.url });
});

after(async () => {
  await proxy.close();
  await server.stop();
  await model.close();
});

/** The causes that a look finds, by check. */
async function causes(options) {
  const { checks } = await diagnose({ baseUrl: server.url, model: MODEL, only: QUICK, ...options });
  return Object.fromEntries(checks.filter(({ status }) => status === 'failed').map(({ name, cause, remedy }) => {
    assert.ok(remedy?.length > 10, `${name} says what to do`);
    return [name, cause];
  }));
}

/** A front that changes the headers of what it passes on. */
async function frontOf(upstream, change) {
  const front = createServer((req, res) => {
    const up = request(upstream + req.url, { method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, change(answer.headers));
      answer.pipe(res);
    });
    up.on('error', () => res.destroy());
    req.pipe(up);
  });
  const port = await listen(front);
  return { url: `http://${LOOPBACK}:${port}`, close: () => shut(front) };
}

describe('a good server', () => {
  for (const version of TESTED) {
    test(`${version}: all is well`, async () => {
      const own = version === NEWEST ? server : await startOpenCode({ model, version });
      const before = await (await fetch(`${own.url}/session`)).json();
      const report = await diagnose({ baseUrl: own.url, model: MODEL, origin: 'http://localhost:3000' });
      const bad = report.checks.filter(({ status }) => status !== 'passed');
      assert.deepEqual(bad, []);
      assert.equal(report.passed, 15);
      const left = await (await fetch(`${own.url}/session`)).json();
      assert.equal(left.length, before.length, 'what it made is gone again');
      if (own !== server) await own.stop();
    });
  }
});

describe('what goes wrong', () => {
  test('no server', async () => {
    assert.deepEqual(await causes({ baseUrl: `http://${LOOPBACK}:${await freePort()}` }), { server: 'unreachable' });
  });

  test('a web page in its place', async () => {
    const page = createServer((_, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>'));
    const port = await listen(page);
    assert.deepEqual(await causes({ baseUrl: `http://${LOOPBACK}:${port}` }), { server: 'html_response' });
    await shut(page);
  });

  test('an address that sends on', async () => {
    const front = createServer((req, res) => res.writeHead(301, { location: server.url + req.url }).end());
    const port = await listen(front);
    assert.deepEqual(await causes({ baseUrl: `http://${LOOPBACK}:${port}` }), { server: 'redirected' });
    await shut(front);
  });

  test('an answer that never ends', async () => {
    const drip = createServer((req, res) => {
      req.resume();
      const path = new URL(req.url ?? '/', 'http://x').pathname;
      res.writeHead(200, { 'content-type': path === '/event' ? 'text/event-stream' : 'application/json' });
      if (path === '/event') return res.write('data: {"type":"server.connected","properties":{}}\n\n');
      if (path === '/path') {
        const more = setInterval(() => res.write(' '), 50);
        return res.on('close', () => clearInterval(more));
      }
      return res.end(path === '/global/health' ? '{"healthy":true,"version":"1.18.33"}' : req.method === 'POST' ? '{"id":"ses_1","time":{"created":1,"updated":1}}' : '[]');
    });
    const port = await listen(drip);
    assert.deepEqual(await causes({ baseUrl: `http://${LOOPBACK}:${port}`, only: ['scope'], patience: 500 }), { scope: 'timeout' });
    await shut(drip);
  });

  test('a directory that is spelled in another way', async () => {
    assert.deepEqual(await causes({ directory: `${server.directory}/` }), { scope: 'wrong_directory' });
  });

  test('no password, and a wrong one', async () => {
    const locked = await startOpenCode({ model, password: 'secret' });
    const baseUrl = locked.url;
    assert.deepEqual(await causes({ baseUrl }), { auth: 'password_missing' });
    assert.deepEqual(await causes({ baseUrl, auth: { type: 'basic', password: 'guess' } }), { auth: 'wrong_password' });
    assert.deepEqual(await causes({ baseUrl, auth: { type: 'basic', password: 'secret' } }), {});
    await locked.stop();
  });

  test('a page that may not read it', async () => {
    assert.deepEqual(await causes({ origin: 'https://chat.example' }), { cors: 'cors_closed' });
  });

  test('a front that takes the place of older messages away, or does not name it for pages', async () => {
    const origin = 'http://localhost:3000';
    const hide = (headers) => {
      const { 'x-next-cursor': _, link: __, ...rest } = headers;
      return rest;
    };
    const rename = (headers) => ({ ...headers, 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Link' });
    const old = await startOpenCode({ model, version: '1.2.27' });
    for (const { url } of [server, old]) {
      for (const [change, asked, found] of [
        [hide, {}, { older: 'cursor_hidden' }],
        [rename, { origin }, { older: 'cursor_hidden' }],
        // Who is no page reads it all the same.
        [rename, {}, {}],
        [(headers) => ({ ...headers, 'access-control-expose-headers': '*' }), { origin }, {}],
      ]) {
        const front = await frontOf(url, change);
        assert.deepEqual(await causes({ baseUrl: front.url, only: ['older'], ...asked }), found);
        await front.close();
      }
    }
    await old.stop();
  });

  test('a proxy that collects', async () => {
    proxy.buffer(true);
    const found = await causes({ baseUrl: proxy.url });
    proxy.calm();
    assert.deepEqual(found, { events: 'buffering_proxy' });
  });

  test('a stream that is cut', async () => {
    const cutting = setInterval(() => proxy.cutStreamAfter(1_000), 500);
    const found = await causes({ baseUrl: proxy.url, only: ['stream'] });
    clearInterval(cutting);
    proxy.calm();
    assert.deepEqual(found, { stream: 'stream_cut' });
  });

  test('a stream with nothing but heartbeats', async () => {
    proxy.heartbeatsOnly(true);
    const found = await causes({ baseUrl: proxy.url, only: ['scope'] });
    proxy.calm();
    assert.deepEqual(found, { scope: 'mute' });
  });

  test('a model that is not there', async () => {
    assert.deepEqual(await causes({ model: 'scripted/sentences' }), { providers: 'unknown_model' });
    assert.deepEqual(await causes({ provider: 'acme' }), { providers: 'unknown_provider' });
  });

  test('a provider that refuses', async () => {
    assert.deepEqual(await causes({ message: 'error 429: Rate limit reached' }), { message: 'provider_429' });
    assert.deepEqual(await causes({ message: 'error 401: Invalid API key' }), { message: 'provider_auth' });
  });

  test('a clock that is ten minutes off', async () => {
    const now = Date.now;
    Date.now = () => now() + 600_000;
    try {
      assert.deepEqual(await causes({ only: ['clock'] }), { clock: 'clock_skew' });
    } finally {
      Date.now = now;
    }
  });
});

describe('the command', () => {
  const cli = fileURLToPath(new URL('cli.js', dist));

  /** @param {string[]} args @returns {Promise<{ code: number, out: string, err: string }>} */
  function run(...args) {
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [cli, 'doctor', ...args], { timeout: PATIENCE });
      let out = '';
      let err = '';
      child.stdout.on('data', (chunk) => (out += chunk));
      child.stderr.on('data', (chunk) => (err += chunk));
      child.on('exit', (code) => resolve({ code: code ?? -1, out, err }));
    });
  }

  test('runs one check and those it needs', async () => {
    const { code, out } = await run('--url', server.url, '--test', 'session');
    assert.equal(code, 0);
    assert.match(out, /✓ PASS {2}Session created/);
    assert.match(out, /Total: 3 {3}✓ passed 3/);
  });

  test('ends when it has listened to the stream for long', async () => {
    const { code, out } = await run('--url', server.url, '--test', 'heartbeat');
    assert.equal(code, 0, out);
    assert.match(out, /✓ PASS {2}Heartbeat/);
  });

  test('says what failed, as text and as JSON, and ends with 1', async () => {
    const { code, out } = await run('--url', server.url, '--test', 'providers', '--model', 'a/b');
    assert.equal(code, 1);
    assert.match(out, /✗ FAIL.*\n.*There is no model "a\/b"[\s\S]*cause: unknown_model\n.*→ Take one of scripted\/words/);
    const report = await run('--url', server.url, '--test', 'providers', '--model', 'a/b', '--json');
    assert.equal(JSON.parse(report.out).checks.at(-1).cause, 'unknown_model');
  });

  test('ends with 2 when it is called wrongly', async () => {
    for (const args of [['--nonsense'], ['--test', 'nonsense'], ['--url', 'nonsense'], ['--patience', 'long']]) {
      const { code, err } = await run(...args);
      assert.equal(code, 2, args.join(' '));
      assert.match(err, /opencode-session: /);
    }
  });
});
