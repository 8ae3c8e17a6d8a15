// The proxy of docs/auth.md, as it stands there, in a real nginx before a mock server: whom it lets through, and what it passes on.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createClient } from '../../dist/node.js';
import { startMock } from '../support/mock.mjs';
import { startNginx } from '../support/nginx.mjs';
import { freePort, listen, LOOPBACK, shut } from '../support/ports.mjs';
import { tempDir } from '../support/temp.mjs';
import { waitFor } from '../support/wait.mjs';

const ORIGIN = 'https://app.example.com';
const PAGE = readFileSync(new URL('../../docs/auth.md', import.meta.url), 'utf8');
const PASSWORD = 'the password of the server';
const BASIC = Buffer.from(`opencode:${PASSWORD}`).toString('base64');
const COOKIE = 'session=signed-in';
let mock;
let gate;
let nginx;
/** What the sign-in was asked. @type {import('node:http').IncomingHttpHeaders[]} */
let asked = [];

/** The lines of the page for these servers. @param {{ port: number, gate: number }} ports */
function lines({ port, gate }) {
  const [, block] = /```text\n(# Who asks.*?)```/s.exec(PAGE) ?? [];
  assert.ok(block, 'docs/auth.md has the lines');
  let text = block;
  // Only where the servers are, and what they are called: all that decides stays as it stands in the page.
  for (const [from, to] of [['listen 443 ssl;', `listen ${LOOPBACK}:${port};`], ['http://127.0.0.1:9000/', `http://${LOOPBACK}:${gate}/`], ['http://127.0.0.1:4096/', `${mock.url}/`], ['Basic …', `Basic ${BASIC}`]]) {
    assert.equal(text.split(from).length, 2, `"${from}" stands once in the lines`);
    text = text.replace(from, to);
  }
  return text;
}

before(async () => {
  mock = await startMock({ password: PASSWORD });
  gate = createServer((req, res) => {
    asked.push(req.headers);
    res.writeHead(req.headers.cookie === COOKIE ? 204 : 401).end();
  });
  const [port, gatePort] = [await freePort(), await listen(gate)];
  nginx = await startNginx(lines({ port, gate: gatePort }), port);
});
after(async () => {
  await nginx?.stop();
  await mock?.close();
  if (gate) await shut(gate);
});

/** One request with path and headers exactly as given. */
function ask(path, { method = 'GET', headers = {}, body } = {}) {
  const { hostname, port } = new URL(nginx.url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers: { cookie: COOKIE, ...headers }, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => { text += piece; }).on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    sent.on('error', reject).end(body);
  });
}
const status = (...args) => ask(...args).then((answer) => answer.status);
const JSON_TYPE = { 'content-type': 'application/json' };

