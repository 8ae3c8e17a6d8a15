// Tools that ask first, and questions of the agent, on real servers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertPrefixes, assertSettled, numbered } from './checks.mjs';
import { onPage, onServers, withStage } from './scene.mjs';

const shared = withStage();
const toolOf = (messages) => messages.flatMap(({ parts }) => parts).find(({ type }) => type === 'tool');

onServers('a tool', (scene) => {
  for (const reply of ['once', 'reject']) {
    test(`a permission answered with "${reply}"`, () => onPage(shared, [scene.server.url], async ({ page }) => {
      const seen = await page.evaluate(async ([baseUrl, reply]) => {
        const session = await drive.open({ baseUrl });
        const shown = drive.watch(session);
        const sent = session.send('words 3 then tool bash: echo hi-there then words 5');
        const outcome = sent.done.then(() => 'resolved', (error) => error.code);
        const request = await drive.until(session, ({ permissions }) => permissions[0]);
        const waiting = { status: session.state.status.type, tool: session.state.messages.flatMap(({ parts }) => parts).find(({ type }) => type === 'tool')?.state.status };
        await drive.soon(session.replyPermission(request.id, reply), 'the reply');
        await drive.until(session, ({ permissions }) => permissions.length === 0);
        const how = await drive.soon(outcome, 'done');
        await drive.settle(session);
        return { id: session.id, how, request, waiting, shown, text: drive.textOf(session.state), plain: drive.plain(session.state.messages) };
      }, [scene.server.url, reply]);
      assert.equal(seen.request.sessionID, seen.id);
      assert.equal(seen.request.permission, 'bash');
      assert.deepEqual(seen.waiting, { status: 'busy', tool: 'running' });
      assertPrefixes(seen.shown, await assertSettled(seen.plain, scene.server, seen.id));
      const { state } = toolOf(seen.plain);
      assert.equal(state.input.command, 'echo hi-there');
      if (reply === 'once') {
        assert.equal(seen.how, 'resolved');
        assert.equal(state.status, 'completed');
        assert.match(state.output, /^hi-there/);
        assert.match(seen.text, new RegExp(`${numbered(3)}.*${numbered(5)}`, 's'));
      } else {
        assert.equal(state.status, 'error');
      }
    }));
  }

  test('a question answered', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const seen = await page.evaluate(async (baseUrl) => {
      const session = await drive.open({ baseUrl });
      const sent = session.send('ask Tea or coffee?: Tea | Coffee');
      const request = await drive.until(session, ({ questions }) => questions[0]);
      await drive.soon(session.answerQuestion(request.id, [['Coffee']]), 'the answer');
      await drive.until(session, ({ questions }) => questions.length === 0);
      await drive.soon(sent.done, 'done');
      await drive.settle(session);
      return { id: session.id, request, plain: drive.plain(session.state.messages) };
    }, scene.server.url);
    assert.deepEqual(seen.request.questions[0].options.map(({ label }) => label), ['Tea', 'Coffee']);
    await assertSettled(seen.plain, scene.server, seen.id);
    assert.match(JSON.stringify(toolOf(seen.plain).state), /Coffee/);
  }));

  test('a permission asked before the page was there is shown after a reload', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const seen = await page.evaluate(async (baseUrl) => {
      const first = await drive.open({ baseUrl });
      first.send('tool bash: echo late');
      await drive.until(first, ({ permissions }) => permissions[0]);
      drive.client.close();
      const session = await drive.open({ baseUrl }, first.id);
      const request = await drive.until(session, ({ permissions }) => permissions[0]);
      await drive.soon(session.replyPermission(request.id, 'once'), 'the reply');
      await drive.settle(session);
      return { id: session.id, plain: drive.plain(session.state.messages) };
    }, scene.server.url);
    await assertSettled(seen.plain, scene.server, seen.id);
    assert.match(toolOf(seen.plain).state.output, /^late/);
  }));
});
