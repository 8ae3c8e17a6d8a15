// Sub-agents on real servers: sessions of their own, followed on the one stream.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSettled, numbered } from './checks.mjs';
import { onPage, onServers, withStage } from './scene.mjs';
import { TESTED } from '../support/versions.mjs';

const shared = withStage();
const TASK = JSON.stringify({ description: 'Look', prompt: 'words 3, tool bash: echo from-child', subagent_type: 'general' });
const PROMPT = `words 2 then tool task: ${TASK} then words 4`;

onServers('a sub-agent', (scene) => {
  test('its session is linked and followed, and what it asks is answered in its parent', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const seen = await page.evaluate(async ([baseUrl, prompt]) => {
      const session = await drive.open({ baseUrl });
      const sent = session.send(prompt);
      const request = await drive.until(session, ({ permissions }) => permissions[0]);
      const task = session.state.messages.flatMap(({ parts }) => parts).find((part) => part.tool === 'task');
      const child = session.child(task);
      await drive.soon(child.ready, 'the child');
      const early = { asked: child.state.permissions.map(({ id }) => id), status: child.state.status.type };
      await drive.soon(session.replyPermission(request.id, 'once'), 'the reply');
      await drive.until(child, ({ permissions }) => permissions.length === 0);
      const answer = await drive.soon(sent.done, 'done');
      await drive.settle(session);
      await drive.settle(child);
      const told = {
        id: session.id, child: child.id, request, early, left: session.state.permissions.length, answer, none: session.child(answer.parts[0]) === undefined,
        plain: drive.plain(session.state.messages), inside: drive.plain(child.state.messages), parent: child.state.session.parentID,
      };
      child.close();
      return told;
    }, [scene.server.url, PROMPT]);
    assert.equal(seen.request.sessionID, seen.child);
    assert.equal(seen.parent, seen.id);
    assert.deepEqual(seen.early, { asked: [seen.request.id], status: 'busy' });
    assert.equal(seen.left, 0);
    assert.ok(seen.none, 'a text has no session');
    assert.ok(seen.answer.parts.some(({ text }) => text?.startsWith(numbered(4))));
    await assertSettled(seen.plain, scene.server, seen.id);
    const inside = await assertSettled(seen.inside, scene.server, seen.child);
    assert.match(JSON.stringify(inside), /from-child\\n/);
  }));

  test('a page opened while a sub-agent asks shows it, and can say no', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const id = await page.evaluate(async ([baseUrl, prompt]) => {
      const session = await drive.open({ baseUrl });
      void session.send(prompt).done.catch(() => undefined);
      await drive.until(session, ({ permissions }) => permissions[0]);
      return session.id;
    }, [scene.server.url, PROMPT]);
    await onPage(shared, [scene.server.url], async ({ page: other }) => {
      const left = await other.evaluate(async ([baseUrl, id]) => {
        const session = await drive.open({ baseUrl }, id);
        const request = await drive.until(session, ({ permissions }) => permissions[0]);
        await drive.soon(session.replyPermission(request.id, 'reject'), 'the reply');
        await drive.until(session, ({ permissions }) => permissions.length === 0);
        await drive.settle(session);
        return session.state.permissions.length;
      }, [scene.server.url, id]);
      assert.equal(left, 0);
    });
    await page.evaluate(() => drive.until(drive.session, ({ permissions, status }) => permissions.length === 0 && status.type !== 'busy'));
  }));
}, { versions: TESTED });
