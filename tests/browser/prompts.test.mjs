// Prompts in a quick row, on real servers: each stored once, shown once, and `stored` told no lie.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSettled, history } from './checks.mjs';
import { onPage, onServers, withStage } from './scene.mjs';

const shared = withStage();
const NOTES = Array.from({ length: 20 }, (_, at) => `note ${at + 1}`);

onServers('prompts', (scene) => {
  test('twenty prompts without an answer are each shown once when settled', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const seen = await page.evaluate(async ([baseUrl, notes]) => {
      const session = await drive.open({ baseUrl });
      const sent = notes.map((note) => session.send(note, { noReply: true }));
      await drive.soon(Promise.all(sent.map(({ stored }) => stored)), 'stored');
      await drive.settle(session);
      const { messages } = session.state;
      return { id: session.id, plain: drive.plain(messages), deliveries: messages.map(({ delivery }) => delivery), keys: messages.map(({ key }) => key), sent: sent.map(({ id }) => id) };
    }, [scene.server.url, NOTES]);
    assert.deepEqual(seen.plain.map(({ parts }) => parts[0].text).sort(), [...NOTES].sort());
    assert.deepEqual([...new Set(seen.deliveries)], ['sent']);
    assert.deepEqual([...seen.keys].sort(), [...seen.sent].sort());
    await assertSettled(seen.plain, scene.server, seen.id);
  }));

  test('a stored prompt is in the history of the server', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const id = await page.evaluate(async (baseUrl) => (await drive.open({ baseUrl })).id, scene.server.url);
    for (const note of NOTES.slice(0, 5)) {
      await page.evaluate((note) => drive.soon(drive.session.send(note, { noReply: true }).stored, 'stored'), note);
      const stored = await history(scene.server, id);
      assert.ok(stored.some(({ parts }) => parts[0]?.text === note), `"${note}" is said to be stored, and is not`);
    }
  }));

  test('the same text twice is two messages', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const seen = await page.evaluate(async (baseUrl) => {
      const session = await drive.open({ baseUrl });
      const sent = [session.send('words 3'), session.send('words 3')];
      // Not both answers: 1.1.65 may leave a prompt unanswered that it stores just as the turn before it ends.
      await drive.soon(Promise.all(sent.map(({ stored }) => stored)), 'both stored');
      await drive.settle(session);
      return { id: session.id, plain: drive.plain(session.state.messages), keys: session.state.messages.map(({ key }) => key) };
    }, scene.server.url);
    const stored = await assertSettled(seen.plain, scene.server, seen.id);
    assert.equal(stored.filter(({ info }) => info.role === 'user').length, 2);
    assert.equal(new Set(seen.keys).size, seen.plain.length);
  }));
});
