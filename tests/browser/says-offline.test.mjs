// The browser says that there is no network, though the server can be reached.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { NAME, startLife } from './life.mjs';

/** @type {Awaited<ReturnType<typeof startLife>>} */
let lives;
before(async () => {
  lives = await startLife();
});
after(() => lives?.close());

const says = (page, word) => page.evaluate((word) => {
  Object.defineProperty(navigator, 'onLine', { configurable: true, get: () => word });
  dispatchEvent(new Event(word ? 'online' : 'offline'));
}, word);

test('from the start: it is live, prompts are posted, health answers', async () => {
  const life = await lives.open({ host: NAME, first: (_mock, _proxy, page) => page.evaluateOnNewDocument(() => Object.defineProperty(Navigator.prototype, 'onLine', { get: () => false })) });
  try {
    assert.equal(await life.page.evaluate(() => navigator.onLine), false);
    await life.page.evaluate(() => recorder.session.send('hello', { noReply: true }).stored);
    await life.mock.answer(life.id, 'whole');
    await life.whole('whole');
    assert.ok((await life.phases()).includes('live'));
  } finally {
    await life.close();
  }
});

test('in the middle of an answer: the stream is not torn', async () => {
  const life = await lives.open({ host: NAME });
  try {
    const playing = life.mock.answer(life.id, ['one ', 'two ', 'three'], { every: 300 });
    await says(life.page, false);
    await playing;
    await life.whole('one two three');
    await says(life.page, true);
    await life.mock.answer(life.id, 'and on');
    await life.whole('and on');
    assert.equal(life.mock.opened, 1);
    assert.ok(!(await life.phases()).includes('offline'));
  } finally {
    await life.close();
  }
});
