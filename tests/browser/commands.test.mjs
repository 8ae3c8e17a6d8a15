// What a session can be told beside prompts, on real servers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../support/events.mjs';
import { assertProblem, assertSettled, history, numbered } from './checks.mjs';
import { onPage, onServers, withStage } from './scene.mjs';
import { TESTED } from '../support/versions.mjs';

const shared = withStage();
const server = { config: { command: { count: { template: 'words 3 then say: $ARGUMENTS', description: 'counts' } } } };
const textOf = ({ parts }) => parts.map(({ text }) => text ?? '').join('');
/** The history of two turns. */
const TURNS = ['words 2', 'words 4'];

/** Opens a session with two turns. @param {any} page @param {string} baseUrl @returns {Promise<{ id: string, messages: any[] }>} */
function begin(page, baseUrl) {
  return page.evaluate(async ([baseUrl, turns]) => {
    const session = await drive.open({ baseUrl });
    for (const text of turns) await drive.turn(session, text);
    return { id: session.id, messages: drive.plain(session.state.messages) };
  }, [baseUrl, TURNS]);
}

const shown = (page) => page.evaluate(() => drive.plain(drive.session.state.messages));

onServers('commands', (scene) => {
  test('a slash command: run with its arguments and model, refused with near names when it is none', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const seen = await page.evaluate(async (baseUrl) => {
      const session = await drive.open({ baseUrl });
      const answer = await drive.soon(session.command('count', 'hi there', { model: 'scripted/other', agent: 'build' }), 'the answer');
      await drive.settle(session);
      return {
        id: session.id, answer, unknown: await drive.problem(session.command('cuont')),
        model: await drive.problem(session.command('count', '', { model: 'scripted/wrods' })), plain: drive.plain(session.state.messages),
      };
    }, scene.server.url);
    assert.match(textOf(seen.answer), new RegExp(`${numbered(3)}.*hi there`, 's'));
    assert.deepEqual([seen.answer.info.providerID, seen.answer.info.modelID], ['scripted', 'other']);
    assertProblem(seen.unknown, 'unknown_command');
    assert.deepEqual(seen.unknown.near, ['count']);
    assertProblem(seen.model, 'unknown_model');
    const stored = await assertSettled(seen.plain, scene.server, seen.id);
    assert.equal(stored.length, 2, 'what was refused was not sent');
  }));

  test('a shell command: its output is shown', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const seen = await page.evaluate(async (baseUrl) => {
      const session = await drive.open({ baseUrl });
      const answer = await drive.soon(session.shell('echo shell-out'), 'the answer');
      await drive.settle(session);
      return { id: session.id, answer, plain: drive.plain(session.state.messages) };
    }, scene.server.url);
    assert.match(seen.answer.parts.find(({ type }) => type === 'tool').state.output, /shell-out/);
    await assertSettled(seen.plain, scene.server, seen.id);
  }));

  test('undo: hidden at once, on another page too; put back; deleted by the next prompt', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const { id, messages } = await begin(page, scene.server.url);
    const [, , second] = messages;
    await page.evaluate((id) => drive.soon(drive.session.revert(id), 'the undo'), second.info.id);
    assert.deepEqual(await shown(page), messages.slice(0, 2), 'hidden when revert resolves');
    assert.equal(await page.evaluate(() => drive.session.state.session.revert.messageID), second.info.id);
    await onPage(shared, [scene.server.url], async ({ page: other }) => {
      await other.evaluate(([baseUrl, id]) => drive.open({ baseUrl }, id), [scene.server.url, id]);
      assert.deepEqual(await shown(other), messages.slice(0, 2), 'a fresh page shows the same');
      await page.evaluate(() => drive.soon(drive.session.unrevert(), 'the redo'));
      for (const one of [page, other]) {
        await one.evaluate(() => drive.until(drive.session, (state) => state.messages.length === 4 && state.session.revert === undefined));
        assert.deepEqual(await shown(one), messages, 'put back');
      }
      await other.evaluate((id) => drive.soon(drive.session.revert(id), 'the undo'), second.info.id);
      await page.evaluate(() => drive.until(drive.session, ({ messages }) => messages.length === 2));
    });
    await page.evaluate(() => drive.turn(drive.session, 'words 5'));
    const stored = await assertSettled(await shown(page), scene.server, id);
    assert.deepEqual(stored.map((message) => textOf(message).trim()), ['words 2', numbered(2), 'words 5', numbered(5)]);
  }));

  test('undo of a part: the message keeps what stands before it', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const { messages } = await begin(page, scene.server.url);
    const last = messages.at(-1);
    const cut = last.parts.findIndex(({ type }) => type === 'text');
    await page.evaluate(([message, part]) => drive.soon(drive.session.revert(message, part), 'the undo'), [last.info.id, last.parts[cut].id]);
    const { messageID, partID } = await page.evaluate(() => drive.session.state.session.revert);
    // Servers may take back the whole turn where nothing of use is left of it.
    const kept = partID === undefined ? messages.slice(0, messages.findIndex(({ info }) => info.id === messageID))
      : [...messages.slice(0, -1), { ...last, parts: last.parts.slice(0, cut) }];
    assert.deepEqual(await shown(page), kept);
    await page.evaluate(() => drive.soon(drive.session.unrevert(), 'the redo'));
    await page.evaluate((count) => drive.until(drive.session, (state) => state.messages.length === count && state.session.revert === undefined), messages.length);
    assert.deepEqual(await shown(page), messages);
    assertProblem(await page.evaluate(() => drive.problem(drive.session.revert('msg_none'))), 'not_found');
  }));

  test('while a turn runs, undo, redo and shell are refused as busy', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const { messages } = await begin(page, scene.server.url);
    const problems = await page.evaluate(async (id) => {
      const { session } = drive;
      const sent = session.send('words 2000 every 20');
      await drive.until(session, ({ status, messages }) => status.type === 'busy' && messages.length === 6);
      const problems = [];
      for (const ask of [() => session.revert(id), () => session.unrevert(), () => session.shell('echo no')]) problems.push(await drive.problem(ask()));
      await session.abort();
      await sent.done.catch(() => undefined);
      return problems;
    }, messages[2].info.id);
    for (const problem of problems) assertProblem(problem, 'busy');
  }));

  test('a fork has the messages before one, or all; a summary goes into the history', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const { id, messages } = await begin(page, scene.server.url);
    const forks = await page.evaluate(async (id) => [await drive.session.fork(id), await drive.session.fork()], messages[2].info.id);
    const counts = await Promise.all(forks.map(async ({ id }) => (await history(scene.server, id)).length));
    assert.deepEqual(counts, [2, 4]);
    await page.evaluate(() => drive.soon(drive.session.summarize(), 'the summary'));
    await page.evaluate(() => drive.settle(drive.session));
    const stored = await assertSettled(await shown(page), scene.server, id);
    assert.ok(stored.some(({ info }) => info.summary === true), 'a summary');
  }));

  test('to-dos and diffs are asked for; a share that is turned off says so', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const { messages } = await begin(page, scene.server.url);
    const told = await page.evaluate(async (id) => [await drive.session.todo(), await drive.session.diff(), await drive.session.diff(id)], messages[0].info.id);
    assert.deepEqual(told, [[], [], []]);
    assertProblem(await page.evaluate(() => drive.problem(drive.session.share())), 'unsupported');
    await page.evaluate(() => drive.soon(drive.session.unshare(), 'the end of the share'));
  }));

  test('a session put away and taken out, with children', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const { id } = await begin(page, scene.server.url);
    const child = await call(scene.server, 'POST', '/session', { parentID: id, title: 'child' });
    const told = await page.evaluate(async (id) => {
      const { sessions } = drive.client;
      const [put, out] = [await sessions.archive(id), await sessions.archive(id, false)];
      return { put: put.time.archived, out: out.time.archived, children: (await sessions.children(id)).map(({ id }) => id) };
    }, id);
    assert.ok(told.put > 1e12);
    assert.ok(!told.out);
    assert.deepEqual(told.children, [child.id]);
  }));
}, { server, versions: TESTED });
