// One turn in a page, on real servers: what is shown on the way, and what stands at the end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertPrefixes, assertSettled, numbered } from './checks.mjs';
import { onPage, onServers, withStage } from './scene.mjs';
import { ready } from './stage.mjs';

const shared = withStage();

onServers('a turn', (scene) => {
  test('words are shown while the answer is incomplete, each once and in order', () => onPage(shared, [scene.server.url], async ({ page, said }) => {
    const seen = await page.evaluate(async (baseUrl) => {
      const session = await drive.open({ baseUrl });
      const shown = drive.watch(session);
      const sent = session.send('words 100 every 40');
      await drive.until(session, (state) => drive.textOf(state).includes('w1 '));
      const early = drive.textOf(session.state);
      const answer = await drive.soon(sent.done, 'done');
      await drive.settle(session);
      const { messages, status, connection } = session.state;
      const continuity = messages.flatMap(({ parts }) => parts).map((part) => part.continuity);
      return { id: session.id, early, shown, answerID: answer.info.id, text: drive.textOf(session.state), plain: drive.plain(messages), status, connection, continuity };
    }, scene.server.url);
    assert.equal(seen.text.trimEnd(), numbered(100));
    assert.ok(seen.early.length < seen.text.trimEnd().length, `the first look already gave all: "${seen.early}"`);
    const texts = Object.values(seen.shown).find((each) => each.at(-1) === seen.text);
    assert.ok(texts.length > 1, `an answer of 4 s was shown in ${texts.length} steps`);
    const stored = await assertSettled(seen.plain, scene.server, seen.id);
    assertPrefixes(seen.shown, stored);
    assert.equal(seen.answerID, stored.at(-1).info.id);
    assert.deepEqual(seen.status, { type: 'idle' });
    assert.equal(seen.connection.phase, 'live');
    assert.deepEqual([...new Set(seen.continuity)], ['settled']);
    assert.deepEqual(said, []);
  }));

  test('reasoning is shown before the text, both whole', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const seen = await page.evaluate(async (baseUrl) => {
      const session = await drive.open({ baseUrl });
      const shown = drive.watch(session);
      await drive.turn(session, 'think 10 words 20');
      const { messages } = session.state;
      return { id: session.id, shown, think: drive.textOf(session.state, 'reasoning'), text: drive.textOf(session.state), types: messages.at(-1).parts.map(({ type }) => type), plain: drive.plain(messages) };
    }, scene.server.url);
    assert.equal(seen.think.trimEnd(), numbered(10, 't'));
    assert.equal(seen.text.trimEnd(), numbered(20));
    assert.ok(seen.types.indexOf('reasoning') < seen.types.indexOf('text'), seen.types.join(' '));
    assertPrefixes(seen.shown, await assertSettled(seen.plain, scene.server, seen.id));
  }));

  test('a reload after the turn shows exactly the same', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const before = await page.evaluate(async (baseUrl) => {
      const session = await drive.open({ baseUrl });
      await drive.turn(session, 'words 12 every 5');
      await drive.turn(session, 'emoji 20 every 5');
      return { id: session.id, plain: drive.plain(session.state.messages), title: session.state.session.title };
    }, scene.server.url);
    await page.reload();
    await ready(page);
    const after = await page.evaluate(async ([baseUrl, id]) => {
      const session = await drive.open({ baseUrl }, id);
      return { plain: drive.plain(session.state.messages), title: session.state.session.title, status: session.state.status };
    }, [scene.server.url, before.id]);
    assert.equal(after.plain.length, 4);
    assert.deepEqual(after.plain, before.plain);
    assert.equal(after.title, before.title);
    assert.deepEqual(after.status, { type: 'idle' });
    await assertSettled(after.plain, scene.server, before.id);
  }));

  test('a reload in the middle of an answer guesses nothing and ends whole', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const id = await page.evaluate(async (baseUrl) => {
      const session = await drive.open({ baseUrl });
      session.send('words 200 every 30');
      await drive.until(session, (state) => drive.textOf(state).includes('w5 '));
      return session.id;
    }, scene.server.url);
    await page.reload();
    await ready(page);
    const seen = await page.evaluate(async ([baseUrl, id]) => {
      const session = await drive.open({ baseUrl }, id);
      const shown = drive.watch(session);
      const joined = drive.textOf(session.state);
      await drive.settle(session);
      return { shown, joined, text: drive.textOf(session.state), plain: drive.plain(session.state.messages) };
    }, [scene.server.url, id]);
    assert.ok(seen.joined.length < seen.text.length, 'the reload came after the answer');
    assert.equal(seen.text.trimEnd(), numbered(200));
    assertPrefixes(seen.shown, await assertSettled(seen.plain, scene.server, id));
  }));

  for (const prompt of ['hang', 'words 2000 every 20']) {
    test(`abort of "${prompt}" ends the turn`, () => onPage(shared, [scene.server.url], async ({ page }) => {
      const seen = await page.evaluate(async ([baseUrl, prompt]) => {
        const session = await drive.open({ baseUrl });
        const shown = drive.watch(session);
        const sent = session.send(prompt);
        const outcome = sent.done.then(() => 'resolved', (error) => error.code);
        await drive.soon(sent.stored, 'stored');
        const begun = prompt === 'hang' ? ({ messages }) => messages.length > 1 : (state) => drive.textOf(state).includes('w5 ');
        await drive.until(session, begun);
        await drive.soon(session.abort(), 'abort');
        const how = await drive.soon(outcome, 'done');
        await drive.settle(session);
        return { id: session.id, how, shown, status: session.state.status, plain: drive.plain(session.state.messages) };
      }, [scene.server.url, prompt]);
      assert.equal(seen.how, 'aborted');
      assert.notEqual(seen.status.type, 'busy');
      assertPrefixes(seen.shown, await assertSettled(seen.plain, scene.server, seen.id));
    }));
  }
});