describe('the proxy of docs/auth.md', () => {
  test('carries a whole session: history, stream, prompt', async () => {
    const { id } = mock.store.createSession();
    mock.store.user(id, 'hello');
    const client = await createClient({ baseUrl: `${nginx.url}/opencode`, fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, cookie: COOKIE } }), identity: 'me', journal: 'off' });
    try {
      const session = client.openSession(id);
      await session.ready;
      await waitFor(() => session.state.connection.phase === 'live', { message: 'the stream' });
      assert.equal(session.state.messages.length, 1);
      await session.send('more').stored;
      const answer = mock.answer(id, ['word ', 'by ', 'word'], { every: 5 });
      await answer;
      await waitFor(() => session.state.messages.at(-1)?.parts.some(({ text }) => text === 'word by word'), { message: 'the answer' });
      assert.ok((await client.models()).providers !== null);
      await client.sessions.rename(id, 'x');
      await client.sessions.list();
    } finally {
      client.close();
    }
    // Whoever leaves is let go at the server as well.
    await waitFor(() => mock.streams === 0, { message: 'the end of the stream' });
  });

  test('lets nobody through who has not signed in', async () => {
    mock.requests = [];
    for (const cookie of ['', 'session=another']) {
      for (const path of ['/opencode/session', '/opencode/event', '/opencode/global/health']) assert.equal(await status(path, { headers: { cookie } }), 401, path);
      assert.equal(await status('/opencode/session', { method: 'POST', headers: { cookie, ...JSON_TYPE }, body: '{}' }), 401);
    }
    assert.equal(await status('/may-come'), 404, 'the sign-in itself is not for others');
    assert.deepEqual(mock.requests, []);
  });

  test('takes nothing that another site sends', async () => {
    mock.requests = [];
    for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) {
      const path = method === 'GET' ? '/opencode/session' : method === 'POST' ? '/opencode/session' : '/opencode/session/ses_1';
      for (const origin of ['https://evil.example', 'null', 'http://app.example.com', 'https://app.example.com.evil.example', 'https://app.example.com:8443']) {
        assert.equal(await status(path, { method, headers: { origin, ...JSON_TYPE } }), 403, `${method} from ${origin}`);
      }
      for (const site of ['cross-site', 'same-site', 'none', 'x']) {
        assert.equal(await status(path, { method, headers: { 'sec-fetch-site': site, ...JSON_TYPE } }), 403, `${method}, ${site}`);
      }
    }
    for (const type of ['text/plain', 'text/plain;charset=UTF-8', 'Application/X-Www-Form-Urlencoded', 'multipart/form-data; boundary=x']) {
      assert.equal(await status('/opencode/session', { method: 'POST', headers: { 'content-type': type }, body: '{}' }), 415, type);
    }
    assert.deepEqual(mock.requests, []);
    assert.equal(await status('/opencode/session', { headers: { origin: ORIGIN, 'sec-fetch-site': 'same-origin' } }), 200);
    assert.equal(await status('/opencode/session', { method: 'POST', headers: { origin: ORIGIN, 'sec-fetch-site': 'same-origin', ...JSON_TYPE }, body: '{}' }), 200);
  });

  test('passes on the routes of v2 where they are taken in, and no others of them', async () => {
    const patterns = [...PAGE.matchAll(/^ +#v2 "~(.+)" 1;$/gm)].map(([, pattern]) => new RegExp(pattern));
    assert.equal(patterns.length, 5);
    const isIn = (route) => patterns.some((pattern) => pattern.test(route.replace(' /', ' /opencode/')));
    const folder = new URL('../../src/proto/v2/', import.meta.url);
    const core = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8')).join('\n');
    for (const route of ['GET /api/event', 'GET /api/health', 'GET /api/info', 'GET /api/location', 'GET /api/agent', 'GET /api/model', 'GET /api/provider', 'GET /api/command', 'GET /api/session', 'GET /api/session/active']) {
      assert.ok(core.includes(`"${route.slice(4)}"`), `the client asks for ${route}`);
      assert.ok(isIn(route), route);
    }
    for (const route of ['GET /api/permission/request', 'GET /api/question/request', 'POST /api/session', 'GET /api/session/ses_1', 'GET /api/session/ses_1/message', 'GET /api/session/ses_1/message/msg_1', 'GET /api/session/ses_1/history', 'POST /api/session/ses_1/prompt', 'POST /api/session/ses_1/permission/per_1/reply', 'POST /api/session/ses_1/revert/stage', 'DELETE /api/session/ses_1/revert', 'DELETE /api/session/ses_1']) assert.ok(isIn(route), route);
    for (const route of ['POST /api/session/ses_1/shell', 'GET /api/file', 'GET /api/session/..', 'GET /api/session/ses_1/../../file', 'POST /api/event', 'DELETE /api/session', 'POST /api/pty', 'GET /api/session/ses_1/permission/per_1/reply', 'POST /api/session/ses_1/permission/../reply', 'PATCH /api/config', 'GET /api/eventx', 'POST /api/session/ses_1/command']) assert.ok(!isIn(route), route);
  });

  test('passes on no other route, however it is written', async () => {
    mock.requests = [];
    const routes = [
      'GET /file', 'GET /file/content?path=/etc/passwd', 'GET /find?pattern=x', 'GET /config', 'PATCH /config', 'POST /session/ses_1/shell', 'POST /pty', 'GET /pty', 'GET /doc', 'POST /log', 'PUT /auth/openai', 'GET /',
      'POST /global/dispose', 'POST /instance/dispose', 'POST /tui/submit-prompt', 'POST /session/ses_1/share', 'PUT /session/ses_1', 'POST /event', 'DELETE /session', 'GET /session/..', 'GET /eventx', 'GET /session/ses_1/message/x', 'GET /api/session', 'OPTIONS /session', 'TRACE /session',
    ];
    for (const route of routes) {
      const [method, path] = route.split(' ');
      const got = await status(`/opencode${path}`, { method, headers: JSON_TYPE });
      assert.ok([404, 405].includes(got), `${route}: ${got}`);
    }
    for (const path of [
      '/opencode/session/../config', '/opencode/session/%2e%2e/config', '/opencode/session/..%2fconfig', '/opencode/event/../file', '/opencode/session/ses_1/%2e%2e/%2e%2e/file', '/opencode//config', '/opencode/%2fconfig', '/opencode/config%00', '/opencode/./config',
      '/opencode/session/ses_1/../../config', '/opencode/session/ses_1%2f..%2f..%2fconfig', '/opencode/session/ses_1%2fshell', '/opencode/session/ses_1/message%2f..%2f..%2f..%2fconfig', '/opencode/..;/config', '/opencode/\\config', '/opencode/session%0a/../config',
      'http://evil.example/opencode/config', '//evil.example/opencode/config', '/config', '/opencode/../config', '/opencode',
    ]) {
      const got = await status(path);
      // 502: what nginx itself would send on.
      assert.ok([400, 404, 502].includes(got), `${path}: ${got}`);
    }
    assert.deepEqual(mock.requests.map(({ method, path }) => `${method} ${path}`), []);
  });

  test('gives the server its password and none of the person\'s headers, and the person none of the server\'s', async () => {
    mock.requests = [];
    asked = [];
    const off = mock.on('GET', '/path', ({ reply }) => reply(200, '{"directory":"/project"}', { 'content-type': 'application/json', 'set-cookie': 'a=b', 'access-control-allow-origin': '*', 'www-authenticate': 'Basic' }));
    try {
      const { status, headers } = await ask('/opencode/path?directory=%2Fproject', { headers: { authorization: 'Bearer of-the-person', origin: ORIGIN, forwarded: 'for=1.2.3.4', 'x-forwarded-for': '1.2.3.4', 'x-forwarded-host': 'evil.example' } });
      assert.equal(status, 200);
      for (const name of ['set-cookie', 'access-control-allow-origin', 'www-authenticate']) assert.equal(headers[name], undefined, name);
      const [seen] = mock.requests;
      assert.equal(seen.headers.authorization, `Basic ${BASIC}`);
      assert.equal(seen.query.get('directory'), '/project');
      for (const name of ['cookie', 'origin', 'forwarded', 'x-forwarded-for', 'x-forwarded-host']) assert.equal(seen.headers[name], undefined, name);
      assert.equal(asked[0].cookie, COOKIE, 'the sign-in is shown who asks');
    } finally {
      off();
    }
  });

  test('follows and passes on no redirect', async () => {
    for (const code of [301, 302, 303, 307, 308]) {
      const off = mock.on('GET', '/path', ({ reply }) => reply(code, '', { location: 'http://evil.example/' }));
      const { status, headers } = await ask('/opencode/path');
      off();
      assert.deepEqual([status, headers.location], [502, undefined], String(code));
    }
  });

  test('takes bodies as large as prompts with files are, and no body without end', async () => {
    const post = (size) => status('/opencode/session', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ title: 'x'.repeat(size) }) }).catch(({ code }) => code);
    assert.equal(await post(23 * 2 ** 20), 200);
    // nginx hangs up on what is still being sent.
    assert.ok([413, 'EPIPE', 'ECONNRESET'].includes(await post(40 * 2 ** 20)));
  });
});

test('with auth_basic nginx asks for the password itself', async () => {
  const folder = tempDir('people');
  writeFileSync(join(folder.path, 'people'), 'ann:{PLAIN}hers\n');
  const port = await freePort();
  const basic = /`(auth_basic "OpenCode"; auth_basic_user_file [^`]+)`/.exec(PAGE)?.[1];
  assert.ok(basic, 'docs/auth.md has the lines');
  const text = lines({ port, gate: 1 }).replace('auth_request /may-come;', basic.replace('/etc/nginx/people', join(folder.path, 'people')));
  const own = await startNginx(text, port);
  try {
    for (const [auth, wanted] of [[undefined, 'unauthorized'], [{ type: 'basic', username: 'ann', password: 'no' }, 'unauthorized'], [{ type: 'basic', username: 'ann', password: 'hers' }, undefined]]) {
      const client = await createClient({ baseUrl: `${own.url}/opencode`, ...(auth && { auth }) });
      const code = await client.health().then(() => undefined, (error) => error.code);
      client.close();
      assert.equal(code, wanted);
    }
  } finally {
    await own.stop();
    await folder.remove();
  }
});
