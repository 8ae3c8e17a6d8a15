// The relay over HTTP, before a mock server whose every answer the test controls.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createRelay } from '../../dist/relay.js';
import { startMock } from '../support/mock.mjs';
import { sleep, waitFor } from '../support/wait.mjs';
import { post, raw, read, startRelay } from './stand.mjs';

const JSON_TYPE = { 'content-type': 'application/json' };
let mock;
before(async () => {
  mock = await startMock({ password: 'upstream-secret' });
});
after(() => mock?.close());
const auth = { type: 'basic', password: 'upstream-secret' };

/** A relay for one test. */
const relayed = (name, options, job) => test(name, async () => {
  const stand = await startRelay({ upstream: mock.url, auth, ...options });
  mock.requests.length = 0;
  try {
    await job(stand);
  } finally {
    await stand.close();
    await waitFor(() => mock.streams === 0, { message: 'the upstream stream to end' });
  }
});
const codeOf = ({ status, body }) => `${status} ${body?.error?.code}`;
const session = () => mock.store.createSession().id;

describe('who may', () => {
  relayed('nobody without authorize saying so; what it throws is not told', { authorize: (request) => {
    if (request.headers.get('x-user') === 'bad') throw new Error('canary');
    return request.headers.get('x-user') === 'own' ? new Response('own words', { status: 418 }) : undefined;
  } }, async ({ url }) => {
    assert.equal(codeOf(await raw(url, '/session')), '401 unauthorized');
    const bad = await raw(url, '/session', { headers: { 'x-user': 'bad' } });
    assert.equal(codeOf(bad), '500 hook_failed');
    assert.ok(!JSON.stringify(bad.body).includes('canary'));
    const own = await raw(url, '/session', { headers: { 'x-user': 'own' } });
    assert.deepEqual([own.status, own.body], [418, 'own words']);
    assert.equal(mock.requests.length, 0);
  });

  relayed('an answer of authorize is given as it is, to pages of other origins, too', { trustedOrigins: ['https://a.example'], authorize: (request) => {
    if (request.headers.get('x-user') === 'away') return Response.redirect('https://login.example/', 302);
    return new Response(null, { status: 401, headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2']] });
  } }, async ({ url }) => {
    assert.deepEqual((await raw(url, '/session')).headers['set-cookie'], ['a=1', 'b=2']);
    const away = await raw(url, '/session', { headers: { 'x-user': 'away', origin: 'https://a.example' } });
    assert.deepEqual([away.status, away.headers.location, away.headers['access-control-allow-origin']], [302, 'https://login.example/', 'https://a.example']);
  });

  relayed('a parent is named by its id, and by nothing that leads the relay elsewhere', {}, async ({ url }) => {
    const mine = session();
    const sees = { 'x-sees': mine };
    for (const parentID of [`${mine}?directory=/etc`, `x/../../path`, '..', `${mine}#x`, '', [mine], null, 7]) {
      assert.equal(codeOf(await post(url, '/session', { parentID }, { headers: sees })), '400 bad_request', JSON.stringify(parentID));
    }
    assert.deepEqual(mock.requests, []);
    assert.equal((await post(url, '/session', { parentID: mine }, { headers: sees })).status, 200);
  });

  relayed('a function that never answers holds nobody', { limits: { requestTimeout: 200 }, authorize: () => new Promise(() => undefined) }, async ({ url }) => {
    assert.equal(codeOf(await raw(url, '/session')), '500 hook_failed');
  });

  test('without authorize, or with options that are none, there is no relay', () => {
    for (const [options, code] of [
      [{ upstream: mock.url }, 'bad_option'],
      [{ upstream: 'ftp://x', authorize: () => undefined }, 'bad_base_url'],
      [{ upstream: 'http://user:pass@127.0.0.1:1', authorize: () => undefined }, 'credentials_in_url'],
      [{ upstream: mock.url, authorize: () => undefined, trustedOrigin: [] }, 'bad_option'],
      [{ upstream: mock.url, authorize: () => undefined, limits: { flush: 0 } }, 'bad_option'],
      [{ upstream: mock.url, authorize: () => undefined, limits: { reader: 1 } }, 'bad_option'],
      [{ upstream: mock.url, authorize: () => undefined, allow: ['pty'] }, 'bad_option'],
      [{ upstream: mock.url, authorize: () => undefined, trustedOrigins: ['https://a.example/path'] }, 'bad_option'],
    ]) assert.throws(() => createRelay(options), { name: 'SessionError', code }, JSON.stringify(options));
  });

  relayed('a session of somebody else and one that is not there are the same', {}, async ({ url }) => {
    const [mine, other] = [session(), session()];
    const sees = { 'x-sees': mine };
    assert.equal((await raw(url, `/session/${mine}`, { headers: sees })).body.id, mine);
    const [foreign, missing] = [await raw(url, `/session/${other}`, { headers: sees }), await raw(url, '/session/ses_none', { headers: sees })];
    assert.equal(codeOf(foreign), '403 forbidden');
    assert.deepEqual(foreign.body, missing.body);
    mock.requests.length = 0;
    for (const [method, path] of [['GET', 'message'], ['GET', 'todo'], ['POST', 'abort'], ['POST', 'prompt_async'], ['POST', 'fork'], ['POST', 'revert'], ['DELETE', '']]) {
      const answer = await raw(url, `/session/${other}${path && `/${path}`}`, { method, headers: { ...sees, ...JSON_TYPE }, ...(method === 'POST' && { body: '{}' }) });
      assert.equal(codeOf(answer), '403 forbidden', `${method} ${path}`);
    }
    assert.deepEqual(mock.requests.filter(({ method, path }) => method !== 'GET' || path !== `/session/${other}`), []);
  });

  relayed('sub-agents go with their parent', {}, async ({ url }) => {
    const mine = session();
    const child = mock.store.createSession({ parentID: mine }).id;
    const grandchild = mock.store.createSession({ parentID: child }).id;
    const answer = await raw(url, `/session/${grandchild}`, { headers: { 'x-sees': mine } });
    assert.deepEqual([answer.status, answer.body.id], [200, grandchild]);
    assert.equal(codeOf(await raw(url, `/session/${mine}`, { headers: { 'x-sees': child } })), '403 forbidden');
  });

  relayed('lists hold what somebody may see, and a page of them is full', {}, async ({ url }) => {
    const mine = Array.from({ length: 3 }, session);
    for (let n = 0; n < 30; n++) session();
    const sees = { 'x-sees': mine.join(' ') };
    const list = await raw(url, '/session?limit=3', { headers: sees });
    assert.deepEqual(list.body.map(({ id }) => id).sort(), [...mine].sort());
    assert.deepEqual([...new Set(mock.requests.map(({ path }) => path))], ['/session'], 'nothing is asked of each');
    mock.store.setStatus(mine[0], { type: 'busy' });
    const other = session();
    mock.store.setStatus(other, { type: 'busy' });
    assert.deepEqual(Object.keys((await raw(url, '/session/status', { headers: sees })).body), [mine[0]]);
    assert.ok(Object.keys((await raw(url, '/session/status')).body).includes(other), 'who sees all sees it');
  });

  relayed('a request of somebody else is not answered, whatever the path says', {}, async ({ url }) => {
    const [mine, other] = [session(), session()];
    const asked = (sessionID) => ({ id: `per_${sessionID}`, sessionID, permission: 'bash', patterns: [] });
    const off = mock.on('GET', '/permission', () => [asked(mine), asked(other)]);
    const answered = [];
    const offs = ['/permission/:id/reply', '/session/:session/permissions/:id'].map((path) => mock.on('POST', path, ({ params }) => {
      answered.push(params.id);
      return true;
    }));
    const sees = { 'x-sees': mine };
    assert.deepEqual((await raw(url, '/permission', { headers: sees })).body.map(({ sessionID }) => sessionID), [mine]);
    for (const path of [`/permission/per_${other}/reply`, `/session/${mine}/permissions/per_${other}`, '/permission/per_none/reply']) {
      assert.equal(codeOf(await post(url, path, { reply: 'once', response: 'once' }, { headers: sees })), '403 forbidden', path);
    }
    assert.equal((await post(url, `/permission/per_${mine}/reply`, { reply: 'once' }, { headers: sees })).status, 200);
    assert.deepEqual(answered, [`per_${mine}`]);
    for (const each of [off, ...offs]) each();
  });

  relayed('a request of another directory is answered, for this session alone', { directory: '/pinned' }, async ({ url }) => {
    const mine = session();
    const offs = [
      mock.on('GET', '/permission', ({ url: { searchParams } }) => (searchParams.get('directory') === '/pinned' ? [{ id: 'per_1', sessionID: mine, permission: 'bash', patterns: [] }] : [])),
      mock.on('POST', '/permission/:id/reply', () => true),
    ];
    const reply = (reply, headers) => post(url, '/permission/per_1/reply', { reply }, { headers });
    assert.equal((await reply('once', { 'x-sees': mine })).status, 200);
    // It would count for other people's sessions, too.
    assert.equal(codeOf(await reply('always', { 'x-sees': mine })), '400 bad_request');
    assert.equal((await reply('always', {})).status, 200);
    for (const off of offs) off();
  });

  relayed('a session is its maker\'s before they know of it, and gone when that fails', { onCreate: (user, { id }) => {
    if (user === 'bad') throw new Error('canary');
    made.push(id);
  }, onDelete: (_user, id) => void deleted.push(id) }, async ({ url }) => {
    const fine = await post(url, '/session', { title: 'x' });
    assert.deepEqual([fine.status, made], [200, [fine.body.id]]);
    const before = mock.store.sessions.size;
    const bad = await post(url, '/session', {}, { headers: { 'x-user': 'bad' } });
    assert.equal(codeOf(bad), '500 hook_failed');
    assert.equal(mock.store.sessions.size, before);
    assert.equal((await raw(url, `/session/${fine.body.id}`, { method: 'DELETE' })).status, 200);
    assert.deepEqual(deleted, [fine.body.id]);
  });
  const made = [];
  const deleted = [];
});

describe('what is passed on', () => {
  relayed('only routes of a chat, written plainly', { path: '' }, async ({ url }) => {
    const id = session();
    for (const [method, path] of [
      ['GET', '/config'], ['GET', '/file?path=/etc/passwd'], ['GET', '/find/file'], ['POST', '/pty'], ['PUT', '/auth/x'], ['GET', '/doc'], ['GET', '/'], ['POST', '/tui/append-prompt'],
      ['POST', `/session/${id}/shell`], ['POST', `/session/${id}/share`], ['POST', '/global/dispose'], ['POST', '/instance/dispose'], ['GET', '/api/session'],
      ['GET', '/session/..%2fconfig'], ['GET', '/session/%2e%2e/config'], ['GET', `/session/${id}%2f..%2f..%2fconfig`], ['GET', '/session/a.b'],
      ['GET', `/session/${id}/message/..`], ['PUT', `/session/${id}`], ['GET', '/session//message'], ['TRACE', '/session'],
    ]) {
      const answer = await raw(url, path, { method, headers: JSON_TYPE, ...(method !== 'GET' && method !== 'TRACE' && { body: '{}' }) });
      assert.equal(codeOf(answer), '403 route_denied', `${method} ${path}`);
    }
    assert.deepEqual(mock.requests.map(({ method, path }) => `${method} ${path}`), []);
    // An address that is whole is no address of ours.
    assert.equal(codeOf(await raw(url, 'http://evil.example/session')), '403 route_denied');
  });

  relayed('what is named is passed on, too', { allow: ['shell', 'share'] }, async ({ url }) => {
    const id = session();
    let ran = 0;
    const off = mock.on('POST', '/session/:id/shell', () => ({ ran: ++ran }));
    assert.deepEqual((await post(url, `/session/${id}/shell`, { command: 'ls' })).body, { ran: 1 });
    off();
  });

  relayed('a command runs no shell and reads no file by its arguments', {}, async ({ url }) => {
    const id = session();
    let ran = 0;
    const off = mock.on('POST', '/session/:id/command', () => ({ ran: ++ran }));
    const command = (words) => post(url, `/session/${id}/command`, { command: 'init', arguments: words });
    assert.equal(codeOf(await command('now !`touch /tmp/x`')), '400 bad_request');
    for (const words of ['@/etc/passwd', 'look at @../secret', '(@~/x)']) assert.equal(codeOf(await command(words)), '400 bad_file', words);
    assert.equal(ran, 0);
    assert.deepEqual((await command('mail a@b.c, "quoted" `code`')).body, { ran: 1 });
    const open = await startRelay({ upstream: mock.url, auth, allow: ['shell', 'files'] });
    assert.deepEqual((await post(open.url, `/session/${id}/command`, { command: 'init', arguments: '!`ls` @x' })).body, { ran: 2 });
    await open.close();
    off();
  });

  relayed('below a path, and below any', { path: '/api/opencode' }, async (stand) => {
    assert.equal((await raw(stand.url, '/api/opencode/session')).status, 200);
    assert.equal(codeOf(await raw(stand.url, '/session')), '403 route_denied');
    assert.equal(codeOf(await raw(stand.url, '/api/opencodex/session')), '403 route_denied');
    const any = await startRelay({ upstream: mock.url, auth });
    assert.equal((await raw(any.url, '/some/where/session')).status, 200);
    await any.close();
  });

  relayed('headers of a browser stay here, credentials of the relay there', {}, async ({ url }) => {
    const answer = await raw(url, '/session?limit=2&evil=1', { headers: { cookie: 'a=b', authorization: 'Bearer mine', 'x-forwarded-for': '1.2.3.4', 'x-opencode-directory': '/etc', 'x-user': 'ada' } });
    assert.equal(answer.status, 200);
    const [sent] = mock.requests;
    assert.equal(sent.headers.authorization, `Basic ${Buffer.from('opencode:upstream-secret').toString('base64')}`);
    for (const name of ['cookie', 'x-forwarded-for', 'x-opencode-directory', 'x-user', 'origin', 'referer']) assert.equal(sent.headers[name], undefined, name);
    assert.equal(sent.query.get('evil'), null);
    const off = mock.on('GET', '/agent', ({ reply }) => reply(200, [], { 'set-cookie': 'x=y', 'access-control-allow-origin': '*', server: 'secret', 'x-next-cursor': 'c' }));
    const { headers } = await raw(url, '/agent');
    off();
    assert.deepEqual([headers['set-cookie'], headers['access-control-allow-origin'], headers.server, headers['x-next-cursor']], [undefined, undefined, undefined, 'c']);
  });

  relayed('no redirect is followed', {}, async ({ url }) => {
    const off = mock.on('GET', '/agent', ({ reply }) => reply(302, undefined, { location: `${mock.url}/path` }));
    assert.equal(codeOf(await raw(url, '/agent')), '502 upstream_redirected');
    off();
    assert.ok(!mock.requests.some(({ path }) => path === '/path'));
  });

  relayed('directories are the relay\'s to choose', { directories: (user, directory) => user === 'ada' && directory === '/other' }, async ({ url }) => {
    assert.equal(codeOf(await raw(url, '/session?directory=/etc')), '403 directory_denied');
    assert.equal((await raw(url, '/session?directory=/other')).status, 200);
    assert.equal(mock.requests.at(-1).query.get('directory'), '/other');
    assert.equal((await raw(url, `/session?directory=${mock.directory}`)).status, 200, 'the server\'s own');
    const pinned = await startRelay({ upstream: mock.url, auth, directory: '/pinned' });
    await raw(pinned.url, '/session');
    assert.equal(mock.requests.at(-1).query.get('directory'), '/pinned');
    assert.equal(codeOf(await raw(pinned.url, `/session?directory=${mock.directory}`)), '403 directory_denied');
    await pinned.close();
  });

  relayed('bodies: JSON alone, small enough, and nothing beyond a chat', { limits: { body: 1_000 } }, async ({ url }) => {
    const id = session();
    const path = `/session/${id}/prompt_async`;
    const sent = (body, headers = JSON_TYPE) => raw(url, path, { method: 'POST', body, headers });
    assert.equal(codeOf(await sent('{"parts":[]}', { 'content-type': 'text/plain' })), '415 wrong_content_type');
    assert.equal(codeOf(await sent('{"parts":[]}', { 'content-type': 'application/x-www-form-urlencoded' })), '415 wrong_content_type');
    for (const bad of ['{', '[]', '"x"', 'null']) assert.equal(codeOf(await sent(bad)), '400 bad_request', bad);
    assert.equal(codeOf(await sent(JSON.stringify({ parts: [{ type: 'text', text: 'x'.repeat(2_000) }] }))), '413 too_large');
    assert.equal(codeOf(await sent(JSON.stringify({ parts: [{ type: 'text', text: 'x'.repeat(2_000) }] }), { ...JSON_TYPE, 'transfer-encoding': 'chunked' })), '413 too_large');
    assert.equal(codeOf(await post(url, path, { parts: [{ type: 'file', url: 'data:text/plain,x', mime: 'text/plain', source: { type: 'resource', uri: 'file:///etc/passwd' } }] })), '400 bad_file');
    for (const file of ['file:///etc/passwd', 'http://169.254.169.254/', 'https://a.example/x', 3]) {
      assert.equal(codeOf(await post(url, path, { parts: [{ type: 'file', url: file, mime: 'text/plain' }] })), '400 bad_file', String(file));
    }
    assert.equal(codeOf(await post(url, path, { parts: [], tools: { bash: true } })), '400 bad_request');
    assert.equal(codeOf(await post(url, '/session', { permission: [{ permission: 'bash', pattern: '*', action: 'allow' }] })), '400 bad_request');
    assert.equal(codeOf(await post(url, path, JSON.parse(`${'{"a":'.repeat(80)}1${'}'.repeat(80)}`))), '400 bad_request');
    assert.equal(mock.requests.filter(({ method }) => method === 'POST').length, 0);
    assert.equal((await post(url, path, { parts: [{ type: 'file', url: 'data:text/plain;base64,eA==', mime: 'text/plain' }] })).status < 300, true);
  });

  relayed('keys of providers stay with the server', {}, async ({ url }) => {
    const off = mock.on('GET', '/config/providers', () => ({ providers: [{ id: 'p', name: 'P', key: 'canary', options: { apiKey: 'canary' }, env: ['CANARY'], models: { m: { id: 'm', name: 'M', headers: { authorization: 'canary' }, options: { k: 'canary' }, limit: { context: 1 } } } }], default: { p: 'm' } }));
    const { body } = await raw(url, '/config/providers');
    off();
    assert.ok(!JSON.stringify(body).toLowerCase().includes('canary'));
    assert.deepEqual(body, { providers: [{ id: 'p', name: 'P', models: { m: { id: 'm', name: 'M', limit: { context: 1 } } } }], default: { p: 'm' } });
  });

  relayed('answers have a bound, and a server that is away, refuses or stands still is told apart', { limits: { answer: 10_000, requestTimeout: 300 } }, async ({ url }) => {
    const agent = async (handler) => {
      const off = mock.on('GET', '/session/status', handler);
      const answer = await raw(url, '/session/status');
      off();
      return codeOf(answer);
    };
    assert.equal(await agent(() => ({ a: 'x'.repeat(20_000) })), '502 upstream_too_large');
    assert.equal(await agent(({ reply }) => reply(401, {})), '502 upstream_refused');
    assert.equal(await agent(({ drop }) => drop()), '502 upstream_unreached');
    assert.equal(await agent(() => new Promise(() => undefined)), '504 upstream_timeout');
    assert.equal(await agent(({ reply }) => reply(200, 'no json', JSON_TYPE)), '502 upstream_unreached');
  });
});

describe('who sends it', () => {
  const cases = (host) => [
    [{}, true],
    [{ 'sec-fetch-site': 'same-origin' }, true],
    [{ 'sec-fetch-site': 'none' }, true],
    [{ 'sec-fetch-site': 'cross-site' }, false],
    [{ 'sec-fetch-site': 'same-site' }, false],
    [{ 'sec-fetch-site': 'cross-site', origin: 'https://trusted.example' }, true],
    [{ origin: `http://${host}` }, true],
    [{ origin: 'http://evil.example' }, false],
    [{ origin: 'null' }, false],
    [{ origin: 'https://trusted.example' }, true],
    [{ origin: 'https://trusted.example.evil.example' }, false],
    [{ origin: 'http://front.example', 'x-forwarded-host': 'front.example' }, false],
  ];
  relayed('pages of other sites are refused, for streams and reading, too', { trustedOrigins: ['https://trusted.example'] }, async ({ url, host }) => {
    for (const [headers, isFine] of cases(host)) {
      for (const path of ['/session', '/session/ses_x/message', '/path']) {
        const answer = await raw(url, path, { headers });
        assert.equal(codeOf(answer) !== '403 cross_site', isFine, `${path} ${JSON.stringify(headers)}`);
      }
      const { status, close } = await read(url, { headers: { 'x-user': 'x', ...headers } }).catch(() => ({ status: 0, close: () => undefined }));
      close();
      if (headers.origin === undefined && headers['sec-fetch-site'] === undefined) assert.equal(status, 200);
    }
    const trusted = await raw(url, '/session', { headers: { origin: 'https://trusted.example' } });
    assert.equal(trusted.headers['access-control-allow-origin'], 'https://trusted.example');
    for (const headers of [{}, { origin: `http://${host}` }]) assert.equal((await raw(url, '/session', { headers })).headers['access-control-allow-origin'], undefined);
    const asked = await raw(url, '/session', { method: 'OPTIONS', headers: { origin: 'https://trusted.example', 'access-control-request-method': 'POST' } });
    assert.deepEqual([asked.status, asked.headers['access-control-allow-origin']], [204, 'https://trusted.example']);
  });

  relayed('behind a proxy that says so, its host counts', { trustProxy: true }, async ({ url }) => {
    const headers = { origin: 'http://front.example', 'x-forwarded-host': 'front.example' };
    assert.equal((await raw(url, '/session', { headers })).status, 200);
  });
});

describe('the stream', () => {
  relayed('begins at once, for any number of readers on one upstream stream', {}, async ({ url }) => {
    const readers = await Promise.all(Array.from({ length: 20 }, (_, n) => read(url, { headers: { 'x-user': `user ${n}` } })));
    for (const reader of readers) await reader.live();
    assert.deepEqual(
      ['content-type', 'cache-control', 'x-accel-buffering'].map((name) => readers[0].headers.get(name)),
      ['text/event-stream', 'no-cache, no-transform', 'no'],
    );
    assert.ok(readers[0].bytes > 1_024);
    assert.equal(mock.streams, 1);
    const id = session();
    await mock.answer(id, ['one ', 'two ', 'three ']);
    for (const reader of readers) {
      await reader.until((frames) => frames.some(({ type }) => type === 'session.idle' || type === 'session.status'), 'the end');
      await waitFor(() => reader.text() === 'one two three ', { message: 'the text' });
      reader.close();
    }
  });

  relayed('who comes in the middle gets all of it, who comes back what they missed', {}, async ({ url }) => {
    const id = session();
    const first = await read(url);
    await first.live();
    const { store } = mock;
    store.setStatus(id, { type: 'busy' });
    const message = store.assistant(id);
    const part = store.begin(message, 'text');
    store.delta(part, 'one ');
    store.delta(part, 'two ');
    await waitFor(() => first.text() === 'one two ', { message: 'the beginning' });
    const second = await read(url, { headers: { 'x-user': 'second' } });
    await waitFor(() => second.text() === 'one two ', { message: 'the beginning, for the second device' });
    assert.equal(second.frames[0].properties.continuity, 'kept');
    first.close();
    store.delta(part, 'three ');
    await waitFor(() => second.text() === 'one two three ', { message: 'more' });
    const again = await read(url, { headers: { 'last-event-id': first.position } });
    await again.live();
    assert.equal(again.frames[0].properties.continuity, 'kept');
    assert.deepEqual(again.frames.filter(({ type }) => type === 'message.part.delta').map(({ properties }) => properties.delta), ['three ']);
    const strange = await read(url, { headers: { 'last-event-id': '99999999999999-4', 'x-user': 'strange' } });
    await strange.live();
    assert.equal(strange.frames[0].properties.continuity, 'lost');
    assert.equal(strange.text(), 'one two three ');
    store.end(part);
    for (const each of [second, again, strange]) each.close();
  });

  relayed('tells somebody of their sessions alone', {}, async ({ url }) => {
    const [mine, other] = [session(), session()];
    const reader = await read(url, { headers: { 'x-sees': mine } });
    const all = await read(url, { headers: { 'x-user': 'all' } });
    await reader.live();
    await all.live();
    await mock.answer(other, ['secret ']);
    await mock.answer(mine, ['mine ']);
    await waitFor(() => all.text() === 'secret mine ', { message: 'all' });
    await waitFor(() => reader.text() === 'mine ', { message: 'mine' });
    assert.ok(!JSON.stringify(reader.frames).includes(other));
    for (const each of [reader, all]) each.close();
  });

  relayed('begins anew for a user who may see something else now', {}, async ({ url, relay }) => {
    const reader = await read(url);
    const other = await read(url, { headers: { 'x-user': 'other' } });
    await reader.live();
    await other.live();
    relay.forget('ada');
    await waitFor(() => reader.isOver, { message: 'the end' });
    assert.equal(other.isOver, false);
    other.close();
  });

  relayed('counts streams of a user, and of all', { limits: { readersPerUser: 2, readers: 3 } }, async ({ url }) => {
    const open = [await read(url), await read(url)];
    for (const each of open) await each.live();
    const third = await raw(url, '/event');
    assert.deepEqual([codeOf(third), third.headers['retry-after']], ['429 too_many_readers', '5']);
    open.push(await read(url, { headers: { 'x-user': 'bob' } }));
    await open[2].live();
    assert.equal(codeOf(await raw(url, '/event', { headers: { 'x-user': 'eve' } })), '503 full');
    open[0].close();
    await waitFor(async () => {
      const next = await read(url, { headers: { 'x-user': 'eve' } });
      open.push(next);
      return next.status === 200;
    }, { message: 'a place that was given back' });
    for (const each of open) each.close();
  });

  relayed('lets go of the server when the last reader went', { limits: { linger: 50, patience: 100 } }, async ({ url }) => {
    for (let n = 0; n < 30; n++) {
      const reader = await read(url);
      await reader.live();
      reader.close();
    }
    await waitFor(() => mock.streams === 0, { message: 'the upstream stream to be let go' });
    const reader = await read(url);
    await reader.live();
    assert.equal(mock.streams, 1);
    reader.close();
  });

  relayed('a slow reader gets what it missed, and nobody waits for it', { limits: { flush: 1, chunk: 1_000_000 } }, async ({ url }) => {
    const { connect } = await import('node:net');
    const { hostname, port } = new URL(url);
    const slow = connect(Number(port), hostname);
    slow.write('GET /event HTTP/1.1\r\nhost: x\r\nx-user: slow\r\n\r\n');
    await new Promise((resolve) => slow.once('data', resolve));
    slow.pause();
    const fast = await read(url);
    await fast.live();
    const id = session();
    const { store } = mock;
    const message = store.assistant(id);
    const part = store.begin(message, 'text');
    const piece = 'x'.repeat(100_000);
    for (let n = 0; n < 200; n++) {
      store.delta(part, piece);
      await sleep(0);
    }
    await waitFor(() => fast.text().length === 200 * piece.length, { message: 'the fast reader' });
    let got = 0;
    slow.on('data', (bytes) => {
      for (const byte of bytes) if (byte === 120) got += 1;
    });
    slow.resume();
    await waitFor(() => got >= 200 * piece.length, { message: 'what the slow one missed' });
    slow.destroy();
    fast.close();
  });

  relayed('a server that is away ends nobody at once, and is found again', { limits: { grace: 200 } }, async ({ url }) => {
    const off = mock.on('GET', '/global/event', ({ drop }) => drop());
    const reader = await read(url);
    assert.equal(reader.status, 200);
    await waitFor(() => reader.isOver, { message: 'the end of the wait' });
    off();
    await waitFor(async () => {
      const next = await read(url);
      const isLive = () => next.frames.some(({ type }) => type === 'replay.live');
      await waitFor(() => next.isOver || isLive(), { message: 'a stream, or its end' });
      next.close();
      return isLive();
    }, { message: 'a stream that is live' });
  });

  relayed('another relay of the same server goes on, with credentials that are right', {}, async ({ url, relay }) => {
    const wrong = await startRelay({ upstream: mock.url, auth: { type: 'basic', password: 'wrong' } });
    const early = await read(wrong.url);
    const reader = await read(url);
    await reader.live();
    await wrong.close();
    assert.equal(reader.isOver, false, 'it is not that one\'s to end');
    early.close();
    reader.close();
    relay.forget('ada');
  });

  relayed('no end is left when the relay drains', {}, async ({ url, relay }) => {
    const reader = await read(url);
    await reader.live();
    await relay.drain();
    await waitFor(() => reader.isOver, { message: 'the end' });
    assert.equal(mock.streams, 0);
    // Whoever comes again goes to another instance.
    for (const path of ['/session', '/event']) assert.equal(codeOf(await raw(url, path)), '503 full');
  });
});
