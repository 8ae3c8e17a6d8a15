// What a page is to show, and options that mean nothing.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { createClient, SessionError } from '../../dist/node.js';
import { diagnose } from '../../dist/doctor-node.js';
import { replay } from '../../dist/recorder-node.js';
import { problemOf, sentenceOf, SENTENCES, waitOf } from '../../dist/problem.js';
import { waitFor } from '../support/wait.mjs';
import { closeAll, frame, handled, play } from './play.mjs';

afterEach(closeAll);
const baseUrl = 'http://model.test';
const LIVE = { phase: 'live', source: 'event', attempt: 0 };
const IDLE = { type: 'idle' };
const error = (code, retryable = true) => new SessionError({ code, message: `${code}!`, hint: 'h', retryable });

for (const [options, name, near] of [
  [{ keepr: true }, 'keepr', 'keeper'],
  [{ baseURL: 'x' }, 'baseURL', 'baseUrl'],
  [{ journel: 'off' }, 'journel', 'journal'],
  [{ limits: { outbx: 1 } }, 'outbx', 'outbox'],
  [{ limits: { requestTimout: 1 } }, 'requestTimout', 'requestTimeout'],
  [{ retry: { maks: 1 } }, 'maks', undefined],
  [{ colour: 'red' }, 'colour', undefined],
]) {
  test(`the option ${name} is refused${near ? `, and ${near} named` : ''}`, async () => {
    const told = await createClient({ baseUrl, ...options }).catch((reason) => reason);
    assert.equal(told.code, 'bad_option');
    assert.ok(told.message.includes(`"${name}"`), told.message);
    if (near) assert.deepEqual([told.near.includes(near), told.hint.startsWith('Did you mean') && told.hint.includes(near)], [true, true]);
    else assert.match(told.hint, /^There are /);
  });
}

test('an option that is undefined is none', async () => {
  (await createClient({ baseUrl, keepr: undefined })).close();
});

test('unknown options of a session and of a prompt', async () => {
  const { client, session } = await play('ses_1');
  assert.throws(() => client.openSession('ses_2', { limits: 5 }), { code: 'bad_option', hint: 'Did you mean limit?' });
  const { stored, done } = session.send('Hello', { modle: 'a/b' });
  await assert.rejects(stored, { code: 'bad_option', hint: 'Did you mean model?' });
  await assert.rejects(done, { code: 'bad_option' });
  assert.equal(session.state.messages.length, 0);
  await assert.rejects(session.send({ txt: 'Hello' }).stored, { code: 'bad_option', hint: 'Did you mean text?' });
});

test('unknown options of every other method, before anything is asked', async () => {
  const { client, session } = await play('ses_1', { client: { record: true } });
  const recording = await client.record();
  for (const [ask, hint] of [
    [() => client.createSession({ titel: 'x' }), 'Did you mean title?'],
    [() => client.sessions.create({ parentId: 'x' }), 'Did you mean parentID?'],
    [() => client.sessions.list({ serch: 'x' }), 'Did you mean search?'],
    [() => client.sessions.live({ limits: 3 }), 'Did you mean limit?'],
    [() => session.command('review', '', { modle: 'a/b' }), 'Did you mean model?'],
    [() => session.shell('ls', { agnet: 'build' }), 'Did you mean agent?'],
    [() => recording.file({ txt: 'mask' }), 'Did you mean text?'],
    [() => createClient({ baseUrl, record: { limits: 3 } }), 'Did you mean limit?'],
    [() => createClient({ baseUrl, auth: { type: 'basic', user: 'u', password: 'p' } }), /^There are |^Did you mean/],
    [() => diagnose({ baseUrl, modle: 'a/b' }), 'Did you mean model?'],
    [() => replay('', { untill: 3 }), 'Did you mean until?'],
  ]) {
    await assert.rejects(async () => ask(), { code: 'bad_option', hint }, String(ask));
  }
});

test('undefined ones are none', async () => {
  const { client } = await play('ses_1', { answers: [[/^\/session$/, () => new Response('[]', { headers: { 'content-type': 'application/json' } })]] });
  assert.deepEqual(await client.sessions.list({ serch: undefined }), []);
});

for (const auth of ['secret', {}, { type: 'Bearer', token: 't' }, { type: 'basic' }, { type: 'header', value: 3 }]) {
  test(`auth: ${JSON.stringify(auth)} is told the shapes that there are, and is not repeated`, async () => {
    const told = await createClient({ baseUrl, auth }).catch((reason) => reason);
    assert.equal(told.code, 'bad_option');
    for (const shape of ['{ type: "basic", username, password }', '{ type: "bearer", token }', '{ type: "header", name, value }', 'function']) {
      assert.ok(told.hint.includes(shape), shape);
    }
    assert.ok(!`${told.message}${told.hint}`.includes('secret'));
  });
}

test('no problem, none shown', () => {
  assert.equal(problemOf({ connection: LIVE, status: IDLE }), undefined);
  assert.equal(problemOf({ connection: LIVE, status: { type: 'error', error: error('aborted', false) } }), undefined);
});

test('one problem that stands in three places is told once, as what it is', () => {
  const same = error('unauthorized', false);
  const told = problemOf({ connection: { ...LIVE, phase: 'closed', error: same }, error: same, status: { type: 'error', error: same } });
  assert.deepEqual(told, { kind: 'connection', error: same, worthShowing: true, sentence: SENTENCES.unauthorized });
});

