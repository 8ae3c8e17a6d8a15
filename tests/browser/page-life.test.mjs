// The page's life: offline, hidden, frozen, left and come back to, asleep. Nothing is lost, nothing is asked for nothing.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sleep, waitFor } from '../support/wait.mjs';
import { NAME, startLife } from './life.mjs';

const WORDS = ['one ', 'two ', 'three ', 'four'];
const WHOLE = WORDS.join('');
const HOUR = 3_600_000;

/** @type {Awaited<ReturnType<typeof startLife>>} */
let lives;
before(async () => {
  lives = await startLife();
});
after(() => lives?.close());

/** @param {Parameters<typeof lives.open>[0]} how @param {(life: import('./life.mjs').Life) => Promise<void>} job */
async function onLife(how, job) {
  const life = await lives.open(how);
  try {
    await job(life);
  } finally {
    await life.close();
  }
}

/** The browser did not keep the page it left, which it may always choose: nothing was shown by it. */
class NotKept extends Error {}

/** As `onLife`, until the browser keeps the page. @param {(life: import('./life.mjs').Life) => Promise<void>} job */
async function onKept(job) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await onLife({}, job);
    } catch (error) {
      if (!(error instanceof NotKept) || tries === 5) throw error;
      console.log(error.message);
    }
  }
}

/** @param {import('./life.mjs').Life} life */
async function comeBack(life) {
  if (await life.back()) return;
  const reasons = await life.page.evaluate(() => JSON.stringify(/** @type {any} */ (performance.getEntriesByType('navigation')[0]).notRestoredReasons));
  throw new NotKept(`the page was not kept: ${reasons}`);
}

describe('the network', () => {
  test('offline: nothing is asked, prompts wait; online: they are sent once, in order, and what was missed is there', () => onLife({ host: NAME }, async (life) => {
    const { page, mock, id } = life;
    await page.setOfflineMode(true);
    await life.phase('offline');
    const before = life.requests.length;
    await page.evaluate(() => {
      for (const text of ['first', 'second', 'third']) recorder.session.send(text, { noReply: true });
    });
    await sleep(2_500);
    assert.deepEqual(life.requests.slice(before), [], 'requests while offline');
    assert.deepEqual(await page.evaluate(() => recorder.session.state.messages.slice(-3).map(({ delivery }) => delivery)), ['sending', 'sending', 'sending']);
    assert.equal((await life.state()).phase, 'offline');
    const missed = await mock.answer(id, WHOLE);
    await page.setOfflineMode(false);
    await life.live();
    await waitFor(() => page.evaluate(() => recorder.session.state.messages.every(({ delivery = 'sent' }) => delivery === 'sent')), { message: 'the prompts sent' });
    await page.evaluate(() => recorder.session.settled());
    assert.deepEqual(posted(mock), ['first', 'second', 'third']);
    assert.equal(await page.evaluate((id) => recorder.session.state.messages.find(({ info }) => info.id === id)?.parts.find(({ type }) => type === 'text').text, missed.info.id), WHOLE);
    assert.equal(mock.streams, 1);
  }));

  test('a server on this machine stays connected whatever the browser says of the network', () => onLife({}, async (life) => {
    await life.page.evaluate(() => dispatchEvent(new Event('offline')));
    await life.mock.answer(life.id, WORDS, { every: 20 });
    await life.whole(WHOLE);
    assert.ok(!(await life.phases()).includes('offline'));
    assert.equal(life.mock.opened, 1);
  }));
});

