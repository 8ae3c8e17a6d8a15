// The tools of this folder, proven: the real servers of both generations with the scripted model, and the mock.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { ENGINES, launchEngine } from './engines.mjs';
import { call, openEvents, prompt } from './events.mjs';
import { startMock } from './mock.mjs';
import { startModel } from './model.mjs';
import { ensureOpenCode, startOpenCode } from './opencode.mjs';
import { descendants, marked } from './processes.mjs';
import { parseScript, rounds, spoken } from './script.mjs';
import { waitFor } from './wait.mjs';
import { NEWEST, OLDEST } from './versions.mjs';

const WORDS = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => `w${i + 1}`).join(' ');

for (const version of [NEWEST, OLDEST]) {
  describe(`server ${version}`, () => {
    /** @type {Awaited<ReturnType<typeof startModel>>} */
    let model;
    /** @type {import('./opencode.mjs').OpenCode} */
    let server;
    /** @type {import('./events.mjs').Events} */
    let events;

    before(async () => {
      model = await startModel();
      server = await startOpenCode({ version, model, password: 'secret' });
      events = await openEvents(`${server.url}/event`, { headers: server.headers });
    });
    after(async () => {
      events?.close();
      await server?.stop();
      await model?.close();
      if (!server) return;
      assert.equal(existsSync(server.home), false, 'the temporary folder is gone');
      assert.deepEqual(marked(`OPENCODE_TEST_HOME=${server.home}`), [], 'no process is left');
    });

    /** Plays a prompt to its end. @param {string} text @param {(session: any) => Promise<void>} [during] */
    async function turn(text, during) {
      const session = await call(server, 'POST', '/session', { title: 'Test' });
      const from = events.events.length;
      await prompt(server, session.id, text);
      await during?.(session);
      // Before 1.3 the session's id stands only inside the message or the part.
      const mine = (/** @type {any} */ { properties: { sessionID, part, info } }) => (sessionID ?? part?.sessionID ?? info?.sessionID) === session.id;
      await events.next((event) => event.type === 'session.idle' && mine(event), { from, message: `the end of "${text}"` });
      // Idle may come before the last flush.
      const messages = await waitFor(async () => {
        const all = await call(server, 'GET', `/session/${session.id}/message`);
        const { info } = all.at(-1);
        return (info.role === 'assistant' && (info.time.completed || info.error)) && all;
      }, { message: 'the stored answer' });
      const parts = messages.filter((/** @type {any} */ { info }) => info.role === 'assistant').flatMap((/** @type {any} */ each) => each.parts);
      return { session, messages, parts, seen: events.events.slice(from).filter(mine) };
    }
    const textOf = (/** @type {any[]} */ parts, type = 'text') => parts.filter((part) => part.type === type).map((part) => part.text).join('|').trim();

    test('health, directory and two models', async () => {
      assert.deepEqual(await call(server, 'GET', '/global/health'), { healthy: true, version });
      assert.equal((await call(server, 'GET', '/path')).directory, server.directory);
      const { providers } = await call(server, 'GET', '/config/providers');
      assert.deepEqual(providers.map((/** @type {any} */ { id, models }) => [id, Object.keys(models)]), [['scripted', ['words', 'other']]]);
      assert.equal((await fetch(`${server.url}/session`)).status, 401);
    });

    test('words, live and stored', async () => {
      const { parts, seen } = await turn('words 40 every 10');
      assert.equal(textOf(parts), WORDS(40));
      const live = seen.map(({ type, properties }) => (type === 'message.part.delta' || type === 'message.part.updated' ? properties.delta ?? '' : '')).join('');
      assert.equal(live.trim(), WORDS(40));
    });

    test('reasoning, then a bash call that asks for permission', async () => {
      const { parts, seen } = await turn('think 3 words 2 then tool bash: echo hi there', async ({ id }) => {
        const asked = await events.next(({ type, properties }) => type === 'permission.asked' && properties.sessionID === id, { message: 'permission.asked' });
        assert.equal(asked.properties.permission, 'bash');
        assert.equal((await call(server, 'GET', '/permission')).length, 1);
        await call(server, 'POST', `/session/${id}/permissions/${asked.properties.id}`, { response: 'once' });
      });
      assert.equal(textOf(parts, 'reasoning'), 't1 t2 t3');
      assert.match(textOf(parts), /^w1 w2 ?\|done: 2 words\nhi there$/);
      const tool = parts.find((/** @type {any} */ { type }) => type === 'tool');
      assert.deepEqual([tool.tool, tool.state.status, tool.state.input.command, tool.state.output], ['bash', 'completed', 'echo hi there', 'hi there\n']);
      assert.ok(seen.some(({ type }) => type === 'permission.replied'));
    });

    test('a question', async () => {
      const { parts } = await turn('ask Tea or coffee?: Tea | Coffee', async ({ id }) => {
        const asked = await events.next(({ type, properties }) => type === 'question.asked' && properties.sessionID === id, { message: 'question.asked' });
        assert.deepEqual(asked.properties.questions[0].options.map((/** @type {any} */ { label }) => label), ['Tea', 'Coffee']);
        await call(server, 'POST', `/question/${asked.properties.id}/reply`, { answers: [['Coffee']] });
      });
      assert.match(textOf(parts), /Coffee/);
    });

    test('a lasting error, and one that a retry survives', async () => {
      const lasting = await turn('error 401: no entry');
      assert.match(JSON.stringify(lasting.messages.at(-1).info.error), /no entry/);
      assert.ok(lasting.seen.some(({ type }) => type === 'session.error'));
      const passing = await turn('error 500 times 1 words 3');
      assert.equal(textOf(passing.parts), WORDS(3));
      assert.ok(passing.seen.some(({ type, properties }) => type === 'session.status' && properties.status.type === 'retry'));
    });

    test('emoji and long text come through whole', async () => {
      const { parts } = await turn('emoji 12 every 1, long 5000');
      assert.equal(textOf(parts), spoken('emoji 12, long 5000').trim());
    });

    test('abort of an answer that never comes', async () => {
      const { messages } = await turn('hang', async ({ id }) => {
        const request = await waitFor(() => model.requests.find((each) => each.prompt === 'hang' && !each.title), { message: 'the request' });
        await call(server, 'POST', `/session/${id}/abort`);
        await waitFor(() => request.aborted, { message: 'the end of the request' });
      });
      assert.equal(messages.at(-1).info.error.name, 'MessageAbortedError');
    });

    test('an untitled session gets a title, plain talk gets an answer', async () => {
      const session = await call(server, 'POST', '/session', {});
      const from = events.events.length;
      await prompt(server, session.id, 'good morning');
      await events.next(({ type }) => type === 'session.idle', { from });
      await waitFor(async () => (await call(server, 'GET', `/session/${session.id}`)).title === 'About good morning', { message: 'the title' });
      const messages = await call(server, 'GET', `/session/${session.id}/message`);
      assert.match(textOf(messages.at(-1).parts), /^You said: good morning[\s\S]*Try: "words 40"/);
    });

    test('a killed server comes back with its data; its shells end with it', async () => {
      const { session } = await turn('words 2');
      const from = events.events.length;
      await prompt(server, session.id, 'tool bash: sleep 300');
      const asked = await events.next(({ type }) => type === 'permission.asked', { from });
      await call(server, 'POST', `/session/${session.id}/permissions/${asked.properties.id}`, { response: 'once' });
      const shells = await waitFor(() => {
        const below = descendants(server.pid);
        return below.length > 0 ? below : undefined;
      }, { message: 'a shell' });
      const before = server.pid;
      await server.restart();
      assert.notEqual(server.pid, before);
      await waitFor(() => shells.every((pid) => !running(pid)), { message: 'the end of the shells' });
      assert.deepEqual(marked(`OPENCODE_TEST_HOME=${server.home}`).filter((pid) => pid !== server.pid && !descendants(server.pid).includes(pid)), []);
      await waitFor(() => events.ended, { message: 'the end of the stream' });
      const messages = await call(server, 'GET', `/session/${session.id}/message`);
      assert.equal(textOf(messages[1].parts), WORDS(2));
    });
  });
}

