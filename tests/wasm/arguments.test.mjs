// Every public method with arguments of all kinds: what goes wrong is a SessionError, promises do not throw at once, no request
// leaves its place, and nothing is left unhandled.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createClient, SessionError } from '../../dist/node.js';
import { Mock } from '../support/mock.mjs';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';

const circular = {};
circular.self = circular;
const throwing = { toString() { throw new RangeError('from toString'); }, toJSON() { throw new RangeError('from toJSON'); } };
const ODD = [
  undefined, null, true, 0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e300, 5n, '', ' ', '.', '..', '../..', 'a/b', '%2e%2e', '..%2f', '\\', '\ud800', 'a\r\nb',
  'x'.repeat(2_000), Symbol('s'), () => undefined, [], [null], {}, { id: 5 }, circular, throwing, new Date(Number.NaN), new Map(), Object.create(null), { text: 5n }, { limit: 5n }, { parts: 5 }, { parts: [null] },
];
/** Methods that give no promise. */
const AT_ONCE = ['openSession', 'close', 'subscribe', 'getSnapshot', 'changes', 'send', 'discard', 'child', 'reconnect'];

/** @param {object} own */
const methods = (own) => Object.getOwnPropertyNames(own).filter((name) => typeof own[name] === 'function' && !['close', 'constructor', 'signOut'].includes(name));

/** Calls with each odd value in each place. @param {object} own @param {string} name @param {string[]} wrong */
async function torment(own, name, wrong) {
  const calls = ODD.flatMap((odd) => [[odd], ['ses_1', odd], [odd, odd], ['ses_1', 'x', odd]]);
  await Promise.all(calls.map(async (args) => {
    let given;
    const said = () => `${name}(${args.map((arg) => { try { return String(arg).slice(0, 20); } catch { return 'throwing'; } }).join(', ')})`;
    try {
      given = own[name](...args);
      if (!AT_ONCE.includes(name) && !(given instanceof Promise)) wrong.push(`${said()} gives no promise`);
      if (name === 'openSession') given.close();
      if (name === 'send') await given.stored;
      // What waits for events or answers for ever is fine; nothing here does.
      const value = await given;
      if (name === 'createSession') value.close();
    } catch (error) {
      if (!(error instanceof SessionError)) wrong.push(`${said()}: ${error}`);
      else if (given === undefined && !AT_ONCE.includes(name)) wrong.push(`${said()} throws at once`);
    }
  }));
}

