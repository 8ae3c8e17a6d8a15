// Servers of 2.x, played by a mock of their documented shapes: probed, read, prompted, stopped, asked back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSecond } from '../support/second.mjs';
import { waitFor } from '../support/wait.mjs';
import { assertPrefixes, assertProblem } from './checks.mjs';
import { onPage, withStage } from './scene.mjs';

const shared = withStage();

/** @param {string} version @param {(server: import('../support/second.mjs').Second, page: any) => Promise<void>} job */
async function onSecond(version, job) {
  const server = await startSecond({ version });
  try {
    await onPage(shared, [server.url], ({ page }) => job(server, page));
  } finally {
    await server.close();
  }
}

const newest = (server) => [...server.sessions.values()].at(-1);
const inbox = (kept) => waitFor(() => kept.inbox.length > 0, { message: 'the prompt' });

/** The state equals what a fresh page shows. */
async function assertAtRest(page, server) {
  const { plain, fresh } = await page.evaluate(async (baseUrl) => {
    await drive.settle(drive.session);
    const client = await drive.createClient({ baseUrl, journal: 'off' });
    const other = client.openSession(drive.session.id);
    await drive.soon(other.ready, 'a fresh page');
    await drive.settle(other);
    const fresh = drive.plain(other.state.messages);
    client.close();
    return { plain: drive.plain(drive.session.state.messages), fresh };
  }, server.url);
  assert.deepEqual(plain, fresh);
  return plain;
}

for (const version of ['2.0.2', '2.0.6']) {
  test(`server ${version}: health, lists, a turn with a permission and a form`, () => onSecond(version, async (server, page) => {
    const found = await page.evaluate(async (baseUrl) => {
      const session = await drive.open({ baseUrl });
      drive.shown = drive.watch(session);
      const { client } = drive;
      await client.sessions.rename(session.id, 'Named');
      await drive.until(session, (state) => state.session.title === 'Named', 'the new title');
      return { health: await client.health(), list: await client.sessions.list(), models: (await client.models()).map(({ ref }) => ref), agents: (await client.agents()).map(({ name }) => name), phase: session.state.connection.phase };
    }, server.url);
    assert.deepEqual(found.health, { healthy: true, version, dialect: 'v2' });
    assert.deepEqual([found.list[0].title, found.list[0].directory, found.models, found.agents, found.phase], ['Named', '/project', ['p/m'], ['build'], 'live']);
    const kept = newest(server);
    await page.evaluate(() => {
      drive.sent = drive.session.send('Hello');
    });
    await inbox(kept);
    await page.evaluate(() => drive.soon(drive.sent.stored, 'stored while it waits'));
    const answer = server.begin(kept);
    answer.open().say('Let ').say('me ').say('see.').close();
    const call = answer.call('bash', { command: 'ls' });
    kept.permissions = [{ id: server.id('per'), sessionID: kept.id, action: 'bash', resources: ['ls'], save: ['ls'], source: { type: 'tool', messageID: answer.message.id, callID: call.id } }];
    server.emit(kept, server.early ? 'permission.v2.asked' : 'permission.asked', kept.permissions[0], false);
    const asked = await page.evaluate(async () => {
      const [permission] = await drive.until(drive.session, (state) => state.permissions.length > 0 && state.permissions, 'a permission');
      await drive.session.replyPermission(permission.id, 'once');
      await drive.until(drive.session, (state) => state.permissions.length === 0, 'its answer');
      return permission;
    });
    assert.deepEqual([asked.permission, asked.patterns, asked.tool.callID], ['bash', ['ls'], call.id]);
    assert.deepEqual(server.requests.findLast(({ path }) => path.endsWith('/reply')).body, server.early ? { reply: 'once' } : { decision: 'once' });
    answer.done(call, 'a\nb\n');
    answer.end('tool-calls');
    const second = server.step(kept);
    kept.forms = [{ id: server.id('frm'), sessionID: kept.id, mode: 'form', title: 'A question', fields: [
      { key: 'drink', type: 'string', title: 'Drink', description: 'Tea or coffee?', options: [{ value: 't', label: 'Tea' }, { value: 'c', label: 'Coffee' }] },
      { key: 'with', type: 'multiselect', title: 'With', options: [{ value: 'm', label: 'Milk' }, { value: 's', label: 'Sugar' }] },
    ] }];
    server.emit(kept, 'form.created', { form: kept.forms[0] }, false);
    const question = await page.evaluate(async () => {
      const [question] = await drive.until(drive.session, (state) => state.questions.length > 0 && state.questions, 'a question');
      await drive.session.answerQuestion(question.id, [['Coffee'], ['Milk', 'Sugar']]);
      await drive.until(drive.session, (state) => state.questions.length === 0, 'its answer');
      return question.questions.map(({ question, multiple, options }) => [question, multiple, options.map(({ label }) => label)]);
    });
    assert.deepEqual(question, [['Tea or coffee?', false, ['Tea', 'Coffee']], ['With', true, ['Milk', 'Sugar']]]);
    assert.deepEqual(server.requests.findLast(({ path }) => path.endsWith('/reply')).body, { answer: { drink: 'c', with: ['m', 's'] } });
    second.open().say('Two ').say('files.').close();
    second.end();
    server.end(kept);
    const text = await page.evaluate(async () => {
      const answer = await drive.soon(drive.sent.done, 'the answer');
      await drive.settle(drive.session);
      return [answer.parts[0].text, drive.session.state.status.type];
    });
    assert.deepEqual(text, ['Two files.', 'idle']);
    const plain = await assertAtRest(page, server);
    assert.deepEqual(plain.map(({ info }) => info.role), ['user', 'assistant', 'assistant']);
    assertPrefixes(await page.evaluate(() => drive.shown), plain);
  }));
}

