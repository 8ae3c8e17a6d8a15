// Where there is no keeper: one tab leads, the others read through it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startMock } from '../support/mock.mjs';
import { sleep } from '../support/wait.mjs';
import { read, startStage, until } from './stage.mjs';

let stage;

before(async () => {
  stage = await startStage();
});
after(() => stage?.close());

const words = (count) => Array.from({ length: count }, (_, at) => `w${at + 1} `);
const opened = ({ events }) => events.find(({ type }) => type === 'replay.opened')?.properties.continuity;

/** A mock server and pages. */
function scene(job, options) {
  return async () => {
    const mock = await startMock(options);
    const profile = await stage.profile([mock.url]);
    const open = () => profile.open();
    try {
      await job({ mock, open, session: mock.store.createSession().id });
    } finally {
      await profile.close();
      await mock.close();
    }
  };
}

test('a missing keeper leads to one tab that shares', scene(async ({ mock, open, session }) => {
  const [one, two] = [await open(), await open()];
  await read(one, 'shared', '/missing.js', mock.url);
  await until(one, opened, 'the opening frame');
  const answer = mock.answer(session, words(40), { every: 20 });
  await until(one, ({ text }) => text.includes('w10 '), 'ten words');
  await read(two, 'shared', '/missing.js', mock.url);
  await answer;
  for (const page of [one, two]) {
    const seen = await until(page, ({ text }) => text === words(40).join(''), 'the whole text');
    assert.deepEqual([opened(seen), seen.closed], ['kept', []]);
  }
  assert.deepEqual([mock.opened, mock.streams], [1, 1]);
}));

test('a leader that nobody pings reads on, and a follower that rests is let go and comes back', scene(async ({ mock, open, session }) => {
  const pages = [await open(), await open()];
  const times = { lapse: 400, ping: 100 };
  for (const page of pages) {
    await read(page, 'leader', '', mock.url, { times });
    await until(page, opened, 'the opening frame');
  }
  await sleep(1_000);
  await mock.answer(session, words(5));
  for (const page of pages) {
    const seen = await until(page, ({ text }) => text === words(5).join(''), 'the text');
    assert.deepEqual(seen.closed, []);
  }
  const rest = (resting) => pages[1].evaluate((value) => globalThis.keeper.rest(value), resting);
  await rest(true);
  await sleep(1_000);
  await rest(false);
  await until(pages[1], ({ closed }) => closed.length === 1, 'the end');
}));

test('where the wasm of the keeper traps, this source is given up, and not asked for again', scene(async ({ mock, open }) => {
  const page = await open();
  await page.evaluate(() => globalThis.keeper.trap());
  await read(page, 'leader', '', mock.url);
  assert.deepEqual((await until(page, ({ closed }) => closed.length === 1, 'the end')).closed, [4]);
  await read(page, 'leader', '', mock.url);
  assert.deepEqual((await until(page, ({ closed }) => closed.length === 2, 'the second end')).closed, [4, 4]);
  assert.equal(mock.opened, 1);
}));

test('when the leader goes the next one leads', scene(async ({ mock, open, session }) => {
  const pages = [await open(), await open(), await open()];
  for (const page of pages) {
    await read(page, 'leader', '', mock.url);
    await until(page, opened, 'the opening frame');
  }
  await pages[0].close();
  for (const page of pages.slice(1)) await until(page, ({ closed }) => closed.length === 1, 'the end');
  for (const page of pages.slice(1)) await read(page, 'leader', '', mock.url);
  for (const page of pages.slice(1)) await until(page, opened, 'the opening frame');
  await mock.answer(session, words(5));
  for (const page of pages.slice(1)) {
    const seen = await until(page, ({ text }) => text === words(5).join(''), 'the text');
    assert.deepEqual(seen.closed, [0]);
  }
  assert.equal(mock.streams, 1);
}));

test('a leader that does not answer is given up', scene(async ({ mock, open }) => {
  const [one, two] = [await open(), await open()];
  await read(one, 'leader', '', mock.url);
  await until(one, opened, 'the opening frame');
  await read(two, 'leader', '', mock.url, { times: { ping: 200, answer: 4_000 } });
  await until(two, opened, 'the opening frame');
  // Frozen, as far as others can tell.
  await one.evaluate(() => {
    BroadcastChannel.prototype.postMessage = () => undefined;
  });
  const seen = await until(two, ({ closed }) => closed.length === 1, 'the end');
  assert.deepEqual(seen.closed, [4]);
}));

test('tabs with other credentials share nothing, and no secret goes over the channel', scene(async ({ mock, open }) => {
  const auth = (password) => ({ name: 'authorization', value: `Basic ${Buffer.from(`opencode:${password}`).toString('base64')}` });
  const pages = [await open(), await open()];
  for (const page of pages) {
    await page.evaluate(() => {
      const post = BroadcastChannel.prototype.postMessage;
      globalThis.posted = [];
      BroadcastChannel.prototype.postMessage = function (message) {
        posted.push(this.name + JSON.stringify(message));
        post.call(this, message);
      };
    });
  }
  await read(pages[0], 'leader', '', mock.url, { auth: auth('SECRET') });
  await until(pages[0], opened, 'the opening frame');
  await read(pages[1], 'leader', '', mock.url, { auth: auth('wrong') });
  const refused = await until(pages[1], ({ closed }) => closed.length === 1, 'the end');
  assert.deepEqual(refused.status, [401]);
  for (const page of pages) {
    const posted = await page.evaluate(() => posted.join());
    assert.ok(posted.length > 0 && !posted.includes(auth('SECRET').value.slice(6)) && !posted.includes(mock.url), posted);
  }
}, { password: 'SECRET' }));

test('without locks nothing is shared', scene(async ({ mock, open }) => {
  const page = await open();
  await page.evaluate(() => Object.defineProperty(navigator, 'locks', { value: undefined }));
  await read(page, 'leader', '', mock.url);
  const seen = await until(page, ({ closed }) => closed.length === 1, 'the end');
  assert.deepEqual(seen.closed, [4]);
}));
