// The built package in Node: what crosses the border between wasm and JavaScript.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { closeAll, delta, frame, handled, opening, play } from './play.mjs';

afterEach(closeAll);

const S = 'ses_1';
const shown = (session) => session.state.messages.at(-1)?.parts[0]?.text;

test('a recorded turn gives the same state however its bytes are cut', async () => {
  const recorded = readFileSync(new URL('../support/fixtures/events-1.18.33.sse', import.meta.url));
  const sessionID = recorded.toString().match(/"sessionID":"(ses_[^"]+)"/)[1];
  const states = [];
  for (const size of [recorded.length, 1, 7, 1000]) {
    // Asked once: what is compared is what the stream told, and no later answer takes it away, however slow the machine is.
    const once = (value) => {
      let asked = 0;
      return () => (asked++ === 0 ? new Response(JSON.stringify(value), { headers: { 'content-type': 'application/json' } }) : new Promise(() => undefined));
    };
    const answers = [[/^\/session\/[^/]+\/message/, once([])], [/^\/session\/ses_[^/]+$/, once({ id: sessionID, title: 't', directory: '/project', time: { created: 1, updated: 1 } })]];
    const { client, session, send } = await play(sessionID, { answers });
    for (let at = 0; at < recorded.length; at += size) send(new Uint8Array(recorded.subarray(at, at + size)));
    await handled();
    const { messages, session: info } = session.state;
    states.push({ messages, info });
    client.close();
  }
  assert.ok(states[0].messages.length >= 2);
  for (const state of states.slice(1)) assert.deepEqual(state, states[0]);
});

test('an answer that comes and ends in one poll is what `done` gives', async () => {
  const history = [];
  const sessionID = S;
  const store = ({ body }) => {
    const { messageID, parts } = JSON.parse(new TextDecoder().decode(body));
    history.push({ info: { id: messageID, sessionID, role: 'user', time: { created: 10 } }, parts: parts.map((part) => ({ ...part, sessionID, messageID })) });
    const info = { id: `${messageID}z`, sessionID, role: 'assistant', parentID: messageID, time: { created: 11, completed: 12 } };
    const text = { id: 'prt_z', sessionID, messageID: info.id, type: 'text', text: 'all of it', time: { start: 11, end: 12 } };
    history.push({ info, parts: [text] });
    return new Response(undefined, { status: 204 });
  };
  const { session } = await play(S, { history, answers: [[/prompt_async$/, store]], client: { transport: 'poll' } });
  const answer = await session.send('hi').done;
  assert.equal(answer?.parts[0]?.text, 'all of it');
});

test('a gateway that frames events its own way: named by the frame, fields bare, a message with its parts', async () => {
  const { session, send } = await play(S);
  const info = { id: 'msg_a', sessionID: S, role: 'assistant', parentID: 'msg_0', time: { created: 5 } };
  const part = (id, text, time) => ({ id, sessionID: S, messageID: 'msg_a', type: 'text', text, time });
  const gateway = (name, fields) => send(new TextEncoder().encode(`event: ${name}\ndata: ${JSON.stringify(fields)}\n\n`));
  gateway('message.updated', { info, parts: [part('prt_1', 'whole', { start: 5, end: 6 }), part('prt_2', '', { start: 6 })] });
  gateway('message.part.delta', { sessionID: S, messageID: 'msg_a', partID: 'prt_2', delta: 'and ' });
  gateway('message.part.delta', { data: { sessionID: S, messageID: 'msg_a', partID: 'prt_2', text: 'more' } });
  await handled();
  const texts = () => session.state.messages.at(-1)?.parts.map(({ text }) => text);
  assert.deepEqual(texts(), ['whole', 'and more']);
  gateway('message.part.updated', { part: part('prt_2', 'and more.', { start: 6, end: 7 }) });
  await handled();
  assert.deepEqual(texts(), ['whole', 'and more.']);
});

test('surrogate pairs cut between two deltas are whole again', async () => {
  const { session, send, event } = await play(S);
  for (const value of opening(S)) event(value);
  const cut = (half) => new TextEncoder().encode(`data: ${JSON.stringify(delta(S, 'X')).replace('X', half)}\n\n`);
  send(cut('a\\ud83d'));
  await handled();
  assert.equal(shown(session), 'a');
  send(cut('\\ude00b'));
  await handled();
  assert.equal(shown(session), 'a😀b');
});

/** All texts that listeners see of the newest message. */
function watchedTexts(session, field = 'text') {
  const seen = [];
  session.subscribe(() => {
    const text = session.state.messages.at(-1)?.parts[0]?.[field];
    if (text !== undefined && seen.at(-1) !== text) seen.push(text);
  });
  return seen;
}

const [HIGH, LOW] = ['\ud83d', '\ude00'];
const endOf = (event, text) => {
  const part = { id: 'prt_a', sessionID: S, messageID: 'msg_a', type: 'text', text, time: { start: 5, end: 9 } };
  event({ id: `evt_end_${text.length}`, type: 'message.part.updated', properties: { sessionID: S, part, time: 9 } });
};

