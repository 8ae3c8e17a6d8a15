// Files that only some pages need: loaded where they are of use, and not missed where they cannot be had.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startMock } from '../support/mock.mjs';
import { waitFor } from '../support/wait.mjs';
import { onPage, withStage } from './scene.mjs';

const shared = withStage();
const CHUNKS = ['/lib/shared.js', '/lib/leader.js', '/lib/keeper.js'];

/** A page without the files in `missing` opens a session, and an answer comes. @param {object} options @param {string[]} missing */
async function answered(options, missing, job) {
  const mock = await startMock();
  const { id } = mock.store.createSession();
  try {
    await onPage(shared, [mock.url], async ({ page, asked }) => {
      for (const file of missing) await page.route(`**${file}`, (route) => route.abort());
      await page.evaluate(([options, id]) => drive.open(options, id), [{ baseUrl: mock.url, ...options }, id]);
      await page.evaluate(() => void drive.session.send('go'));
      await waitFor(() => mock.store.page(id, 0).items.length > 0, { message: 'the prompt' });
      await mock.answer(id, ['one ', 'two'], { every: 10 });
      await waitFor(() => page.evaluate(() => drive.session.state.messages.at(-1)?.parts.some(({ text }) => text === 'one two')), { message: 'the answer' });
      await job({
        asked: CHUNKS.filter((path) => asked(path).length > 0),
        logs: await page.evaluate(() => drive.codes()),
        connection: await page.evaluate(() => drive.session.state.connection),
      });
    });
  } finally {
    await mock.close();
  }
}

describe('files for some pages', () => {
  test('a page without a keeper loads none of them', () => answered({}, [], ({ asked, logs, connection }) => {
    assert.deepEqual({ asked, logs }, { asked: [], logs: [] });
    assert.deepEqual([connection.phase, connection.source], ['live', 'event']);
  }));

  test('a page with a keeper loads the way to it and the keeper, not the leading tab', () => answered({ keeper: '/lib/keeper.js' }, [], ({ asked, connection }) => {
    assert.deepEqual(asked.filter((path) => path !== '/lib/keeper.js'), ['/lib/shared.js']);
    assert.deepEqual([connection.phase, connection.source], ['live', 'keeper']);
  }));

  test('without the way to the keeper a page opens its own stream, and says so once', () => answered({ keeper: '/lib/keeper.js' }, ['/lib/shared.js'], ({ logs, connection }) => {
    assert.deepEqual(logs, ['keeper_failed']);
    assert.deepEqual([connection.phase, connection.source], ['live', 'event']);
  }));

  test('without a service worker and without the leading tab too', () => answered({ keeper: '/missing.js' }, ['/lib/leader.js'], ({ logs, connection }) => {
    assert.deepEqual(logs, ['keeper_missing']);
    assert.deepEqual([connection.phase, connection.source], ['live', 'event']);
  }));
});
