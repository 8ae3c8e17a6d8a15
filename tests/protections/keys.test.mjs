// A key named `__proto__` is a key like any other, wherever a server writes it: no object of a state or a list gets another prototype.
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { SessionError } from '../../dist/node.js';
import { closeAll, handled, play } from '../wasm/play.mjs';

afterEach(closeAll);

const S = 'ses_1';
const KEYS = '"__proto__":{"polluted":true,"toString":"x"},"constructor":{"prototype":{"polluted":true}},"hasOwnProperty":1';
const encoder = new TextEncoder();

/** The JSON of a value, with the hostile keys in every object of it. @param {any} value @returns {string} */
function hostile(value) {
  if (Array.isArray(value)) return `[${value.map(hostile).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${[...Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}:${hostile(each)}`), KEYS].join()}}`;
}

/** Asserts that nothing below `value` has a foreign prototype; gives how many objects hold the hostile key as their own. */
function plain(value, where = 'state') {
  if (typeof value !== 'object' || value === null) return 0;
  const prototype = Object.getPrototypeOf(value);
  assert.ok([Object.prototype, Array.prototype, SessionError.prototype].includes(prototype), `${where} has another prototype: ${JSON.stringify(prototype)}`);
  assert.equal('polluted' in value && !Object.hasOwn(value, 'polluted'), false, where);
  const own = Object.hasOwn(value, '__proto__') ? 1 : 0;
  // What stands in the hostile key is walked as well, not through the accessor.
  return own + Object.keys(value).reduce((sum, key) => sum + plain(Object.getOwnPropertyDescriptor(value, key).value, `${where}.${key}`), 0);
}

const user = { info: { id: 'msg_0', sessionID: S, role: 'user', time: { created: 4 }, model: { providerID: 'p', modelID: 'm' } }, parts: [{ id: 'prt_0', sessionID: S, messageID: 'msg_0', type: 'text', text: 'hi' }] };
const info = { id: 'msg_a', sessionID: S, role: 'assistant', parentID: 'msg_0', time: { created: 5 }, tokens: { input: 1, cache: { read: 1 } } };
const text = { id: 'prt_a', sessionID: S, messageID: 'msg_a', type: 'text', text: '', time: { start: 5 }, metadata: { a: {} } };
const tool = { id: 'prt_t', sessionID: S, messageID: 'msg_a', type: 'tool', tool: 'bash', callID: 'c', state: { status: 'running', input: { a: {} }, metadata: { b: {} }, time: { start: 1 } } };
let ids = 0;
const event = (type, properties) => encoder.encode(`data: {"id":"evt_${++ids}","type":"${type}","properties":${hostile(properties)}}\n\n`);
const raw = (value) => () => new Response(hostile(value), { headers: { 'content-type': 'application/json' } });

for (const told of [false, true]) {
  describe(told ? 'a session whose steps are read' : 'a session', () => {
    const open = async (options) => {
      const all = await play(S, options);
      const steps = [];
      if (told) (async () => { for await (const step of all.session.changes()) steps.push(step); })();
      return { ...all, steps };
    };

    test('keeps them as plain keys of messages and parts that come, change and grow', async () => {
      const { session, send, steps } = await open();
      send(event('session.status', { sessionID: S, status: { type: 'busy' } }));
      send(event('message.updated', { sessionID: S, info }));
      send(event('message.part.updated', { sessionID: S, part: text, time: 5 }));
      await handled();
      // In a set of its own, so that it is a step of its own.
      send(event('message.part.updated', { sessionID: S, part: tool, time: 5 }));
      await handled();
      assert.equal(session.state.messages.at(-1).parts.length, 2);
      plain(session.state);
      // In sets of their own: each copies what it changes.
      for (const step of [
        event('message.part.delta', { sessionID: S, messageID: 'msg_a', partID: 'prt_a', field: 'text', delta: 'one' }),
        event('message.updated', { sessionID: S, info: { ...info, time: { created: 5, completed: 9 } } }),
        event('message.part.updated', { sessionID: S, part: { ...tool, state: { ...tool.state, status: 'completed', output: '' } }, time: 6 }),
        event('message.part.updated', { sessionID: S, part: { ...text, text: 'one two', time: { start: 5, end: 9 } }, time: 9 }),
      ]) {
        send(step);
        await handled();
        plain(session.state);
      }
      const { parts } = session.state.messages.at(-1);
      assert.equal(parts[0].text, 'one two');
      for (const each of [session.state.messages.at(-1).info, ...parts, parts[1].state, parts[1].state.input]) assert.ok(Object.hasOwn(each, '__proto__'), JSON.stringify(each));
      assert.ok(plain(session.state) >= 10);
      if (told) assert.ok(plain(steps, 'steps') > 0 && steps.some(({ type }) => type === 'insert-part'), 'the steps were read');
      assert.equal({}.polluted, undefined);
    });

    test('keeps them as plain keys of a history, of the session, and of what stands beside the messages', async () => {
      const asked = { id: 'per_1', sessionID: S, permission: 'bash', patterns: ['ls'], metadata: { command: 'ls' }, always: [] };
      const question = { id: 'que_1', sessionID: S, questions: [{ question: 'Tea?', header: 'Tea', options: [{ label: 'Tea', description: '' }] }] };
      const { session, send, steps } = await open({ answers: [
        [/^\/session\/[^/]+\/message/, raw([user, { info: { ...info, time: { created: 5, completed: 6 } }, parts: [tool] }])],
        [/^\/session\/[^/]+\/todo/, raw([{ id: '1', content: 'x', status: 'pending', priority: 'low' }])],
        [/^\/permission/, raw([asked])],
        [/^\/question/, raw([question])],
        [/^\/session\/status/, raw({ [S]: { type: 'busy' } })],
        [/^\/session\/[^/]+$/, raw({ id: S, title: 't', directory: '/project', time: { created: 1, updated: 1 } })],
      ] });
      await handled();
      assert.equal(session.state.messages.length, 2);
      send(event('session.updated', { sessionID: S, info: { id: S, title: 'again', directory: '/project', time: { created: 1, updated: 2 } } }));
      send(event('permission.asked', { ...asked, id: 'per_2' }));
      send(event('todo.updated', { sessionID: S, todos: [{ id: '2', content: 'y', status: 'pending', priority: 'low' }] }));
      while (session.state.session?.title !== 'again') await handled();
      for (const each of [session.state.session, ...session.state.messages.map((message) => message.info), ...session.state.permissions, ...session.state.todos]) assert.ok(Object.hasOwn(each, '__proto__'), JSON.stringify(each));
      assert.ok(session.state.permissions.length > 0 && session.state.todos.length > 0 && session.state.questions.length > 0);
      assert.ok(plain(session.state) >= 10);
      plain(steps, 'steps');
      assert.equal({}.polluted, undefined);
    });
  });
}

test('a live list keeps them as plain keys of its sessions, also of those that it makes whole', async () => {
  const whole = { id: 'ses_w', title: 'Whole', directory: '/project', version: '1.18.33', time: { created: 1, updated: 5 } };
  const odd = { id: 'ses_o', version: 7, time: { created: 2 } };
  const { client, send } = await play(S, { answers: [
    [/^\/session$/, raw([whole, odd])],
    [/^\/session\/status/, () => new Response('{"__proto__":{"type":"busy"},"ses_w":{"type":"busy","__proto__":{"polluted":true}},"constructor":{"type":"busy"}}', { headers: { 'content-type': 'application/json' } })],
    [/^\/permission/, raw([{ id: 'per_1', sessionID: 'ses_w' }])],
  ] });
  const list = await client.sessions.live();
  await list.ready;
  const shown = () => list.state.sessions.map((each) => [each.id, each.title, each.status.type, each.requests]);
  assert.deepEqual(shown(), [['ses_w', 'Whole', 'busy', 1], ['ses_o', '', 'idle', 0]]);
  const check = () => {
    plain(list.state, 'list');
    for (const each of list.state.sessions) {
      assert.ok(Object.hasOwn(each, '__proto__'), each.id);
      assert.ok(Object.hasOwn(each.time, '__proto__'), each.id);
    }
  };
  check();
  send(event('session.updated', { sessionID: 'ses_o', info: { ...odd, time: { created: 2, updated: 9 } } }));
  send(event('session.updated', { sessionID: 'ses_w', info: { ...whole, title: 'Renamed' } }));
  while (list.state.sessions.every(({ title }) => title !== 'Renamed')) await handled();
  check();
  for (const id of ['__proto__', 'constructor']) {
    send(event('session.updated', { sessionID: id, info: { ...whole, id, title: id } }));
    while (list.state.sessions.every((each) => each.id !== id)) await handled();
  }
  check();
  assert.equal({}.polluted, undefined);
});

test('the answers of single calls are plain', async () => {
  const { client } = await play(S, { answers: [
    [/^\/config\/providers/, raw({ providers: [{ id: 'p', name: 'P', models: { m: { id: 'm', name: 'M', limit: { context: 5 } } } }], default: { p: 'm' } })],
    [/^\/agent/, raw([{ name: 'build', mode: 'primary' }])],
    [/^\/command/, raw([{ name: 'init' }])],
  ] });
  for (const call of ['models', 'agents', 'commands']) plain(await client[call](), call);
  plain(await client.health(), 'health');
  plain(await client.sessions.get(S), 'session');
  assert.equal({}.polluted, undefined);
});
