// What goes out with a request, and what never comes back out of the `auth` function: on the page's own way and on the keeper's.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { createClient, SessionError } from '../../dist/node.js';
import { startStage as startPage } from '../browser/stage.mjs';
import { read, startStage, until } from '../keeper/stage.mjs';
import { startMock } from '../support/mock.mjs';
import { waitFor } from '../support/wait.mjs';

const SECRET = 'canary-71ac-password';

/** Every call that sends something, each once. @param {any} client @param {string} id */
async function everything(client, id) {
  const session = client.openSession(id);
  await session.ready;
  await Promise.allSettled([
    client.health(), client.models(), client.agents(), client.commands(), client.sessions.list(), client.sessions.get(id), client.sessions.children(id),
    client.sessions.rename(id, 'x'), session.send('hello').stored, session.abort(), session.replyPermission('per_1', 'once'), session.answerQuestion('que_1', []),
  ]);
  const list = await client.sessions.live();
  await list.ready;
  list.close();
}

describe('each request of the client', () => {
  for (const [name, wanted] of Object.entries({ cache: 'no-store', referrerPolicy: 'no-referrer', credentials: 'omit', redirect: 'manual' })) {
    test(`has ${name} "${wanted}"`, async () => {
      const mock = await startMock();
      const { id } = mock.store.createSession();
      /** @type {[string, RequestInit][]} */
      const sent = [];
      const client = await createClient({ baseUrl: mock.url, fetch: (url, init) => {
        sent.push([`${init.method} ${new URL(url).pathname}`, init]);
        return fetch(url, init);
      } });
      try {
        await everything(client, id);
        const streams = sent.filter(([, { headers }]) => headers.accept === 'text/event-stream');
        assert.ok(streams.length > 0 && sent.length > 12, `${streams.length} of ${sent.length}`);
        for (const [what, init] of sent) assert.equal(init[name], wanted, what);
      } finally {
        client.close();
        await mock.close();
      }
    });
  }
});

describe('what a server sees of a browser', () => {
  let stage;
  before(async () => {
    stage = await startStage();
  });
  after(() => stage?.close());

  /** The stream's request, as it came over the wire. @param {'port' | 'leader'} kind */
  async function streamOf(kind) {
    const mock = await startMock();
    const profile = await stage.profile([mock.url]);
    try {
      const page = await profile.open();
      await read(page, kind, '/keeper.js', mock.url);
      await until(page, ({ status }) => status.includes(200), 'the stream');
      // A request of the page's own kind, without any care: the test would see a referrer if there were one.
      await page.evaluate((url) => fetch(`${url}/global/health`).then(() => undefined), mock.url);
      const find = (path) => mock.requests.find((each) => each.path === path && each.method === 'GET').headers;
      return { stream: find('/event'), plain: find('/global/health') };
    } finally {
      await profile.close();
      await mock.close();
    }
  }

  for (const [kind, name] of [['port', 'the keeper'], ['leader', 'a leading tab']]) {
    test(`nothing goes to another address from ${name}`, async () => {
      const [mock, other] = [await startMock(), await startMock()];
      mock.on('GET', '/event', ({ reply }) => reply(307, '', { location: `${other.url}/event` }));
      const profile = await stage.profile([mock.url, other.url]);
      try {
        const page = await profile.open();
        await read(page, kind, '/keeper.js', mock.url, { auth: { name: 'x-api-key', value: SECRET } });
        const { status } = await until(page, ({ closed }) => closed.length > 0, 'the end');
        assert.deepEqual(status, [302]);
        assert.deepEqual(other.requests, []);
      } finally {
        await profile.close();
        await Promise.all([mock.close(), other.close()]);
      }
    });

    test(`no referrer from ${name}`, async () => {
      const { stream, plain } = await streamOf(kind);
      assert.equal(plain.referer, stage.url, 'the page has one');
      assert.equal(stream.referer, undefined);
    });

    test(`no cache answers ${name}`, async () => {
      const { stream, plain } = await streamOf(kind);
      assert.equal(plain['cache-control'], undefined, 'without care there is none');
      assert.equal(stream['cache-control'], 'no-cache');
    });
  }
});