test('a version that does not exist is one clear line', async () => {
  await assert.rejects(ensureOpenCode('latest'), /^Error: cannot get the OpenCode server: "latest" is no exact version$/);
});

test('the command language', () => {
  assert.equal(parseScript('words, please'), undefined);
  assert.equal(spoken('words 3 every 5, emoji 1 then say: bye'), 'w1 w2 w3 😀bye');
  assert.equal(spoken('long 20000').length, 20_000);
  const two = rounds(parseScript('tool bash: a; b and tool read: c then words 1') ?? []);
  assert.deepEqual(two.map((steps) => steps.map((step) => step.do)), [['tool', 'tool'], ['text']]);
});

test('the model without a stream', async () => {
  const model = await startModel();
  const body = { model: 'words', messages: [{ role: 'user', content: 'think 1 words 2 every 0' }] };
  const answer = await call({ url: model.url }, 'POST', '/chat/completions', body);
  assert.deepEqual(answer.choices[0].message, { role: 'assistant', content: 'w1 w2 ', reasoning_content: 't1 ' });
  assert.deepEqual((await call({ url: model.url }, 'GET', '/models')).data.map((/** @type {any} */ { id }) => id), ['words', 'other']);
  await model.close();
});

describe('mock', () => {
  test('a session, a prompt, an answer in the shape of the real server', async () => {
    const mock = await startMock();
    const events = await openEvents(`${mock.url}/event?directory=${encodeURIComponent(mock.directory)}`);
    const everything = await openEvents(`${mock.url}/global/event`);
    const session = await call(mock, 'POST', '/session', { title: 'Mock' });
    await prompt(mock, session.id, 'hello');
    await mock.answer(session.id, ['Hi ', 'you'], { think: ['hm'] });
    await events.next(({ type }) => type === 'session.idle');
    const types = events.events.map(({ type }) => type);
    assert.deepEqual(types.slice(0, 6), ['server.connected', 'session.created', 'message.updated', 'message.part.updated', 'session.status', 'session.status']);
    assert.equal(types.filter((type) => type === 'message.part.delta').length, 3);
    await waitFor(() => everything.events.length === events.events.length);
    const messages = await call(mock, 'GET', `/session/${session.id}/message`);
    assert.deepEqual(messages.map((/** @type {any} */ { info }) => info.role), ['user', 'assistant']);
    assert.equal(messages[1].parts.find((/** @type {any} */ { type }) => type === 'text').text, 'Hi you');
    await mock.close();
  });

  test('an open part is stored empty; pages go back in time', async () => {
    const mock = await startMock();
    const { store } = mock;
    const { id } = store.createSession();
    for (const text of ['one', 'two', 'three']) store.user(id, text);
    const part = store.begin(store.assistant(id));
    store.delta(part, 'partial');
    const get = (/** @type {string} */ query) => fetch(`${mock.url}/session/${id}/message${query}`);
    const first = await get('?limit=2');
    const page = /** @type {any[]} */ (await first.json());
    assert.deepEqual(page.map(({ parts }) => parts[0].text), ['three', '']);
    const older = /** @type {any[]} */ (await (await get(`?limit=9&before=${first.headers.get('x-next-cursor')}`)).json());
    assert.deepEqual(older.map(({ parts }) => parts[0].text), ['one', 'two']);
    await mock.close();
  });

  test('faults: own answers, silence, raw bytes, broken and ended streams', async () => {
    const mock = await startMock({ heartbeat: 10 });
    mock.onNext(1, 'GET', '/session', ({ reply }) => reply(503, { name: 'Busy' }, { 'retry-after': '1' }));
    const off = mock.on('GET', '/agent', ({ drop }) => drop());
    assert.equal((await fetch(`${mock.url}/session`)).status, 503);
    assert.equal((await fetch(`${mock.url}/session`)).status, 200);
    await assert.rejects(fetch(`${mock.url}/agent`));
    off();
    assert.equal((await fetch(`${mock.url}/agent`)).status, 200);
    assert.equal((await fetch(`${mock.url}/session/ses_none`)).status, 404);
    assert.match((await fetch(`${mock.url}/unknown`)).headers.get('content-type') ?? '', /html/);

    const one = await openEvents(`${mock.url}/event`);
    await one.next(({ type }) => type === 'server.heartbeat');
    mock.mute(true);
    mock.emit({ type: 'lost' });
    mock.mute(false);
    mock.emitRaw('data: {"type":"r');
    mock.emitRaw('aw"}\n\n');
    await one.next(({ type }) => type === 'raw');
    assert.ok(!one.events.some(({ type }) => type === 'lost'));
    mock.dropStreams();
    await waitFor(() => one.ended && mock.streams === 0);
    const two = await openEvents(`${mock.url}/global/event`);
    mock.endStreams();
    await waitFor(() => two.ended);
    assert.equal(mock.opened, 2);
    assert.equal(mock.requests.filter(({ path }) => path === '/agent').length, 2);
    await mock.close();
  });

  test('a password, and CORS that is open', async () => {
    const mock = await startMock({ password: 'secret' });
    const headers = { origin: 'http://localhost:1' };
    const refused = await fetch(`${mock.url}/session`, { headers });
    assert.deepEqual([refused.status, refused.headers.get('access-control-allow-origin')], [401, headers.origin]);
    assert.equal((await fetch(`${mock.url}/session`, { method: 'OPTIONS', headers })).status, 204);
    const token = encodeURIComponent(btoa('opencode:secret'));
    assert.equal((await fetch(`${mock.url}/session?auth_token=${token}`)).status, 200);
    await mock.close();
  });
});

