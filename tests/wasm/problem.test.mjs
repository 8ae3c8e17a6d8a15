// What a page is to show, and options that mean nothing.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { createClient, SessionError } from '../../dist/node.js';
import { diagnose } from '../../dist/doctor-node.js';
import { replay } from '../../dist/recorder-node.js';
import { problemOf, sentenceOf, SENTENCES } from '../../dist/problem.js';
import { closeAll, handled, play } from './play.mjs';

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