for (const [name, pieces] of [
  ['in the middle', [`a${HIGH}`, 'b', 'c']],
  ['a second half', ['a', `${LOW}b`, 'c']],
  ['at the end', ['ab', `c${HIGH}`]],
  ['two first halves', [`a${HIGH}`, HIGH, `${LOW}b`]],
]) {
  test(`half of a surrogate pair that stays alone is U+FFFD while the text grows and when it is whole: ${name}`, async () => {
    const { session, event } = await play(S);
    const seen = watchedTexts(session);
    for (const value of opening(S)) event(value);
    for (const piece of pieces) {
      event(delta(S, piece));
      await handled();
    }
    const whole = pieces.join('').toWellFormed();
    // But for a half that may become whole, all is shown before the end.
    const open = pieces.join('').replace(/[\ud800-\udbff]$/, '').toWellFormed();
    assert.equal(shown(session), open);
    endOf(event, pieces.join(''));
    await handled();
    assert.equal(shown(session), whole);
    for (const text of seen) assert.ok(whole.startsWith(text), `${JSON.stringify(text)} is a beginning of ${JSON.stringify(whole)}`);
  });
}

test('servers that resend the whole text: half a pair at its end is not shown before it is whole, or the text over', async () => {
  for (const end of ['', LOW, `${LOW}b`, 'b']) {
    const { client, session, event } = await play(S);
    const seen = watchedTexts(session);
    for (const value of opening(S)) event(value);
    let at = 0;
    const tell = async (text) => {
      const part = { id: 'prt_a', sessionID: S, messageID: 'msg_a', type: 'text', text, time: { start: 5 } };
      event({ id: `evt_whole_${++at}`, type: 'message.part.updated', properties: { sessionID: S, part, delta: text.at(-1) } });
      await handled();
    };
    for (const text of ['a', `a${HIGH}`]) await tell(text);
    assert.equal(shown(session), 'a');
    if (end !== '') await tell(`a${HIGH}${end}`);
    endOf(event, `a${HIGH}${end}`);
    await handled();
    const whole = `a${HIGH}${end}`.toWellFormed();
    assert.equal(shown(session), whole);
    for (const text of seen) assert.ok(whole.startsWith(text), `${JSON.stringify(text)} is a beginning of ${JSON.stringify(whole)}`);
    client.close();
  }
});

test('half a pair at the end of what a history holds of an open text waits for its other half', async () => {
  const info = { id: 'msg_a', sessionID: S, role: 'assistant', parentID: 'msg_0', time: { created: 5 } };
  const part = { id: 'prt_a', sessionID: S, messageID: 'msg_a', type: 'text', text: `a${HIGH}`, time: { start: 5 } };
  const history = [{ info: { id: 'msg_0', sessionID: S, role: 'user', time: { created: 4 } }, parts: [] }, { info, parts: [part] }];
  const { session, event } = await play(S, { history, answers: [[/^\/session\/status/, () => Response.json({ [S]: { type: 'busy' } })]] });
  await handled();
  assert.equal(shown(session), 'a');
  event({ id: 'evt_1', type: 'message.part.updated', properties: { sessionID: S, part: { ...part, text: `a${HIGH}${LOW}b` } } });
  await handled();
  assert.equal(shown(session), 'a😀b');
});

test('unchanged messages and parts keep their identity', async () => {
  const history = [0, 1].map((n) => ({
    info: { id: `msg_${n}`, sessionID: S, role: 'user', time: { created: n } },
    parts: [{ id: `prt_${n}`, messageID: `msg_${n}`, sessionID: S, type: 'text', text: `${n}` }],
  }));
  const { session, event } = await play(S, { history });
  const before = session.state.messages.slice();
  for (const value of opening(S)) event(value);
  event(delta(S, 'x'));
  await handled();
  const one = session.state;
  assert.equal(one.messages[0], before[0]);
  assert.equal(one.messages[1], before[1]);
  event(delta(S, 'y'));
  await handled();
  assert.notEqual(session.state, one);
  assert.notEqual(session.state.messages[2], one.messages[2]);
  assert.equal(session.state.messages[0], before[0]);
  assert.equal(session.state, session.state);
  assert.equal(session.getSnapshot(), session.state);
});