describe('arguments of all kinds', () => {
  /** @type {{ method: string, url: string }[]} */
  let asked = [];
  /** @type {unknown[]} */
  let unhandled = [];
  const server = createServer((req, res) => {
    asked.push({ method: req.method ?? '', url: req.url ?? '' });
    const path = new URL(req.url ?? '', 'http://x').pathname;
    req.resume();
    if (path.endsWith('/event')) {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: {"type":"server.connected","properties":{}}\n\n');
      return;
    }
    const answers = { '/base/global/health': { healthy: true, version: '1.18.33' }, '/base/path': { directory: '/p' }, '/base/session/status': {}, '/base/config/providers': { providers: [], default: {} } };
    const one = { id: 'ses_1', title: 't', directory: '/p', time: { created: 1, updated: 1 } };
    const many = /\/(message|permission|question|todo|diff|children|agent|command|session)$/.test(path);
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answers[path] ?? (many && req.method === 'GET' ? [] : one)));
  });
  let url = '';
  const note = (error) => unhandled.push(error);
  before(async () => {
    url = `http://${LOOPBACK}:${await listen(server)}/base`;
    process.on('unhandledRejection', note);
  });
  after(async () => {
    process.off('unhandledRejection', note);
    await shut(server);
  });
  beforeEach(() => {
    asked = [];
    unhandled = [];
  });

  const stays = () => {
    for (const { method, url: at } of asked) {
      assert.match(at, /^\/base\/[a-z]/, `${method} ${at}`);
      assert.doesNotMatch(at.split('?')[0] ?? '', /\/(\/|$)/, `${method} ${at}`);
      assert.doesNotMatch(`${method} ${at}`, /^(PATCH|DELETE) \/base\/session$/, 'all sessions');
    }
    assert.deepEqual(unhandled, []);
  };

  test('of a client and its sessions', async () => {
    const client = await createClient({ baseUrl: url });
    const wrong = [];
    assert.ok(methods(client).length > 7 && methods(client.sessions).length > 7);
    for (const name of methods(client)) await torment(client, name, wrong);
    for (const name of methods(client.sessions)) await torment(client.sessions, name, wrong);
    assert.deepEqual(wrong.slice(0, 20), []);
    client.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    stays();
  });

  test('of a live list', async () => {
    const client = await createClient({ baseUrl: url });
    const wrong = [];
    const list = await client.sessions.live();
    for (const name of methods(list)) await torment(list, name, wrong);
    assert.deepEqual(wrong.slice(0, 20), []);
    client.close();
    stays();
  });

  test('of an open session', async () => {
    const client = await createClient({ baseUrl: url, limits: { outbox: 1 } });
    const session = client.openSession('ses_1');
    await session.ready;
    const wrong = [];
    const names = methods(session).filter((name) => !['command', 'shell', 'summarize', 'settled', 'send'].includes(name));
    assert.ok(names.length > 15);
    for (const name of names) await torment(session, name, wrong);
    assert.deepEqual(wrong.slice(0, 20), []);
    client.close();
    stays();
  });

  test('of prompts and commands, whose turns never end', async () => {
    const mock = await new Mock().start();
    mock.on('POST', '/session/:id/prompt_async', ({ reply }) => reply(500, {}));
    mock.on('POST', '/session/:id/command', ({ reply }) => reply(400, {}));
    mock.on('POST', '/session/:id/shell', ({ reply }) => reply(400, {}));
    mock.on('POST', '/session/:id/summarize', ({ reply }) => reply(400, {}));
    const { id } = mock.store.createSession({});
    const client = await createClient({ baseUrl: mock.url });
    const session = client.openSession(id);
    await session.ready;
    const odd = [];
    for (const value of ODD) {
      for (const args of [[value], ['x', value], ['x', 'y', value]]) {
        for (const name of ['command', 'shell', 'summarize']) {
          const call = session[name](...args);
          assert.ok(call instanceof Promise);
          odd.push(call);
        }
        const sent = session.send(...args);
        odd.push(sent.stored, sent.done);
      }
    }
    const all = Promise.allSettled(odd);
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.close();
    for (const result of await all) if (result.status === 'rejected') assert.ok(result.reason instanceof SessionError, String(result.reason));
    await mock.close();
    stays();
  });

  test('of createClient', async () => {
    for (const odd of ODD) {
      for (const options of [odd, { baseUrl: odd }, ...['directory', 'auth', 'transport', 'journal', 'fetch', 'retry', 'limits', 'onLog', 'record'].map((name) => ({ baseUrl: url, [name]: odd }))]) {
        let made;
        try {
          made = await createClient(options);
        } catch (error) {
          assert.ok(error instanceof SessionError, `${String(error)} of ${Object.keys(options ?? {})}`);
        }
        made?.close();
      }
    }
    stays();
  });

  test('ids that are no piece of a path are refused before anything is asked', async () => {
    const client = await createClient({ baseUrl: url });
    const session = client.openSession('ses_1');
    await session.ready;
    for (const id of ['..', '.', '', 'a/b', '\ud800']) {
      asked = [];
      for (const call of [
        () => client.sessions.remove(id), () => client.sessions.rename(id, 'x'), () => client.sessions.get(id), () => client.sessions.archive(id), () => client.sessions.children(id),
        () => session.answerQuestion(id, []), () => session.rejectQuestion(id), () => session.replyPermission(id, 'once'), () => session.replyPermission(id, 'once', 'no'),
      ]) await assert.rejects(call(), { name: 'SessionError', code: 'bad_option' });
      assert.deepEqual(asked, []);
    }
    client.close();
  });

  test('credentials that no header can carry are auth_failed, not a network that is broken', async () => {
    for (const auth of [{ type: 'bearer', token: 'a\r\nb' }, { type: 'bearer', token: '\u2603' }, { type: 'header', name: 'a b', value: 'x' }, { type: 'header', name: '', value: 'x' }, { type: 'header', name: 'x', value: 'a\nb' }, { type: 'basic', username: 'a:b', password: 'x' }]) {
      await assert.rejects(createClient({ baseUrl: url, auth }), { code: 'bad_option' });
      const client = await createClient({ baseUrl: url, auth: () => auth });
      asked = [];
      await assert.rejects(client.health(), { name: 'SessionError', code: 'auth_failed' });
      assert.deepEqual(asked, []);
      client.close();
    }
  });

  test('a receiver of the log that fails later harms nothing', async () => {
    let told = 0;
    const client = await createClient({ baseUrl: url, onLog: async () => { told += 1; throw new Error('from onLog'); } });
    await client.openSession('ses_1').ready;
    await waitFor(() => told > 0);
    client.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(unhandled, []);
  });
});

describe('answers of all kinds', () => {
  const ANSWERS = ['null', '5', '"x"', '[]', '{}', '[null]', '[5]', '[{}]', '{"id":5}', '{"providers":5}', '{"providers":null}', '{"providers":[null]}', '{"providers":[{"id":"p","models":null}]}', '{"providers":[{"id":"p","models":{"m":null}}]}', '{"providers":[{"models":5}],"default":null}', '{"__proto__":{"x":1}}', '{"providers":[{"id":{"toString":1},"models":{"m":{}}}],"default":"x"}'];

  test('are taken, or bad_response', async () => {
    const mock = await new Mock().start();
    const { id } = mock.store.createSession({});
    let body = '';
    for (const path of ['/global/health', '/config/providers', '/agent', '/command', '/session', '/session/:id', '/session/:id/children', '/session/:id/todo', '/session/:id/diff', '/session/:id/fork', '/session/:id/share', '/session/:id/revert']) {
      mock.on('*', path, ({ res, next }) => (body === '' ? next() : void res.writeHead(200, { 'content-type': 'application/json' }).end(body)));
    }
    const client = await createClient({ baseUrl: mock.url });
    const session = client.openSession(id);
    await session.ready;
    for (body of ANSWERS) {
      const calls = {
        health: client.health(), providers: client.providers(), models: client.models(), agents: client.agents(), commands: client.commands(), list: client.sessions.list(), get: client.sessions.get(id),
        create: client.sessions.create(), createSession: client.createSession(), children: client.sessions.children(id), todo: session.todo(), diff: session.diff(), fork: session.fork(), share: session.share(), unrevert: session.unrevert(),
      };
      await Promise.allSettled(Object.values(calls));
      for (const [name, call] of Object.entries(calls)) {
        const value = await call.catch((error) => {
          assert.ok(error instanceof SessionError, `${name} of ${body}: ${error}`);
          assert.notEqual(error.code, 'bad_option', `${name} of ${body}`);
        });
        if (value !== undefined && ['models', 'agents', 'commands', 'list', 'children', 'todo', 'diff'].includes(name)) assert.ok(Array.isArray(value), `${name} of ${body}`);
      }
    }
    client.close();
    await mock.close();
  });
});
