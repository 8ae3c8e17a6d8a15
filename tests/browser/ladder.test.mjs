// Down the ladder when a stream is mute, held back or refused, and up again when it works: the answer is shown all the time.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertTrue } from '../continuity/judge.mjs';
import { waitFor } from '../support/wait.mjs';
import { startLife } from './life.mjs';

const WORDS = Array.from({ length: 20 }, (_, at) => `w${at + 1} `);
const WHOLE = WORDS.join('');
/** The best rung is tried again after a minute; the page's clock is put forward instead. */
const PROBE = 61_000;

/** @type {Awaited<ReturnType<typeof startLife>>} */
let lives;
before(async () => {
  lives = await startLife();
});
after(() => lives?.close());

/** @param {import('./life.mjs').How} how @param {(life: import('./life.mjs').Life) => Promise<void>} job */
async function onLife(how, job) {
  const life = await lives.open(how);
  try {
    await job(life);
    assertTrue(await life.page.evaluate(() => recorder.report()), life.mock.store.page(life.id, 0).items);
  } finally {
    await life.close();
  }
}

/** Sends a prompt; the answer comes word by word. @param {import('./life.mjs').Life} life @param {number} every */
async function ask(life, every) {
  const { length } = life.mock.store.page(life.id, 0).items;
  await life.page.evaluate(() => void recorder.session.send('go'));
  await waitFor(() => life.mock.store.page(life.id, 0).items.length > length, { message: 'the prompt' });
  return life.mock.answer(life.id, WORDS, { every });
}

/** @param {import('./life.mjs').Life} life @param {object} rung */
async function onRung(life, rung) {
  let seen;
  await waitFor(async () => {
    const { phase, source, fallback } = await life.state();
    seen = { phase, source, fallback };
    return Object.entries({ fallback: undefined, ...rung }).every(([name, value]) => seen[name] === value);
  }, { message: () => `${JSON.stringify(rung)}, it is ${JSON.stringify(seen)}` });
}

/** The best rung works again: it is found, and the next answer comes word by word. @param {import('./life.mjs').Life} life */
async function climbs(life) {
  await life.slept(PROBE);
  await onRung(life, { phase: 'live', source: 'event' });
  const before = await life.page.evaluate(() => recorder.report().texts.length);
  await ask(life, 30);
  await life.whole(WHOLE);
  const told = await life.page.evaluate((before) => recorder.report().texts.length - before, before);
  assert.ok(told >= WORDS.length / 2, `the answer came in ${told} pieces`);
  await waitFor(() => life.mock.streams === 1, { message: () => `one stream, there are ${life.mock.streams}` });
}

describe('down and up again', () => {
  test('a stream with heartbeats and no events: /global/event, then polling; back when it speaks again', () => onLife({ heartbeat: 500 }, async (life) => {
    await onRung(life, { phase: 'live', source: 'event' });
    life.proxy.heartbeatsOnly(true);
    const playing = ask(life, 300);
    await life.hasten(onRung(life, { source: 'global', fallback: 'mute' }));
    await life.hasten(onRung(life, { phase: 'polling', source: 'poll', fallback: 'mute' }));
    await playing;
    await life.whole(WHOLE, { phase: 'polling' });
    assert.equal(life.mock.streams, 0, 'streams while polling');
    life.proxy.heartbeatsOnly(false);
    await climbs(life);
  }));

  test('a stream of the wrong directory: /global/event carries the answer, and says why', () => onLife({
    heartbeat: 500,
    first: (mock) => mock.on('GET', '/event', (call) => {
      call.url.searchParams.set('directory', '/elsewhere');
      return mock.openStream(call, 'event');
    }),
  }, async (life) => {
    await onRung(life, { phase: 'live', source: 'event' });
    const playing = ask(life, 200);
    await life.hasten(onRung(life, { phase: 'live', source: 'global', fallback: 'mute' }));
    await playing;
    await life.whole(WHOLE);
    await ask(life, 30);
    await life.whole(WHOLE);
    await waitFor(() => life.mock.streams === 1, { message: () => `one stream, there are ${life.mock.streams}` });
  }));

  test('a session of another directory than the server says: /global/event from the start', () => onLife({
    // As on file systems that keep the case of names but do not care for it.
    first: (mock) => mock.on('GET', '/path', () => ({ home: '/home', worktree: '/PROJECT', directory: '/PROJECT' })),
  }, async (life) => {
    await onRung(life, { phase: 'live', source: 'global' });
    await ask(life, 20);
    await life.whole(WHOLE);
  }));

  test('the directory in another spelling: the stream is opened anew under the exact one', () => onLife({ options: { directory: '/project/' } }, async (life) => {
    await waitFor(() => life.mock.requests.some(({ path, query }) => path === '/event' && query.get('directory') === '/project'), { message: 'the exact name' });
    await life.live();
    await ask(life, 20);
    await life.whole(WHOLE);
    await onRung(life, { phase: 'live', source: 'event' });
    await waitFor(() => life.mock.streams === 1, { message: () => `one stream, there are ${life.mock.streams}` });
  }));

  test('a proxy that holds the stream back: the history is shown soon, the answer by polling; back when it lets go', () => onLife({
    phase: 'connecting',
    first: (_, proxy) => proxy.buffer(true),
  }, async (life) => {
    await waitFor(async () => (await life.state()).text === 'hello', { message: 'the history' });
    await life.hasten(onRung(life, { phase: 'polling', source: 'poll', fallback: 'held_back' }));
    const { states, texts } = await life.page.evaluate(() => recorder.report());
    assert.ok(texts[0][0] <= states.find(([, phase]) => phase === 'polling')[0], 'the history waited for the next rung');
    await ask(life, 100);
    await life.whole(WHOLE, { phase: 'polling' });
    life.proxy.buffer(false);
    await climbs(life);
  }));

  for (const [title, status, headers, body, code] of [
    ['HTML', 200, { 'content-type': 'text/html' }, '<!doctype html><title>Sign in</title>', 'html_response'],
    ['404', 404, { 'content-type': 'application/json' }, '{"name":"NotFoundError","data":{}}', 'not_found'],
  ]) {
    test(`/event answers ${title}: /global/event, and back`, () => onLife({
      first: (_, proxy) => proxy.status(/^GET \/event/, status, body, headers, Infinity),
    }, async (life) => {
      await onRung(life, { phase: 'live', source: 'global', fallback: code });
      await ask(life, 20);
      await life.whole(WHOLE);
      life.proxy.status('all');
      await climbs(life);
    }));
  }
});