for (const name of ENGINES) {
  test(`${name} reads the mock's stream from another origin, in two tabs and after a reload`, async () => {
    const mock = await startMock();
    mock.on('GET', '/page', ({ reply }) => reply(200, '<!doctype html><title>page</title>', { 'content-type': 'text/html' }));
    const engine = await launchEngine(name);
    try {
      assert.match(engine.version, /^\d+\./);
      const profile = await engine.profile();
      const page = `${mock.url.replace('127.0.0.1', 'localhost')}/page`;
      const first = (tab) => tab.evaluate((url) => new Promise((resolve) => {
        const source = new EventSource(url);
        source.onmessage = ({ data }) => {
          source.close();
          resolve(JSON.parse(data).type);
        };
      }), `${mock.url}/event`);
      const tabs = [await profile.tab(page), await profile.tab(page)];
      for (const tab of tabs) assert.equal(await first(tab), 'server.connected');
      await tabs[0].evaluate(() => console.log('before the reload'));
      await tabs[0].reload();
      assert.equal(await first(tabs[0]), 'server.connected');
      assert.deepEqual([tabs[0].said, tabs[1].said], [['log: before the reload'], []]);
      await profile.close();
    } finally {
      await engine.close();
      await mock.close();
    }
  });
}

/** @param {number} pid */
function running(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