describe('hidden', () => {
  test('idle: no timers and no requests, though heartbeats come, and live all the time', () => onLife({ heartbeat: 300 }, async (life) => {
    await life.page.evaluate(() => recorder.session.settled());
    await life.hide();
    await life.calm();
    const begin = { asked: life.mock.requests.length, made: await life.page.evaluate(() => clock.made) };
    await sleep(4_000);
    const { made, pending } = await life.page.evaluate(() => ({ made: clock.made, pending: clock.pending }));
    assert.deepEqual(life.mock.requests.slice(begin.asked).map(({ method, path }) => `${method} ${path}`), []);
    assert.deepEqual({ made: made - begin.made, pending }, { made: 0, pending: 0 });
    await life.mock.answer(life.id, WHOLE);
    await life.whole(WHOLE);
    assert.equal(life.mock.opened, 1);
  }));

  test('an answer is told while the page is hidden, and is there when it is shown', () => onLife({}, async (life) => {
    await life.hide();
    const playing = life.mock.answer(life.id, Array.from({ length: 60 }, (_, at) => `w${at} `), { every: 50 });
    await waitFor(() => life.page.evaluate(() => recorder.session.state.messages.at(-1).parts.some(({ text }) => text?.includes('w20 '))), { message: 'the answer in the hidden page' });
    const told = () => life.page.evaluate(() => recorder.report().texts.filter(([, , continuity]) => continuity === 'streaming').length);
    await waitFor(async () => (await told()) > 1, { message: 'listeners that are told while the page is hidden' });
    await playing;
    await life.show();
    await life.whole(Array.from({ length: 60 }, (_, at) => `w${at} `).join(''));
    assert.deepEqual((await life.phases()).filter((phase) => phase !== 'connecting' && phase !== 'syncing'), ['live']);
  }));

  test('timers that are throttled do not make a stream with heartbeats look silent', () => onLife({}, async (life) => {
    for (let beat = 0; beat < 2; beat += 1) {
      await life.beat();
      await life.page.evaluate(() => clock.advance(10_000));
    }
    const playing = life.mock.answer(life.id, WORDS, { every: 200 });
    await life.hide();
    await life.page.evaluate(() => clock.hold());
    for (let beat = 0; beat < 12; beat += 1) {
      await life.page.evaluate(() => clock.advance(10_000));
      await life.beat();
    }
    await life.page.evaluate(() => clock.release());
    await playing;
    await life.show();
    await life.whole(WHOLE);
    assert.equal(life.mock.opened, 1, 'streams opened');
    assert.deepEqual((await life.phases()).filter((phase) => phase !== 'connecting' && phase !== 'syncing'), ['live']);
  }));
});

describe('frozen', () => {
  for (const [title, ms] of [['a moment', 0], ['an hour', HOUR]]) {
    test(`for ${title}: what was said meanwhile is there soon after`, () => onLife({}, async (life) => {
      const playing = life.mock.answer(life.id, WORDS, { every: 300 });
      await life.hide();
      await life.freeze(true);
      await playing;
      await sleep(300);
      await life.page.evaluate((ms) => clock.advance(ms), ms);
      await life.freeze(false);
      await life.show();
      await life.whole(WHOLE);
      await life.mock.answer(life.id, 'and on');
      await life.whole('and on');
      await waitFor(() => life.mock.streams === 1, { message: () => `one stream, there are ${life.mock.streams}` });
    }));
  }

  test('the renderer stands still in the middle of an answer', () => onLife({}, async (life) => {
    const playing = life.mock.answer(life.id, WORDS, { every: 500 });
    await life.stopped(3_000);
    await playing;
    await life.whole(WHOLE);
    assert.equal(life.mock.streams, 1);
  }));
});

describe('left and come back to', () => {
  test('the page from the back/forward cache is live again with all that was missed', () => onKept(async (life) => {
    const playing = life.mock.answer(life.id, WORDS, { every: 300 });
    await waitFor(async () => (await life.state()).text?.startsWith('one '), { message: 'the first word' });
    await life.leave();
    await playing;
    await sleep(300);
    await comeBack(life);
    await life.whole(WHOLE);
    await life.mock.answer(life.id, 'and on');
    await life.whole('and on');
    await waitFor(() => life.mock.streams === 1, { message: () => `one stream, there are ${life.mock.streams}` });
  }));

  test('a page in the cache holds no stream and asks nothing', () => onKept(async (life) => {
    await life.leave();
    await waitFor(() => life.mock.streams === 0, { message: 'the end of the stream' });
    await life.calm();
    const asked = life.mock.requests.length;
    await sleep(2_000);
    assert.deepEqual(life.mock.requests.slice(asked).map(({ method, path }) => `${method} ${path}`), []);
    await comeBack(life);
    await life.live();
  }));
});

describe('asleep', () => {
  test('for an hour, with a stream that died without a word: live again, with what happened', () => onLife({}, async (life) => {
    life.mock.mute(true);
    await life.mock.answer(life.id, WHOLE);
    life.mock.mute(false);
    await life.slept(HOUR);
    await life.whole(WHOLE);
    assert.equal(life.mock.streams, 1);
  }));

  test('for an hour, hidden: live when it is shown', () => onLife({}, async (life) => {
    await life.page.evaluate(() => recorder.session.settled());
    await life.hide();
    await life.calm();
    life.mock.mute(true);
    await life.mock.answer(life.id, WHOLE);
    life.mock.mute(false);
    await life.slept(HOUR);
    await life.show();
    await life.whole(WHOLE);
    assert.equal(life.mock.streams, 1);
  }));
});

/** The prompts that arrived, by their text. @param {import('../support/mock.mjs').Mock} mock */
function posted(mock) {
  return mock.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/prompt_async')).map(({ body }) => body.parts[0].text);
}
