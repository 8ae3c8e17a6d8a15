// Sessions of the v2 API on a real server that has both, through the same ChatSession.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../support/events.mjs';
import { startProxy } from '../support/proxy.mjs';
import { waitFor } from '../support/wait.mjs';
import { assertPrefixes, assertProblem, numbered } from './checks.mjs';
import { NEWEST, onPage, onServers, withStage } from './scene.mjs';

const shared = withStage();

/** A v2 session that somebody else made. */
const made = async (server) => (await call(server, 'POST', '/api/session', {})).data.id;
const prompt = (server, id, text, more = {}) => call(server, 'POST', `/api/session/${id}/prompt`, { prompt: { text }, ...more });
const stored = async (server, id) => (await call(server, 'GET', `/api/session/${id}/message?limit=200`)).data.reverse();
const runs = async (server, id) => (await call(server, 'GET', '/api/session/active')).data[id] !== undefined;
const rest = (server, id) => waitFor(async () => {
  const list = await stored(server, id);
  return list.length > 0 && list.at(-1).type === 'assistant' && !(await runs(server, id));
}, { message: 'the server to rest' });

/** What a person sees: who said what, in which order. */
const seen = (messages) => messages.map(({ info, parts }) => [info.role, info.id, parts.map((part) => (part.type === 'tool' ? [part.tool, part.state.status, part.state.output ?? part.state.error] : [part.type, part.text]))]);
/** The same of the server's own v2 history. */
const told = (messages) => messages.map((message) => [message.type, message.id, message.type === 'user' ? [['text', message.text]] : message.content.map((item) => (item.type === 'tool'
  ? [item.name, item.state.status, item.state.error?.message ?? item.state.content.map(({ text }) => text).join('')]
  : [item.type, item.text]))]);

/** The state equals the server's v2 history, and what a fresh page shows. */
async function assertAtRest(page, server, id) {
  await rest(server, id);
  const { plain, fresh } = await page.evaluate(async ([baseUrl, id]) => {
    await drive.settle(drive.session);
    const client = await drive.createClient({ baseUrl, journal: 'off' });
    const other = client.openSession(id);
    await drive.soon(other.ready, 'a fresh page');
    await drive.settle(other);
    const fresh = drive.plain(other.state.messages);
    client.close();
    return { plain: drive.plain(drive.session.state.messages), fresh };
  }, [server.url, id]);
  assert.deepEqual(seen(plain), told(await stored(server, id)));
  assert.deepEqual(plain, fresh);
  return plain;
}