describe('an attachment by address', () => {
  let stage;
  before(async () => {
    stage = await startPage();
    stage.files.set('/dot.txt', Buffer.from('dot'));
  });
  after(() => stage?.close());

  /** A page with a cookie sends a file that is at `path` of its own server; the requests that this made. @param {string} path */
  async function attached(path) {
    const mock = await startMock();
    const { id } = mock.store.createSession();
    mock.on('GET', '/moved.png', ({ reply }) => reply(302, '', { location: '/new/dot.png', 'access-control-allow-origin': '*' }));
    mock.on('GET', '/new/dot.png', ({ reply }) => reply(200, Buffer.from('dot'), { 'content-type': 'image/png', 'access-control-allow-origin': '*' }));
    const { page, asked, close } = await stage.open({ connect: [mock.url] });
    try {
      await page.context().addCookies([{ name: 'session', value: SECRET, url: stage.url }]);
      await page.evaluate(() => fetch('/page/drive.js').then(() => undefined));
      const url = new URL(path, path.startsWith('/moved') ? mock.url : stage.url).href;
      const problem = await page.evaluate(async ([baseUrl, id, url]) => {
        const session = await drive.open({ baseUrl }, id);
        return drive.problem(session.send({ text: 'x', parts: [{ type: 'file', url }] }, { noReply: true }).stored);
      }, [mock.url, id, url]);
      const headers = async (file) => Promise.all(asked(file).map((request) => request.allHeaders()));
      const [, plain] = await headers('/page/drive.js');
      const posted = mock.requests.find(({ method, path }) => method === 'POST' && path.endsWith('/prompt_async'));
      return { problem, plain, sent: (await Promise.all(['/dot.txt', '/moved.png', '/new/dot.png'].map(headers))).flat(), file: posted?.body.parts.find(({ type }) => type === 'file') };
    } finally {
      await close();
      await mock.close();
    }
  }

  for (const [name, path] of [["of the page's own server", '/dot.txt'], ['of another server, that sends on', '/moved.png']]) {
    test(`${name} is read without cookies and referrer`, async () => {
      const { problem, plain, sent, file } = await attached(path);
      assert.equal(problem, undefined);
      assert.match(String(plain.cookie), /canary/, 'the page has a cookie');
      assert.equal(plain.referer, stage.url);
      assert.equal(sent.length, path === '/dot.txt' ? 1 : 2);
      for (const { cookie, referer } of sent) assert.deepEqual([cookie, referer], [undefined, undefined]);
      assert.match(file.url, /^data:(image\/png|text\/plain);base64,ZG90$/);
    });
  }
});

/** What an `auth` function may do wrong, with a secret in it. */
const WRONG = {
  'throws an error': () => { throw Object.assign(new Error(`no token for ${SECRET}`), { cause: SECRET, token: SECRET }); },
  'throws a text': () => { throw SECRET; },
  'throws an error that claims to be one of ours': () => { throw Object.assign(new SessionError({ code: 'forbidden', message: SECRET, hint: SECRET }), { secret: SECRET }); },
  'throws what claims to be late': () => { throw Object.assign(new Error(SECRET), { name: 'TimeoutError' }); },
  'throws what claims to be given up': () => { throw new DOMException(SECRET, 'AbortError'); },
  'rejects later': async () => { await new Promise((resolve) => setTimeout(resolve, 5)); throw new Error(SECRET); },
  'gives nothing usable': () => ({ type: 'magic', value: SECRET }),
  'gives what no header can carry': () => ({ type: 'bearer', token: `${SECRET}\r\nx: y` }),
  'gives what throws when it is read': () => ({ type: 'bearer', get token() { throw new Error(SECRET); } }),
};

describe('an auth function that', () => {
  for (const [name, auth] of Object.entries(WRONG)) {
    test(`${name}: every call says auth_failed, nothing says what it was, and nothing is sent`, async () => {
      const mock = await startMock();
      const logs = [];
      const client = await createClient({ baseUrl: mock.url, auth, onLog: (line) => logs.push(line), retry: { min: 20, max: 50 }, identity: 'me' });
      const session = client.openSession('ses_1');
      const said = [];
      try {
        for (const call of [() => client.health(), () => client.models(), () => client.sessions.list(), () => client.createSession(), () => client.sessions.get('ses_1'), () => client.sessions.remove('ses_1')]) {
          const error = await call().then(() => assert.fail('it is refused'), (error) => error);
          assert.ok(error instanceof SessionError, inspect(error));
          assert.equal(error.code, 'auth_failed');
          said.push(error);
        }
        const { connection } = await waitFor(() => session.state.connection.error && session.state, { message: 'the error of the connection' });
        assert.equal(connection.error.code, 'auth_failed');
        said.push(session.state, ...logs);
        for (const each of said) {
          const all = inspect(each, { depth: 20, showHidden: true, getters: true }) + JSON.stringify(each) + String(each?.stack) + String(each?.cause);
          assert.ok(!all.includes(SECRET), all);
        }
        assert.deepEqual(mock.requests, []);
      } finally {
        client.close();
        await mock.close();
      }
    });
  }
});