test('the stream breaks in an answer; a retry; a stop; what is not offered', () => onSecond('2.0.6', async (server, page) => {
  const kept = server.make('Made elsewhere');
  kept.inbox.push({ id: server.id('msg'), sessionID: kept.id, timeCreated: server.now(), type: 'user', payload: { text: 'Hi' }, delivery: 'steer' });
  const answer = server.begin(kept);
  answer.open().say('One ');
  await page.evaluate(async ([baseUrl, id]) => {
    await drive.open({ baseUrl }, id);
    drive.shown = drive.watch(drive.session);
    await drive.until(drive.session, (state) => state.connection.phase === 'live' && state.status.type === 'busy', 'the running turn');
  }, [server.url, kept.id]);
  await waitFor(() => server.streams > 0, { message: 'the stream' });
  answer.say('two ');
  await page.evaluate(() => drive.until(drive.session, ({ messages }) => messages.at(-1).parts[0]?.tail === 'two ', 'what came since, kept apart'));
  await page.evaluate(() => {
    drive.broken = drive.until(drive.session, (state) => state.connection.phase !== 'live', 'the break');
  });
  server.dropStreams();
  await page.evaluate(() => drive.broken.then(() => undefined));
  answer.say('three ');
  await waitFor(() => server.streams > 0, { message: 'a new stream' });
  await page.evaluate(() => drive.until(drive.session, (state) => state.connection.phase === 'live', 'live again'));
  answer.say('four.').close();
  await page.evaluate(() => drive.until(drive.session, (state) => drive.textOf(state) === 'One two three four.', 'all of it'));
  answer.end();
  server.emit(kept, 'session.retry.scheduled', { assistantMessageID: answer.message.id, attempt: 2, at: server.now() + 5_000, error: { type: 'provider', message: 'Overloaded' } });
  const retry = await page.evaluate(() => drive.until(drive.session, ({ status }) => status.type === 'retry' && status, 'the retry'));
  assert.deepEqual([retry.attempt, retry.message], [2, 'Overloaded']);
  const last = server.step(kept);
  last.open().say('Again');
  server.onInterrupt = () => {
    last.close();
    last.fail({ type: 'aborted', message: 'Interrupted' });
    server.end(kept, 'interrupted', { reason: 'user' });
  };
  const problem = await page.evaluate(async () => {
    await drive.until(drive.session, (state) => drive.textOf(state).endsWith('Again'), 'the next words');
    await drive.session.abort();
    await drive.until(drive.session, (state) => state.status.type === 'idle', 'the end');
    await drive.settle(drive.session);
    return drive.problem(drive.session.share());
  });
  assertProblem(problem, 'unsupported');
  assert.match(problem.message, /2\.0\.6/);
  const plain = await assertAtRest(page, server);
  assert.equal(plain.at(-1).info.error.name, 'MessageAbortedError');
  assertPrefixes(await page.evaluate(() => drive.shown), plain);
}));
