// How long an answer may take, from the call on; and which answers are not taken: redirects.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { createClient, SessionError } from '../../dist/node.js';
import { startMock } from '../support/mock.mjs';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { sleep, waitFor } from '../support/wait.mjs';

const ends = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

/** A mock server with a session, and a client of it that waits 300 ms. */
async function scene(options = {}) {
  const mock = await startMock();
  const { id } = mock.store.createSession();
  mock.store.user(id, 'hi');
  const client = await createClient({ baseUrl: mock.url, journal: 'off', limits: { requestTimeout: 300 }, retry: { min: 20, max: 100 }, ...options });
  ends.push(() => mock.close(), () => client.close());
  return { mock, id, client };
}

const never = () => new Promise(() => undefined);
const problem = (promise) => promise.then((value) => assert.fail(`resolved with ${JSON.stringify(value)}`), (error) => error);
const posted = (mock) => mock.requests.filter(({ path }) => path.endsWith('/prompt_async')).length;

for (const hangs of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
  test(`call ${hangs} of auth never comes back: it is given up, and asked again`, async () => {
    let calls = 0;
    const { id, client, mock } = await scene({ auth: () => (++calls === hangs ? never() : { type: 'bearer', token: 'x' }) });
    const session = client.openSession(id);
    await session.ready;
    await session.send('hello', { noReply: true }).stored;
    await session.settled();
    // What goes with the history may come later than it.
    await waitFor(() => session.state.error === undefined, { message: 'all of it' });
    assert.equal(posted(mock), 1);
  });

  // That of the stream is given up by the core, after 8 s.
  if (hangs % 3 === 0) test(`call ${hangs} of an own fetch never comes back, and heeds no signal`, async () => {
    let calls = 0;
    const own = (input, { signal, ...init }) => (++calls === hangs ? never() : fetch(input, input.includes('/event') ? { ...init, signal } : init));
    const { id, client } = await scene({ fetch: own });
    const session = client.openSession(id);
    await session.ready;
    await session.send('hello', { noReply: true }).stored;
    await waitFor(() => session.state.messages.length === 2 && session.state.connection.phase === 'live', { message: 'live, with the prompt' });
  });
}

test('each call that a caller waits for ends as a timeout', async () => {
  for (const options of [{ auth: never }, { fetch: never }]) {
    const { id, client } = await scene(options);
    const session = client.openSession(id);
    const { sessions } = client;
    const calls = [
      client.health(), client.providers(), client.models(), client.agents(), client.commands(), client.createSession(),
      sessions.list(), sessions.get(id), sessions.create(), sessions.rename(id, 'x'), sessions.archive(id), sessions.remove(id), sessions.children(id),
      session.abort(), session.todo(), session.diff(), session.fork(), session.unrevert(), session.share(), session.unshare(),
      session.replyPermission('per_1', 'once'), session.replyPermission('per_1', 'once', 'why'), session.answerQuestion('que_1', []), session.rejectQuestion('que_1'),
      session.command('review'), session.shell('ls'), session.summarize('mock/words'),
    ];
    for (const call of calls.map(problem)) assert.equal((await call).code, 'timeout');
    client.close();
  }
});

test('a command waits for its turn as long as that takes, but not for auth', async () => {
  let hangs = false;
  const { id, client, mock } = await scene({ auth: () => (hangs ? never() : { type: 'bearer', token: 'x' }) });
  const session = client.openSession(id);
  await session.ready;
  mock.on('POST', '/session/:id/shell', async () => {
    await sleep(1_000);
    return mock.store.assistant(id);
  });
  assert.equal((await session.shell('ls')).info.role, 'assistant');
  hangs = true;
  assert.equal((await problem(session.shell('ls'))).code, 'timeout');
});

for (const [name, run] of [
  ['command', (session) => session.command('review')],
  ['shell', (session) => session.shell('ls')],
  ['summarize', (session) => session.summarize('mock/words')],
]) {
  test(`a ${name} that an own fetch never answers is given up when no turn runs for long`, async () => {
    const own = (input, init) => (input.includes(`/${name}`) && init.method === 'POST' ? never() : fetch(input, init));
    const { id, client, mock } = await scene({ fetch: own, limits: { requestTimeout: 150 } });
    mock.on('GET', '/command', () => [{ name: 'review', template: '' }]);
    const session = client.openSession(id);
    await session.ready;
    // As long as a turn runs, it may be that of the command.
    mock.store.setStatus(id, { type: 'busy' });
    await waitFor(() => session.state.status.type === 'busy', { message: 'a turn that runs' });
    let told;
    const ended = problem(run(session)).then((error) => { told = error; });
    await sleep(25 * 150);
    assert.equal(told, undefined);
    mock.store.setStatus(id, { type: 'idle' });
    await ended;
    assert.deepEqual([told.code, told.retryable, told instanceof SessionError], ['timeout', true, true]);
  });
}