describe('polling', () => {
  test('fast while an answer comes, slow while none does, and the whole history only once in a while', () => onLife({ options: { transport: 'poll' }, phase: 'polling' }, async (life) => {
    await life.page.evaluate(() => recorder.session.settled());
    let passed = 0;
    const idle = await polls(life, life.hasten(life.aged(20_000)).then((ms) => {
      passed = ms;
    }));
    assert.ok(idle.length > 0 && idle.length <= 1 + passed / 6_000, `${idle.length} polls in ${passed} ms without work`);
    // One whole poll follows the end of a turn: small ones leave out the title and the to-dos.
    assert.ok(idle.filter(({ limit }) => limit >= 100).length <= 1, `the whole history was asked for: ${idle.map(({ limit }) => limit)}`);
    const { store } = life.mock;
    const { length } = store.page(life.id, 0).items;
    await life.page.evaluate(() => void recorder.session.send('go'));
    await waitFor(() => store.page(life.id, 0).items.length > length, { message: 'the prompt' });
    store.setStatus(life.id, { type: 'busy' });
    const message = store.assistant(life.id);
    const part = store.begin(message);
    store.delta(part, WHOLE);
    const from = life.mock.requests.length;
    const busy = () => pollsSince(life, from);
    // The first ones may still be those of before.
    await waitFor(() => busy().length >= 7, { message: 'polls during an answer' });
    const times = busy().slice(2, 7).map(({ at }) => at);
    const took = times.at(-1) - times[0];
    assert.ok(took >= 2_500 && took <= 25_000, `four polls of an answer took ${took} ms`);
    store.end(part);
    store.complete(message);
    store.setStatus(life.id, { type: 'idle' });
    await life.whole(WHOLE, { phase: 'polling' });
  }));

  test('hidden and idle: nothing is asked until it is shown', () => onLife({ options: { transport: 'poll' }, phase: 'polling' }, async (life) => {
    await life.page.evaluate(() => recorder.session.settled());
    await life.hide();
    await life.calm();
    const asked = life.mock.requests.length;
    await life.hasten(life.aged(14_000));
    assert.deepEqual(life.mock.requests.slice(asked).map(({ method, path }) => `${method} ${path}`), []);
    await life.mock.answer(life.id, WHOLE);
    await life.show();
    await life.whole(WHOLE, { phase: 'polling' });
  }));
});

/** The polls until `job` is done. @param {import('./life.mjs').Life} life @param {Promise<void>} job */
async function polls(life, job) {
  const from = life.mock.requests.length;
  await job;
  return pollsSince(life, from);
}

/** @param {import('./life.mjs').Life} life @param {number} from */
const pollsSince = (life, from) => life.mock.requests.slice(from)
  .filter(({ method, path }) => method === 'GET' && /^\/session\/[^/]+\/message$/.test(path)).map(({ query, at }) => ({ limit: Number(query.get('limit')), at }));
