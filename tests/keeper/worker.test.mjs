// The service worker in Chromium: one stream for all tabs, kept over reloads, navigation and the last tab's end.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startMock } from '../support/mock.mjs';
import { sleep, waitFor } from '../support/wait.mjs';
import { read, ready, startStage, told, until } from './stage.mjs';

const SCRIPT = '/keeper.js';
let stage;

before(async () => {
  stage = await startStage();
});
after(() => stage?.close());

const words = (count) => Array.from({ length: count }, (_, at) => `w${at + 1} `);
const opened = ({ events }) => events.find(({ type }) => type === 'replay.opened')?.properties.continuity;

/** A mock server and a profile of its own. */
function scene(job, options) {
  return async () => {
    const mock = await startMock(options);
    const profile = await stage.profile([mock.url]);
    try {
      await job({ mock, profile, session: mock.store.createSession().id });
      assert.deepEqual(profile.said.filter((line) => /uncaught|SECRET/.test(line)), []);
    } finally {
      await profile.close();
      await mock.close();
    }
  };
}

describe('one stream', () => {
  test('a reload in the middle of an answer gets the whole text', scene(async ({ mock, profile, session }) => {
    const page = await profile.open();
    await read(page, 'port', SCRIPT, mock.url);
    await until(page, (seen) => opened(seen) === 'kept', 'the opening frame');
    const answer = mock.answer(session, words(60), { every: 20 });
    await until(page, ({ text }) => text.includes('w10 '), 'ten words');
    await page.reload();
    await ready(page);
    await read(page, 'port', SCRIPT, mock.url);
    const seen = await until(page, (seen) => seen.text.length > 0, 'the text so far');
    assert.equal(opened(seen), 'kept');
    assert.ok(seen.text.startsWith('w1 w2 w3 '), seen.text);
    assert.ok(seen.first < 500, `first bytes after ${seen.first} ms`);
    await answer;
    await until(page, ({ text }) => text === words(60).join(''), 'the whole text');
    assert.equal(mock.opened, 1);
    assert.equal(mock.streams, 1);
  }));
});
