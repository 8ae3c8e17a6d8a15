// Who names a prompt, on real servers: the reasons for the rule (SPEC.md, 4.2), and the client that keeps it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createClient } from '../../dist/node.js';
import { call, prompt } from '../support/events.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { sleep, waitFor } from '../support/wait.mjs';

const OLD = ['1.1.65', '1.2.27'];
const NEW = '1.18.33';
const HOUR = 3_600_000;
const LETTERS = 'abcdefghijklmn';

/** An id in the server's form, made at this time. @param {string} prefix @param {number} time */
const idAt = (prefix, time) => `${prefix}_${((BigInt(time) * 4096n) & 0xffffffffffffn).toString(16).padStart(12, '0')}${LETTERS}`;

/** Declares tests that share a server. @param {string} version @param {(scene: { server: any, model: any }) => void} declare */
const on = (version, declare) => describe(`server ${version}`, () => {
  const scene = /** @type {any} */ ({});
  before(async () => {
    scene.model = await startModel();
    scene.server = await startOpenCode({ version, model: scene.model });
  });
  after(async () => {
    await scene.server?.stop();
    await scene.model?.close();
  });
  declare(scene);
});

const newSession = async ({ server }) => (await call(server, 'POST', '/session', { title: 'Test' })).id;
const history = ({ server }, id) => call(server, 'GET', `/session/${id}/message`);
const roles = async (scene, id) => (await history(scene, id)).map(({ info }) => info.role);
/** How often the model was asked for an answer to this. */
const asked = ({ model }, text) => model.requests.filter((request) => request.prompt === text && !request.title).length;
const idle = async ({ server }, id) => waitFor(async () => ((await call(server, 'GET', '/session/status'))[id]?.type ?? 'idle') === 'idle', { message: 'the session to be idle' });
const post = ({ server }, id, text, messageID, partID) => call(server, 'POST', `/session/${id}/prompt_async`, {
  messageID,
  parts: [{ ...(partID && { id: partID }), type: 'text', text }],
  model: { providerID: 'scripted', modelID: 'words' },
});

/** Three prompts through the client, each to the end of its answer. Gives what was posted. */
async function talk(scene, texts) {
  const posted = [];
  const recorded = async (input, init) => {
    const request = new Request(input, init);
    if (request.method === 'POST' && new URL(request.url).pathname.endsWith('/prompt_async')) posted.push(JSON.parse(await request.clone().text()));
    return fetch(request);
  };
  const client = await createClient({ baseUrl: scene.server.url, fetch: recorded });
  try {
    const session = await client.createSession({ title: 'Test' });
    for (const text of texts) await session.send(text).done;
    await session.settled();
    return { posted, messages: await history(scene, session.id) };
  } finally {
    client.close();
  }
}

const TEXTS = ['words 2', 'words 3', 'words 4'];
const summary = (messages) => messages.map(({ info, parts }) => (info.role === 'user' ? parts.map(({ text }) => text).join('|') : 'answer'));

for (const version of OLD) {
  on(version, (scene) => {
    test('the client posts no ids; each prompt is stored and answered once', async () => {
      const { posted, messages } = await talk(scene, TEXTS);
      assert.deepEqual(posted.map(({ parts }) => parts.map(({ text }) => text)), TEXTS.map((text) => [text]));
      for (const body of posted) {
        assert.ok(!('messageID' in body), JSON.stringify(body));
        assert.ok(body.parts.every((part) => !('id' in part)), JSON.stringify(body));
      }
      assert.deepEqual(summary(messages), TEXTS.flatMap((text) => [text, 'answer']));
      assert.deepEqual(TEXTS.map((text) => asked(scene, text)), [1, 1, 1]);
    });

    test('why: a prompt that a clock ahead of the server named is answered again and again', async () => {
      const id = await newSession(scene);
      await post(scene, id, 'words 1', idAt('msg', Date.now() + HOUR));
      try {
        await waitFor(() => asked(scene, 'words 1') >= 4, { message: () => `the fourth answer; there are ${asked(scene, 'words 1')}` });
      } finally {
        await call(scene.server, 'POST', `/session/${id}/abort`);
      }
      const seen = await roles(scene, id);
      assert.equal(seen.filter((role) => role === 'user').length, 1);
      assert.ok(seen.filter((role) => role === 'assistant').length >= 3, seen.join(' '));
    });

    test('why: one that a clock behind the server named is stored and never answered', async () => {
      const id = await newSession(scene);
      await prompt(scene.server, id, 'words 6');
      await waitFor(async () => (await history(scene, id)).at(-1)?.info.time.completed, { message: 'the first answer' });
      await idle(scene, id);
      await post(scene, id, 'words 7', idAt('msg', Date.now() - HOUR));
      await waitFor(async () => (await roles(scene, id)).length === 3, { message: 'the second prompt' });
      // An answer begins within a second here.
      await sleep(4_000);
      await idle(scene, id);
      assert.deepEqual((await roles(scene, id)).sort(), ['assistant', 'user', 'user']);
      assert.deepEqual([asked(scene, 'words 6'), asked(scene, 'words 7')], [1, 0]);
    });
  });
}

on(NEW, (scene) => {
  test('the client names messages and parts; each prompt is stored and answered once', async () => {
    const { posted, messages } = await talk(scene, TEXTS);
    assert.equal(posted.length, TEXTS.length);
    const users = messages.filter(({ info }) => info.role === 'user');
    assert.deepEqual(users.map(({ info, parts }) => [info.id, parts.map(({ id }) => id)]), posted.map(({ messageID, parts }) => [messageID, parts.map(({ id }) => id)]));
    assert.ok(posted.every(({ messageID, parts }) => /^msg_/.test(messageID) && parts.every(({ id }) => /^prt_/.test(id))));
    assert.deepEqual(summary(messages), TEXTS.flatMap((text) => [text, 'answer']));
    assert.deepEqual(TEXTS.map((text) => asked(scene, text)), [1, 1, 1]);
  });

  for (const [name, shift] of [['the same time', 0], ['a clock ahead', HOUR], ['a clock behind', -HOUR]]) {
    test(`the same message and part ids three times are one prompt and one answer: ${name}`, async () => {
      const id = await newSession(scene);
      const text = `words 5 every ${20 + Math.sign(shift)}`;
      await prompt(scene.server, id, 'words 1');
      await waitFor(async () => (await history(scene, id)).at(-1)?.info.time.completed, { message: 'the first answer' });
      await idle(scene, id);
      const [messageID, partID] = ['msg', 'prt'].map((prefix) => idAt(prefix, Date.now() + shift));
      for (let count = 0; count < 3; count += 1) await post(scene, id, text, messageID, partID);
      const answers = async () => (await history(scene, id)).filter(({ info }) => info.role === 'assistant' && info.parentID === messageID);
      await waitFor(async () => (await answers())[0]?.info.time.completed, { message: 'the answer' });
      await idle(scene, id);
      // A second answer would begin within a second here.
      await sleep(2_000);
      await idle(scene, id);
      const stored = (await history(scene, id)).filter(({ info }) => info.id === messageID);
      assert.deepEqual(stored.map(({ parts }) => parts.map(({ id, text }) => [id, text])), [[[partID, text]]]);
      assert.equal((await answers()).length, 1);
      assert.equal(asked(scene, text), 1);
    });
  }
});