test('what auth gives too late is not sent', async () => {
  let late = [];
  const { id, client, mock } = await scene({
    auth: () => (late === undefined ? { type: 'bearer', token: 'x' } : new Promise((resolve) => late.push(() => resolve({ type: 'bearer', token: 'x' })))),
  });
  const made = problem(client.sessions.create({ title: 'late' }));
  assert.equal((await made).code, 'timeout');
  for (const go of late) go();
  late = undefined;
  await client.sessions.list();
  assert.equal(mock.requests.filter(({ method }) => method === 'POST').length, 0);
  assert.ok(id);
});

/** Answers the history in pieces, `every` so many milliseconds. */
function slowly(mock, id, every, most = Number.POSITIVE_INFINITY) {
  const text = JSON.stringify(mock.store.history?.(id) ?? [{ info: { id: 'msg_1', sessionID: id, role: 'user', time: { created: 1 } }, parts: [] }]);
  mock.on('GET', '/session/:id/message', async ({ res }) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    const size = Math.ceil(text.length / 12);
    for (let at = 0, n = 0; at < text.length && n < most && !res.destroyed; at += size, n += 1) {
      res.write(text.slice(at, at + size));
      await sleep(every);
    }
    if (most === Number.POSITIVE_INFINITY) res.end();
  });
}

test('a history that comes slowly, but comes, is taken', async () => {
  const { id, client, mock } = await scene();
  slowly(mock, id, 120);
  const session = client.openSession(id);
  await session.ready;
  assert.equal(session.state.messages.length, 1);
  assert.equal(mock.requests.filter(({ path }) => path.endsWith('/message')).length, 1, 'asked once');
});

test('one that stops coming is given up', async () => {
  const { id, client, mock } = await scene();
  slowly(mock, id, 20, 5);
  assert.equal((await problem(client.openSession(id).ready)).code, 'timeout');
});

test('one that never ends is given up as well', async () => {
  const { client, mock } = await scene({ limits: { requestTimeout: 100 } });
  mock.on('GET', '/agent', ({ res }) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    const drip = setInterval(() => res.write(' '), 30);
    res.on('close', () => clearInterval(drip));
  });
  assert.equal((await problem(client.agents())).code, 'timeout');
});

/** A server that sends on to `to`, and what a client that asks it is told. */
async function front(to, status) {
  const server = createServer((req, res) => {
    req.resume();
    res.writeHead(status, { location: to + req.url }).end();
  });
  const port = await listen(server);
  ends.push(() => shut(server));
  return `http://${LOOPBACK}:${port}`;
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`a redirect (${status}) is not followed, and says so`, async () => {
    const { mock, id } = await scene();
    const baseUrl = await front(mock.url, status);
    const auth = { type: 'header', name: 'x-key', value: 'SECRET' };
    for (const own of [undefined, (input, init) => fetch(input, { ...init, redirect: 'follow' })]) {
      const client = await createClient({ baseUrl, auth, journal: 'off', retry: { min: 20, max: 100 }, ...(own && { fetch: own }) });
      ends.push(() => client.close());
      const before = mock.requests.length;
      const session = client.openSession(id);
      const calls = [client.health(), client.sessions.list(), session.ready];
      // Node cannot repeat a body that was sent.
      if (own === undefined) calls.push(client.sessions.create({ title: 'mine' }), client.createSession(), client.sessions.rename(id, 'x'));
      for (const call of calls.map(problem)) {
        const error = await call;
        assert.ok(error instanceof SessionError);
        assert.equal(error.code, 'redirected');
        assert.ok(error.message.includes(baseUrl), error.message);
        assert.equal(error.retryable, false);
      }
      const { error, connection } = session.state;
      assert.equal(error.code, 'redirected');
      assert.equal((connection.error ?? connection.fallback).code, 'redirected');
      assert.ok((connection.error ?? connection.fallback).message.includes(baseUrl));
      // An own `fetch` that follows cannot be kept from it; what it brings is not taken.
      if (own === undefined) assert.deepEqual(mock.requests.slice(before), []);
      client.close();
    }
  });
}

