// Public objects inside holders that wrap what they keep: stores of Vue, MobX and Immer, and a Proxy that wraps all that is read from it.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { isReactive, reactive, ref } from '@vue/reactivity';
import { produce } from 'immer';
import { observable } from 'mobx';
import { closeAll, delta, handled, opening, play } from './play.mjs';
import { NEWEST } from '../support/versions.mjs';

const ID = 'ses_1';
afterEach(closeAll);

/** What is read from it is wrapped as well, where it is not frozen; getters and methods run with the wrapper as `this`. */
function deep(target) {
  return new Proxy(target, {
    get: (from, key, wrapper) => {
      const value = Reflect.get(from, key, wrapper);
      return typeof value === 'object' && Object.isExtensible(value) && !(value instanceof Promise) ? deep(value) : value;
    },
  });
}

/** How each gives back what it holds. */
const HOLDERS = {
  'a deep Proxy': deep,
  'ref of Vue': (value) => ref(value).value,
  'ref of Vue, in an object': (value) => ref({ value }).value.value,
  'reactive of Vue': (value) => reactive({ list: [value] }).list[0],
  'observable of MobX': (value) => observable({ value }).value,
  'a draft of Immer': (value) => produce({ value: undefined, used: 0 }, (draft) => {
    draft.value = value;
    draft.used += draft.value.constructor.name.length;
  }).value,
  'Object.freeze': Object.freeze,
};

for (const [name, hold] of Object.entries(HOLDERS)) {
  test(`client, session, list and recording work in ${name}`, async () => {
    const posted = [];
    const { client, session, event } = await play(ID, {
      client: { record: true },
      answers: [
        [/^\/session$/, () => Response.json([{ id: ID, title: 't', time: { created: 1, updated: 1 } }])],
        [/prompt_async/, ({ body }) => { posted.push(String(new TextDecoder().decode(body))); return new Response(null, { status: 204 }); }],
        [/\/abort/, () => Response.json(true)],
      ],
    });
    const held = hold(session);
    assert.equal(held.id, ID);
    assert.equal(held.state.messages.length, 0);
    let told = 0;
    const stop = held.subscribe(() => { told += 1; });
    const changes = hold(held.changes()[Symbol.asyncIterator]());
    assert.equal((await changes.next()).value.type, 'reset');
    for (const each of opening(ID)) event(each);
    event(delta(ID, 'one '));
    while (held.state.messages[0]?.parts[0]?.text !== 'one ') await handled();
    assert.ok(told > 0);
    assert.equal((await changes.next()).done, false);
    // The identity of the state is what tells that nothing changed.
    assert.equal(held.getSnapshot(), session.state);
    assert.equal(held.getSnapshot(), held.getSnapshot());
    stop();
    await changes.return();
    const { id, stored } = hold(held.send('Hello'));
    assert.equal(typeof id, 'string');
    while (posted.length === 0) await handled();
    const info = { id: JSON.parse(posted[0]).messageID, sessionID: ID, role: 'user', time: { created: 6 } };
    event({ id: 'evt_own', type: 'message.updated', properties: { sessionID: ID, info } });
    await stored;
    assert.equal(posted.length, 1);
    await held.abort();
    assert.equal(held.discard('none'), false);
    held.reconnect();

    const owner = hold(client);
    assert.equal((await owner.health()).version, NEWEST);
    assert.equal((await owner.sessions.list()).length, 1);
    const second = hold(owner.openSession(ID));
    assert.equal(second.getSnapshot(), session.state);
    second.close();
    const list = hold(await owner.sessions.live());
    await list.ready;
    assert.equal(list.state.sessions[0].id, ID);
    assert.equal(list.getSnapshot(), list.getSnapshot());
    await list.loadMore();
    list.close();
    const recording = hold(await owner.record());
    assert.ok(recording.bytes > 0);
    assert.ok((await recording.file()).size > 0);
    held.close();
    owner.close();
  });
}

test('Vue leaves them as they are: no wrapper stands between a page and the state', async () => {
  const { client, session } = await play(ID);
  const list = await client.sessions.live();
  for (const each of [client, session, list]) {
    assert.equal(ref(each).value, each);
    assert.equal(isReactive(reactive({ each }).each), false);
  }
});

test('methods work on their own', async () => {
  const { client, session } = await play(ID);
  const { openSession, health } = client;
  const { changes, close } = session;
  assert.equal((await health()).healthy, true);
  assert.equal(openSession(ID).state, session.state);
  assert.equal((await changes()[Symbol.asyncIterator]().next()).value.state, session.state);
  close();
});
