// Real servers that are killed or stopped in the middle of an answer: what was read stays, and what waits is told its fate.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '../../dist/node.js';
import { sleep, waitFor } from '../support/wait.mjs';
import { onServers } from './scene.mjs';
import { TESTED } from '../support/versions.mjs';

const options = { versions: TESTED };

/** A session on the server, live, with a first answer behind it. */
async function talk({ server }, test) {
  const client = await createClient({ baseUrl: server.url, journal: 'off' });
  test.after(() => client.close());
  const session = await client.createSession({ title: 'Test' });
  await session.send('words 2').done;
  return session;
}

const code = (promise) => promise.then(() => 'none', (error) => error.code);
const texts = ({ state }) => state.messages.at(-1)?.parts.filter(({ type }) => type === 'text') ?? [];
const fate = ({ state }, { id }) => state.messages.find(({ key }) => key === id)?.delivery;

/** The last answer shows some words. @returns {Promise<string>} */
const someWords = (session) => waitFor(() => {
  const message = session.state.messages.find(({ info, parts }) => info.role === 'assistant' && parts.some(({ continuity, text }) => continuity === 'streaming' && /w5 /.test(text ?? '')));
  return message?.parts.find(({ type }) => type === 'text')?.text;
}, { message: 'words of an answer' });

onServers('broken off', (scene) => {
  test('a stop drops what waits, and `done` tells each its own end', async (test) => {
    const session = await talk(scene, test);
    const first = session.send('words 2000 every 20');
    await someWords(session);
    const second = session.send('words 3');
    const ends = [code(first.done), code(second.done)];
    await second.stored;
    await waitFor(() => fate(session, second) === 'queued', { message: 'queued' });
    const read = await someWords(session);
    // 1.1.65 begins the turn of one that is stored in the very moment of the stop, and stops that.
    await sleep(1_000);
    await session.abort();
    assert.deepEqual(await Promise.all(ends), ['aborted', 'dropped']);
    assert.equal(fate(session, second), 'dropped');
    await session.settled();
    const stopped = session.state.messages.find(({ info }) => info.error !== undefined);
    assert.ok(stopped.parts.some(({ text }) => text?.startsWith(read)), 'what was read is gone');
    const third = await session.send('words 3').done;
    assert.equal(third, session.state.messages.at(-1));
    assert.equal(fate(session, second), 'dropped');
  });

  test('the newest of those that wait answers for the others', async (test) => {
    const session = await talk(scene, test);
    const release = scene.model.hold(10);
    const first = session.send('words 100');
    await someWords(session);
    const [second, third] = [session.send('words 3'), session.send('words 4')];
    await Promise.all([second.stored, third.stored]);
    release();
    const [one, two, three] = await Promise.all([first, second, third].map(({ done }) => done));
    assert.notEqual(one.info.id, three.info.id);
    assert.equal(two.info.id, three.info.id);
    await session.settled();
    assert.deepEqual([first, second, third].map((sent) => fate(session, sent)), ['sent', 'sent', 'sent']);
  });

  test('what was read of an answer stays when the server is killed', async (test) => {
    const session = await talk(scene, test);
    session.send('words 2000 every 20').done.catch(() => undefined);
    const read = await someWords(session);
    const least = [];
    session.subscribe(() => least.push((texts(session)[0]?.text ?? '').length));
    await scene.server.restart();
    await session.settled();
    const [part] = texts(session);
    assert.ok(part.text.startsWith(read), `${read} became ${part.text}`);
    assert.equal(part.continuity, scene.version === '1.1.65' ? part.continuity : 'interrupted');
    assert.ok(Math.min(...least) >= read.length, 'it was shorter for a while');
  });
}, options);