test('a redirect of single answers is not followed either', async () => {
  const { mock, id, client } = await scene();
  mock.on('GET', '/agent', ({ reply }) => reply(307, '', { location: '/config/providers' }));
  assert.equal((await problem(client.agents())).code, 'redirected');
  mock.on('POST', '/session/:id/prompt_async', ({ reply }) => reply(308, '', { location: '/session' }));
  const session = client.openSession(id);
  await session.ready;
  const error = await problem(session.send('hello').stored);
  assert.equal(error.code, 'redirected');
});

test('a list that is null is an empty one; what is no list is refused', async () => {
  const { mock, id, client } = await scene();
  const session = client.openSession(id);
  await session.ready;
  for (const [path, ask] of [
    ['/session/:id/todo', () => session.todo()],
    ['/session/:id/diff', () => session.diff()],
    ['/session/:id/children', () => client.sessions.children(id)],
    ['/session', () => client.sessions.list()],
    ['/agent', () => client.agents()],
    ['/command', () => client.commands()],
  ]) {
    mock.on('GET', path, ({ reply }) => reply(200, 'null', { 'content-type': 'application/json' }));
    assert.deepEqual(await ask(), [], path);
    mock.on('GET', path, ({ reply }) => reply(200, {}));
    assert.equal((await problem(ask())).code, 'bad_response', path);
  }
});

test('a byte order mark before the JSON is no part of it', async () => {
  const { mock, id, client } = await scene();
  mock.on('GET', '*', async (call) => {
    const { res } = call;
    const end = res.end.bind(res);
    res.end = (body) => end(typeof body === 'string' && String(res.getHeader('content-type')).includes('json') ? `\uFEFF${body}` : body);
    res.writeHead = ((head) => (status, headers) => {
      for (const [name, value] of Object.entries(headers ?? {})) res.setHeader(name, value);
      return head(status);
    })(res.writeHead.bind(res));
    await call.next();
  });
  const session = client.openSession(id);
  await session.ready;
  assert.equal(session.state.messages.length, 1);
  assert.equal((await client.health()).version, mock.version);
});

test('a name that begins like an address of this machine is none', async () => {
  /** @type {string[]} */
  let heard = [];
  globalThis.addEventListener = (name) => void heard.push(name);
  try {
    for (const [host, isElsewhere] of [['127.0.0.1', false], ['127.9.9.9', false], ['localhost', false], ['[::1]', false], ['127.evil.example', true], ['127.0.0.1.evil.example', true], ['localhost.evil.example', true]]) {
      heard = [];
      const client = await createClient({ baseUrl: `http://${host}:1`, fetch: () => new Promise(() => undefined) });
      client.close();
      assert.equal(heard.includes('offline'), isElsewhere, host);
    }
  } finally {
    delete globalThis.addEventListener;
  }
});

test('however many requests are under way, Node has nothing to warn of', async () => {
  const mock = await startMock();
  const said = [];
  const hear = (warning) => said.push(String(warning));
  process.on('warning', hear);
  const client = await createClient({ baseUrl: mock.url });
  try {
    await Promise.all(Array.from({ length: 30 }, () => client.health()));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(said, []);
  } finally {
    process.off('warning', hear);
    client.close();
    await mock.close();
  }
});

test('a closed client gives up what it reads, and lets a prompt go on', async () => {
  const mock = await startMock();
  const session = mock.store.createSession({ title: 'closed' });
  const ended = [];
  for (const [method, path, name] of [['GET', '/agent', 'agents'], ['GET', '/config/providers', 'models'], ['POST', '/session/:id/prompt_async', 'prompt']]) {
    mock.on(method, path, ({ res }) => {
      ended.push(`${name} came`);
      res.on('close', () => ended.push(`${name} given up`));
    });
  }
  const client = await createClient({ baseUrl: mock.url, journal: 'off' });
  const open = client.openSession(session.id);
  await open.ready;
  for (const call of [client.models(), client.agents(), open.send('on its way').done]) call.catch(() => undefined);
  try {
    await waitFor(() => ended.length === 3, { message: () => ended.join() });
    client.close();
    await waitFor(() => ended.length === 5, { message: () => ended.join() });
    assert.deepEqual(ended.slice(3).sort(), ['agents given up', 'models given up']);
  } finally {
    await mock.close();
  }
});
