// The log: its codes are those of the documentation, and what matters is in it.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import { ROOT } from '../package/consumer.mjs';
import { startMock } from '../support/mock.mjs';
import { waitFor } from '../support/wait.mjs';

const { createClient } = await import(new URL('../../dist/node.js', import.meta.url).href);
const read = (file) => readFileSync(`${ROOT}/${file}`, 'utf8');

describe('the log', () => {
  /** @type {import('../support/mock.mjs').Mock} */
  let mock;
  let client;
  let logs;
  before(async () => {
    mock = await startMock();
  });
  after(() => mock.close());
  afterEach(() => client?.close());

  async function open(options = {}) {
    logs = [];
    client = await createClient({ baseUrl: mock.url, retry: { min: 20, max: 40 }, onLog: (entry) => logs.push(entry), ...options });
    return client;
  }
  const has = (code) => waitFor(() => logs.find((entry) => entry.code === code), { message: () => `${code} among ${logs.map((entry) => entry.code)}` });

  test('tells each change of the connection once, with cause and wait', async () => {
    await open();
    const session = await client.createSession();
    await session.ready;
    await waitFor(() => session.state.connection.phase === 'live', { message: 'live' });
    mock.dropStreams();
    await waitFor(() => logs.filter(({ connection }) => connection?.phase === 'live').length === 2, { message: 'live again' });
    assert.deepEqual(logs.map(({ code, level, connection }) => [code, level, connection.phase]), [
      ['connection', 'info', 'connecting'], ['connection', 'info', 'syncing'], ['connection', 'info', 'live'],
      ['connection', 'warn', 'waiting'], ['connection', 'info', 'connecting'], ['connection', 'info', 'syncing'], ['connection', 'info', 'live'],
    ]);
    const { connection, message, time } = logs[3];
    assert.equal(connection.error.code, 'unreachable');
    assert.equal(connection.error.name, 'SessionError');
    assert.ok(connection.retryAt >= time - 5 && connection.attempt === 1);
    assert.equal(message, 'waiting (event): The server cannot be reached.');
    client.close();
    assert.equal(logs.length, 7);
  });

  test('tells of a fallback', async (t) => {
    const off = ['/event', '/global/event'].map((path) => mock.on('GET', path, ({ reply }) => reply(200, '<p>no</p>', { 'content-type': 'text/html' })));
    t.after(() => {
      for (const each of off) each();
    });
    await open();
    client.openSession((await client.sessions.create()).id);
    const entry = await waitFor(() => logs.find(({ connection }) => connection?.phase === 'polling'), { message: 'polling' });
    assert.equal(entry.connection.fallback.code, 'html_response');
    assert.match(entry.message, /^polling \(poll\): A web page answered/);
  });

  test('tells of a prompt whose answer was lost, and that it is sent again', async () => {
    await open();
    const session = await client.createSession();
    await session.ready;
    mock.onNext(1, 'POST', '/session/:id/prompt_async', ({ drop }) => drop());
    await session.send('once').stored;
    assert.equal((await has('prompt_unclear')).message, 'The server cannot be reached.');
    assert.equal((await has('prompt_again')).level, 'warn');
  });

  test('tells of a prompt and a session that were refused', async () => {
    await open();
    const session = await client.createSession();
    await session.ready;
    mock.onNext(1, 'POST', '/session/:id/prompt_async', ({ reply }) => reply(400, { message: 'not like this' }));
    await assert.rejects(session.send('x').stored, { code: 'bad_request' });
    assert.equal((await has('bad_request')).message, 'not like this');
    await assert.rejects(client.openSession('ses_none').ready, { code: 'session_not_found' });
    assert.equal((await has('session_not_found')).level, 'warn');
  });

  test('tells of a history that is refused, of broken events, and of a listener that throws', async () => {
    await open({ limits: { event: 4_000 } });
    mock.onNext(1, 'GET', '/session/:id/message', ({ reply }) => reply(503, { message: 'not now' }));
    const session = await client.createSession();
    await session.ready;
    assert.equal((await has('server_error')).message, 'not now');
    await waitFor(() => session.state.connection.phase === 'live', { message: 'live' });
    mock.emitRaw('data: {"type":"message.updated","properties":\n\n');
    await has('bad_event');
    mock.emit({ type: 'session.updated', properties: { sessionID: session.id, info: { id: session.id, long: 'x'.repeat(9_000) } } });
    await has('event_too_large');
    const { reportError } = globalThis;
    globalThis.reportError = () => undefined;
    session.subscribe(() => {
      throw new Error('mine');
    });
    session.send('y');
    const entry = await has('listener_failed');
    globalThis.reportError = reportError;
    assert.deepEqual([entry.level, entry.sessionID], ['error', session.id]);
  });
});

test('all codes of the log are in the documentation, and no others', () => {
  const files = (folder, end) => readdirSync(`${ROOT}/${folder}`, { recursive: true }).map(String).filter((name) => name.endsWith(end)).map((name) => read(`${folder}/${name}`));
  const rust = files('src/proto', '.rs').flatMap((text) => [...text.matchAll(/\.(?:warn|log)\(\s*(?:1 \+ [^"]*?, )?"(\w+)"/g)].map(([, code]) => code));
  const script = files('src/js', '.ts').flatMap((text) => [...text.matchAll(/log\(\d, '(\w+)'/g)].map(([, code]) => code));
  const section = /## Log entries([\s\S]*?)\n## /.exec(read('docs/observability.md'))[1];
  const documented = section.split('\n').filter((line) => line.startsWith('| `')).flatMap((line) => [...line.split('|')[1].matchAll(/`(\w+)`/g)].map(([, code]) => code));
  // What an event or a session dies of is logged with the error's own code.
  const errors = new Set([...read('docs/errors.md').matchAll(/^\| `(\w+)`/gm)].map(([, code]) => code));
  const used = new Set([...rust, ...script]);
  assert.deepEqual([...used].filter((code) => !documented.includes(code)), []);
  assert.deepEqual(documented.filter((code) => !used.has(code) && !errors.has(code)), []);
  assert.ok(used.has('connection') && used.has('journal_failed') && used.size > 12, [...used].join());
});