test('one lost try is not worth showing; what lasts is', () => {
  const connection = { ...LIVE, phase: 'waiting', error: error('unreachable') };
  assert.equal(problemOf({ connection: { ...connection, attempt: 1 }, status: IDLE }).worthShowing, false);
  assert.equal(problemOf({ connection: { ...connection, attempt: 2 }, status: IDLE }).worthShowing, true);
  assert.equal(problemOf({ connection: { ...connection, phase: 'offline' }, status: IDLE }).worthShowing, true);
  assert.equal(problemOf({ connection: { ...connection, phase: 'live' }, status: IDLE }), undefined);
});

test('what is lost of the session, and a turn that failed', () => {
  assert.equal(problemOf({ connection: LIVE, error: error('incomplete'), status: IDLE }).kind, 'session');
  const turn = problemOf({ connection: LIVE, status: { type: 'error', error: error('turn_failed') } });
  assert.deepEqual([turn.kind, turn.sentence, turn.worthShowing], ['turn', SENTENCES.turn_failed, true]);
});

test('a code that is not known yet says what the error says', () => {
  assert.equal(sentenceOf(error('brand_new')), 'brand_new!');
  assert.equal(sentenceOf(error('constructor')), 'constructor!');
});

test('of a real session: a deleted one', async () => {
  const { session, event } = await play('ses_1');
  event({ id: 'evt_1', type: 'session.deleted', properties: { sessionID: 'ses_1', info: { id: 'ses_1' } } });
  while (problemOf(session.state) === undefined) await handled();
  assert.equal(problemOf(session.state).error.code, 'session_not_found');
  assert.equal(problemOf(session.state).worthShowing, true);
});

/** A promise that is fulfilled from outside. */
function gate() {
  let open = () => undefined;
  const passed = new Promise((resolve) => { open = resolve; });
  return { passed, open };
}

/** What each message waits for, once that is `wanted`. */
async function waits(session, wanted) {
  const kinds = () => session.state.messages.map((message) => waitOf(session.state, message)?.kind);
  await waitFor(() => isDeepStrictEqual(kinds(), wanted), { message: () => `${JSON.stringify(kinds())} is ${JSON.stringify(wanted)}` });
}

test('the first prompts of a page say what they wait for: the server, the history, each other, the answer', async () => {
  const [server, history, posts] = [gate(), gate(), gate()];
  const json = (value) => new Response(JSON.stringify(value), { headers: { 'content-type': 'application/json' } });
  let told = () => undefined;
  const posted = [];
  const client = await createClient({
    baseUrl,
    fetch: async (url, init) => {
      await server.passed;
      const path = new URL(url).pathname;
      if (path === '/event') {
        const body = new ReadableStream({ start: (made) => { told = (value) => made.enqueue(frame(value)); } });
        told({ id: 'evt_0', type: 'server.connected', properties: {} });
        return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
      }
      if (path.endsWith('/message')) {
        await history.passed;
        return json([]);
      }
      if (init.method === 'POST') {
        posted.push(JSON.parse(init.body instanceof Uint8Array ? new TextDecoder().decode(init.body) : init.body));
        await posts.passed;
        return new Response(null, { status: 204 });
      }
      if (path === '/global/health') return json({ healthy: true, version: '1.18.33' });
      if (/^\/session\/[^/]+$/.test(path) && !path.endsWith('status')) return json({ id: 'ses_1', title: 't', directory: '/project', time: { created: 1, updated: 1 } });
      return json(/todo|permission|question/.test(path) ? [] : {});
    },
  });
  const session = client.openSession('ses_1');
  const first = session.send('one');
  session.send('two');
  await waits(session, ['server', 'server']);
  assert.equal(waitOf(session.state, session.state.messages[0]).sentence, 'Waits for the server.');
  server.open();
  await waits(session, ['history', 'history']);
  history.open();
  await waits(session, ['sending', 'earlier']);
  posts.open();
  const store = ({ messageID: id, parts }, created) => {
    told({ id: `evt_${created}`, type: 'message.updated', properties: { sessionID: 'ses_1', info: { id, sessionID: 'ses_1', role: 'user', time: { created } } } });
    told({ id: `evt_${created}p`, type: 'message.part.updated', properties: { sessionID: 'ses_1', part: { ...parts[0], sessionID: 'ses_1', messageID: id }, time: created } });
  };
  const now = Date.now();
  store(posted[0], now);
  await first.stored;
  await waits(session, [undefined, 'sending']);
  told({ id: 'evt_busy', type: 'session.status', properties: { sessionID: 'ses_1', status: { type: 'busy' } } });
  const answer = { id: 'msg_z', sessionID: 'ses_1', role: 'assistant', parentID: posted[0].messageID, time: { created: now + 1 } };
  told({ id: 'evt_answer', type: 'message.updated', properties: { sessionID: 'ses_1', info: answer } });
  await waitFor(() => posted.length === 2, { message: 'the second post' });
  store(posted[1], now + 2);
  await waits(session, [undefined, undefined, 'answer']);
  client.close();
});

test('a prompt without a network, and one whose server does not let it in, say so', () => {
  const message = { key: 'key_1', info: {}, parts: [], delivery: 'sending' };
  const state = { connection: LIVE, status: IDLE, messages: [message], session: { id: 'ses_1' } };
  assert.deepEqual(waitOf({ ...state, connection: { ...LIVE, phase: 'offline' } }, message), { kind: 'offline', sentence: 'Waits for a network.' });
  const closed = waitOf({ ...state, connection: { ...LIVE, phase: 'closed', error: error('unauthorized', false) } }, message);
  assert.deepEqual(closed, { kind: 'server', sentence: `Waits for the server. ${SENTENCES.unauthorized}` });
  for (const delivery of ['sent', 'failed', 'dropped', undefined]) assert.equal(waitOf(state, { ...message, delivery }), undefined);
});