test('listeners may read, send, unsubscribe and close from inside', async () => {
  const { client, session, event } = await play(S);
  let calls = 0;
  let after = 0;
  const stop = session.subscribe(() => {
    calls += 1;
    assert.ok(session.state);
    stop();
    session.send('from inside');
  });
  session.subscribe(() => {
    throw new Error('a broken listener');
  });
  session.subscribe(() => {
    after += 1;
    if (session.state.messages.some((message) => message.parts[0]?.text === 'end')) client.close();
  });
  const errors = [];
  const catcher = (error) => errors.push(error.message);
  process.on('uncaughtException', catcher);
  for (const value of opening(S)) event(value);
  event(delta(S, 'x'));
  await handled();
  assert.equal(calls, 1);
  assert.ok(after >= 1);
  assert.equal(session.state.messages.filter((message) => message.delivery).length, 1);
  event({ id: 'evt_end', type: 'message.part.updated', properties: { sessionID: S, part: { id: 'prt_a', messageID: 'msg_a', sessionID: S, type: 'text', text: 'end', time: { start: 5, end: 6 } } } });
  await handled();
  process.off('uncaughtException', catcher);
  assert.throws(() => session.reconnect(), { code: 'closed' });
});

test('hostile keys in a tool input stay plain own keys', async () => {
  const { session, send, event } = await play(S);
  for (const value of opening(S)) event(value);
  const part = `{"id":"prt_t","sessionID":"${S}","messageID":"msg_a","type":"tool","tool":"bash","callID":"c","state":{"status":"running","input":{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}},"time":{"start":1}}}`;
  send(new TextEncoder().encode(`data: {"id":"evt_t","type":"message.part.updated","properties":{"sessionID":"${S}","part":${part},"time":1}}\n\n`));
  await handled();
  const { input } = session.state.messages.at(-1).parts.find((each) => each.type === 'tool').state;
  assert.ok(Object.hasOwn(input, '__proto__'));
  assert.equal(Object.getPrototypeOf(input), Object.prototype);
  assert.equal({}.polluted, undefined);
});

test('changes replayed on the old state give the new one', async () => {
  const { session, event } = await play(S);
  const steps = session.changes()[Symbol.asyncIterator]();
  let state = (await steps.next()).value.state;
  const until = async () => {
    while (JSON.stringify(state) !== JSON.stringify(session.state)) state = apply(state, (await steps.next()).value);
  };
  for (const value of opening(S)) event(value);
  await handled();
  await until();
  for (const text of ['a', 'b', 'c']) {
    event(delta(S, text));
    await handled();
    await until();
  }
  event({ id: 'evt_r', type: 'message.removed', properties: { sessionID: S, messageID: 'msg_a' } });
  await handled();
  await until();
  assert.deepEqual(state, session.state);
  await steps.return();
});

test('a slow reader of changes gets the whole state, not a hole', async () => {
  const { session, event } = await play(S);
  const steps = session.changes()[Symbol.asyncIterator]();
  for (const value of opening(S)) event(value);
  for (let n = 0; n < 1_100; n += 1) {
    event(delta(S, `${n} `));
    if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(session.state);
    await Promise.resolve();
  }
  await handled();
  let state;
  const wanted = JSON.stringify(session.state);
  for (let n = 0; n < 2_000 && JSON.stringify(state) !== wanted; n += 1) state = apply(state, (await steps.next()).value);
  assert.equal(JSON.stringify(state), wanted);
});

test('a long stream does not grow the memory of the core', async () => {
  const { session, send, event } = await play(S);
  for (const value of opening(S)) event(value);
  const other = frame(delta('ses_other', 'not for us '.repeat(20)));
  const turn = async () => {
    for (let n = 0; n < 200; n += 1) {
      event(delta(S, '.'));
      for (let k = 0; k < 20; k += 1) send(other);
    }
    await handled();
    assert.ok(shown(session).length > 0);
  };
  await turn();
  globalThis.gc?.();
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 20; n += 1) await turn();
  globalThis.gc?.();
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 8_000_000, `grown by ${grown} bytes`);
  assert.equal(shown(session).length, 21 * 200);
});

/** How the documentation says that a step is applied. */
function apply(state, step) {
  if (step.type === 'reset') return step.state;
  if (step.type === 'patch') return { ...state, ...step.fields };
  const messages = state.messages.slice();
  const parts = (at) => messages[at].parts.slice();
  const put = (at, list) => {
    messages[at] = { ...messages[at], parts: list };
  };
  const list = step.message === undefined || typeof step.message === 'object' ? [] : parts(step.message);
  switch (step.type) {
    case 'insert-message':
      messages.splice(step.index, 0, step.message);
      break;
    case 'update-message':
      messages[step.index] = step.message;
      break;
    case 'remove-message':
      messages.splice(step.index, 1);
      break;
    case 'insert-part':
      list.splice(step.index, 0, step.part);
      put(step.message, list);
      break;
    case 'update-part':
      list[step.index] = step.part;
      put(step.message, list);
      break;
    case 'remove-part':
      list.splice(step.index, 1);
      put(step.message, list);
      break;
    case 'append':
      list[step.index] = { ...list[step.index], [step.field]: (list[step.index][step.field] ?? '') + step.text };
      put(step.message, list);
      break;
    default:
      assert.fail(`unknown step ${step.type}`);
  }
  return { ...state, messages };
}