onServers('v2 sessions', (scene) => {
  test('one made by the library: prompt, permission, question, an answer part by part', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const { server } = scene;
    // In whole runs the first turn of a cold server was twice over after its first tool; on a warm one that was not seen.
    const first = await made(server);
    await prompt(server, first, 'words 1');
    await rest(server, first);
    const id = await page.evaluate(async (baseUrl) => {
      const client = await drive.connect({ baseUrl });
      drive.health = await client.health();
      drive.session = await client.createSession({ dialect: 'v2', title: 'Of v2' });
      await drive.soon(drive.session.ready, 'ready');
      drive.shown = drive.watch(drive.session);
      return drive.session.id;
    }, server.url);
    assert.deepEqual(await page.evaluate(() => [drive.health, drive.session.state.session.title]), [{ healthy: true, version: NEWEST, dialect: 'v1' }, 'Of v2']);
    assert.deepEqual(await call(server, 'GET', `/session/${id}/message`), []);
    const answer = await page.evaluate(async () => {
      const { session } = drive;
      const sent = session.send('think 4, words 6, tool bash: echo from-bash then ask Tea or coffee?: Tea | Coffee then words 3');
      const [permission] = await drive.until(session, (state) => state.permissions.length > 0 && state.permissions, 'a permission');
      drive.permission = permission;
      await session.replyPermission(permission.id, 'once');
      const [question] = await drive.until(session, (state) => state.questions.length > 0 && state.questions, 'a question');
      drive.question = question;
      await session.answerQuestion(question.id, [['Tea']]);
      const answer = await drive.soon(sent.done, 'the answer');
      await drive.settle(session);
      return { answer, permissions: session.state.permissions, questions: session.state.questions, delivery: session.state.messages[0].delivery, status: session.state.status };
    });
    assert.deepEqual(await page.evaluate(() => [drive.permission.permission, drive.permission.patterns, drive.question.questions[0].options.map(({ label }) => label)]), ['bash', ['echo from-bash'], ['Tea', 'Coffee']]);
    assert.deepEqual([answer.permissions, answer.questions, answer.delivery, answer.status], [[], [], 'sent', { type: 'idle' }]);
    const plain = await assertAtRest(page, server, id);
    assert.deepEqual(plain.map(({ info }) => info.role), ['user', 'assistant', 'assistant', 'assistant']);
    assertPrefixes(await page.evaluate(() => drive.shown), plain);
  }));

  test('one of another client, opened in the middle of an answer, reloaded, and prompted on', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const { server } = scene;
    const id = await made(server);
    await prompt(server, id, 'words 3');
    await rest(server, id);
    await prompt(server, id, 'words 250 every 60');
    const open = () => page.evaluate(async ([baseUrl, id]) => {
      await drive.open({ baseUrl }, id);
      drive.shown = drive.watch(drive.session);
      await drive.until(drive.session, (state) => state.messages.at(-1)?.parts.some((part) => /w\d+ $/.test(`${part.tail ?? part.text}`)) && state.status.type === 'busy', 'words of the running answer');
    }, [server.url, id]);
    await waitFor(() => runs(server, id), { message: 'the turn' });
    await open();
    await page.reload();
    await page.waitForFunction(() => globalThis.drive !== undefined);
    await open();
    const plain = await assertAtRest(page, server, id);
    assert.equal(plain.at(-1).parts[0].text.trim(), numbered(250));
    assertPrefixes(await page.evaluate(() => drive.shown), plain);
    await page.evaluate(() => drive.turn(drive.session, 'words 4'));
    assert.equal((await assertAtRest(page, server, id)).length, 6);
  }));

  test('the network breaks in the middle: nothing lost, nothing twice, live again', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const { server } = scene;
    const proxy = await startProxy({ upstream: server.url });
    try {
      const id = await made(server);
      await page.evaluate(() => undefined);
      const opened = await shared.stage.open({ connect: [proxy.url, server.url] });
      const { page: through } = opened;
      try {
        await through.evaluate(async ([baseUrl, id]) => {
          const client = await drive.connect({ baseUrl });
          drive.session = client.openSession(id, { dialect: 'v2' });
          await drive.soon(drive.session.ready, 'ready');
          drive.shown = drive.watch(drive.session);
          drive.sent = drive.session.send('words 200 every 50 then tool bash: echo late then words 3');
          await drive.until(drive.session, (state) => drive.textOf(state).includes('w5'), 'the first words');
          // Looked for from now on: each may be over before the next call arrives.
          drive.broken = drive.until(drive.session, (state) => state.connection.phase !== 'live', 'the break');
          drive.gap = drive.until(drive.session, (state) => state.messages.at(-1)?.parts.find((part) => part.continuity === 'gapped'), 'the gap, marked');
        }, [proxy.url, id]);
        proxy.cutStreamAfter(0);
        await through.evaluate(() => drive.broken.then(() => undefined));
        await through.evaluate(() => drive.until(drive.session, (state) => state.connection.phase === 'live', 'live again'));
        const gap = await through.evaluate(() => drive.gap);
        assert.ok(numbered(200).startsWith(gap.text.trim()), gap.text);
        await through.evaluate(async () => {
          const [permission] = await drive.until(drive.session, (state) => state.permissions.length > 0 && state.permissions, 'a permission');
          await drive.session.replyPermission(permission.id, 'once');
          await drive.soon(drive.sent.done, 'the answer');
        });
        const plain = await assertAtRest(through, server, id);
        assertPrefixes(await through.evaluate(() => drive.shown), plain);
        assert.equal((await stored(server, id)).filter(({ type }) => type === 'user').length, 1);
      } finally {
        await opened.close();
      }
    } finally {
      await proxy.close();
    }
  }));

  test('stopped in a text and in a tool; a prompt that waits for its turn; a failure; a rejected question', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const { server } = scene;
    const id = await page.evaluate(async (baseUrl) => {
      const client = await drive.connect({ baseUrl });
      drive.session = await client.createSession({ dialect: 'v2' });
      await drive.soon(drive.session.ready, 'ready');
      return drive.session.id;
    }, server.url);
    const stopped = await page.evaluate(async () => {
      const { session } = drive;
      const sent = session.send('words 2000 every 20');
      await drive.until(session, (state) => drive.textOf(state).includes('w5'), 'the first words');
      await session.abort();
      const problem = await drive.problem(sent.done);
      await drive.settle(session);
      return { problem, status: session.state.status };
    });
    assertProblem(stopped.problem, 'aborted');
    assert.deepEqual(stopped.status, { type: 'idle' });
    await assertAtRest(page, server, id);
    await page.evaluate(async () => {
      const { session } = drive;
      session.send('tool bash: sleep 300 then words 2');
      const [permission] = await drive.until(session, (state) => state.permissions.length > 0 && state.permissions, 'a permission');
      await session.replyPermission(permission.id, 'once');
      await drive.until(session, (state) => state.messages.at(-1).parts.some((part) => part.state?.status === 'running'), 'the tool');
      await session.abort();
      await drive.until(session, (state) => state.status.type === 'idle', 'the end');
      await drive.settle(session);
    });
    await assertAtRest(page, server, id);
    const failed = await page.evaluate(async () => {
      const { session } = drive;
      const sent = [session.send('words 60 every 50'), session.send('words 3')];
      await drive.soon(Promise.all(sent.map(({ stored }) => stored)), 'both stored while the first is answered');
      const both = session.state.status.type;
      await drive.soon(Promise.all(sent.map(({ done }) => done)), 'both answers');
      const problem = await drive.problem(session.send('error 400: no good').done);
      await drive.settle(session);
      return { both, problem, status: session.state.status.type };
    });
    assert.equal(failed.both, 'busy');
    assertProblem(failed.problem, 'turn_failed');
    assert.match(failed.problem.message, /no good/);
    await assertAtRest(page, server, id);
    await page.evaluate(async () => {
      const { session } = drive;
      session.send('ask Tea?: A | B then words 2');
      const [question] = await drive.until(session, (state) => state.questions.length > 0 && state.questions, 'a question');
      await session.rejectQuestion(question.id);
      await drive.until(session, (state) => state.status.type === 'idle' && state.questions.length === 0, 'the end');
      await drive.settle(session);
    });
    await assertAtRest(page, server, id);
  }));

  test('undo and redo; what the dialect lacks is refused and names the server', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const { server } = scene;
    const id = await made(server);
    for (const text of ['words 2', 'words 3']) {
      await prompt(server, id, text);
      await rest(server, id);
    }
    const { lengths, problems } = await page.evaluate(async ([baseUrl, id]) => {
      const session = await drive.open({ baseUrl }, id);
      const lengths = [session.state.messages.length];
      await session.revert(session.state.messages[2].info.id);
      lengths.push(session.state.messages.length);
      await session.unrevert();
      await drive.until(session, (state) => state.messages.length === 4, 'all back');
      const problems = [];
      for (const act of [() => session.shell('ls'), () => session.fork(), () => session.share(), () => session.summarize()]) problems.push(await drive.problem(act()));
      const refused = session.send('x', { system: 'y' });
      problems.push(await drive.problem(refused.stored));
      session.discard(refused.id);
      return { lengths, problems };
    }, [server.url, id]);
    assert.deepEqual(lengths, [4, 2]);
    for (const problem of problems.slice(0, 4)) {
      assertProblem(problem, 'unsupported');
      assert.match(problem.message, new RegExp(NEWEST.replaceAll('.', '\\.')));
    }
    assertProblem(problems[4], 'bad_request');
    assert.match(problems[4].message, /system instructions/);
    await assertAtRest(page, server, id);
  }));

  test('v1 sessions ask for nothing more: one look at v2 while they are empty, and no file of it', () => onPage(shared, [scene.server.url], async ({ page, asked, requests }) => {
    await page.evaluate(async (baseUrl) => drive.turn(await drive.open({ baseUrl }), 'words 3'), scene.server.url);
    const paths = requests.map((request) => new URL(request.url()).pathname);
    assert.deepEqual(asked('/lib/v2.js'), []);
    const v2 = paths.filter((path) => path.startsWith('/api/'));
    assert.equal(v2.length, 1, v2.join(' '));
    const before = requests.length;
    await page.evaluate(async (baseUrl) => {
      const id = drive.session.id;
      drive.client.close();
      await drive.settle(await drive.open({ baseUrl }, id));
    }, scene.server.url);
    assert.deepEqual(requests.slice(before).map((request) => new URL(request.url()).pathname).filter((path) => path.startsWith('/api/')), []);
  }));
}, { versions: [NEWEST], server: { v2: true } });
