// The service worker in Chromium: one stream for all tabs, kept over reloads, navigation and the last tab's end.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startMock } from '../support/mock.mjs';
import { sleep, waitFor } from '../support/wait.mjs';
import { read, ready, startStage, told, until } from './stage.mjs';

const SCRIPT = '/keeper.js';
const NEVER = 600_000;
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
    await answer;
    await until(page, ({ text }) => text === words(60).join(''), 'the whole text');
    assert.equal(mock.opened, 1);
    assert.equal(mock.streams, 1);
  }));

  test('a second tab in the middle of an answer gets the whole text from the same stream', scene(async ({ mock, profile, session }) => {
    const [one, two] = [await profile.open(), await profile.open()];
    await read(one, 'port', SCRIPT, mock.url);
    await until(one, opened, 'the opening frame');
    const answer = mock.answer(session, words(40), { every: 20 });
    await until(one, ({ text }) => text.includes('w10 '), 'ten words');
    await read(two, 'port', SCRIPT, mock.url);
    await answer;
    for (const page of [one, two]) {
      const seen = await until(page, ({ text }) => text === words(40).join(''), 'the whole text');
      assert.equal(opened(seen), 'kept');
    }
    assert.deepEqual([mock.opened, mock.streams], [1, 1]);
  }));

  test('it outlives navigation and the last tab', scene(async ({ mock, profile, session }) => {
    const page = await profile.open();
    await read(page, 'port', SCRIPT, mock.url);
    await until(page, opened, 'the opening frame');
    const answer = mock.answer(session, words(160), { every: 50 });
    await until(page, ({ text }) => text.includes('w5 '), 'five words');
    await page.goto(`${stage.url}other`);
    await ready(page);
    await read(page, 'port', SCRIPT, mock.url);
    const moved = await until(page, ({ text }) => text.includes('w12 '), 'more words');
    assert.ok(moved.text.startsWith('w1 w2 '), moved.text);
    await page.close();
    await sleep(5_000);
    const again = await profile.open();
    await read(again, 'port', SCRIPT, mock.url);
    const seen = await until(again, ({ text }) => text.length > 0, 'the text so far');
    assert.ok(seen.text.startsWith('w1 w2 ') && seen.text.includes('w90 '), seen.text);
    await answer;
    await until(again, ({ text }) => text === words(160).join(''), 'the whole text');
    assert.equal(mock.opened, 1);
  }));

  test('eight tabs on one HTTP/1.1 server', scene(async ({ mock, profile, session }) => {
    const pages = [];
    for (let n = 0; n < 8; n += 1) pages.push(await profile.open());
    for (const page of pages) await read(page, 'port', SCRIPT, mock.url);
    for (const page of pages) await until(page, opened, 'the opening frame');
    await mock.answer(session, words(20), { every: 5 });
    for (const page of pages) await until(page, ({ text }) => text === words(20).join(''), 'the whole text');
    const free = await pages[7].evaluate((url) => fetch(`${url}/global/health`).then(({ status }) => status), mock.url);
    assert.deepEqual([free, mock.opened], [200, 1]);
  }));

  test('a reader that left comes back where it was', scene(async ({ mock, profile, session }) => {
    const page = await profile.open();
    await read(page, 'port', SCRIPT, mock.url);
    await until(page, opened, 'the opening frame');
    const answer = mock.answer(session, words(40), { every: 20 });
    const before = await until(page, ({ text }) => text.includes('w10 '), 'ten words').then(() => page.evaluate(() => {
      keeper.close();
      return { text: keeper.told.text, position: keeper.told.position };
    }));
    await answer;
    await read(page, 'port', SCRIPT, mock.url, { position: before.position });
    const after = await until(page, ({ events }) => events.some(({ type }) => type === 'session.idle'), 'the end');
    assert.equal(opened(after), 'kept');
    const whole = after.events.findLast(({ type, properties }) => type === 'message.part.updated' && properties.part.type === 'text').properties.part.text;
    assert.equal(whole, words(40).join(''));
    assert.ok(!after.text.includes('w1 '), 'what was seen came again');
  }));
});

describe('what goes wrong', () => {
  test('a dropped stream is a clean end, and the text after it stands behind a hole', scene(async ({ mock, profile, session }) => {
    const page = await profile.open();
    await read(page, 'port', SCRIPT, mock.url);
    await until(page, opened, 'the opening frame');
    const message = mock.store.assistant(session);
    const part = mock.store.begin(message, 'text');
    mock.store.delta(part, 'before ');
    const { position } = await until(page, ({ text }) => text === 'before ', 'text');
    mock.dropStreams();
    await until(page, ({ closed }) => closed.length === 1, 'the end');
    await read(page, 'port', SCRIPT, mock.url, { position });
    await until(page, opened, 'the opening frame');
    mock.store.delta(part, 'after');
    const seen = await until(page, ({ text }) => text === 'after', 'text');
    assert.equal(opened(seen), 'kept');
    assert.deepEqual(seen.events.map(({ type }) => type), ['replay.opened', 'replay.hole', 'replay.live', 'message.part.delta']);
    assert.deepEqual(seen.closed, [0]);
  }));

  test('a killed worker is noticed at once, and says that something is lost', scene(async ({ mock, profile, session }) => {
    const pages = [await profile.open(), await profile.open('other')];
    // No ping would find it: the lock alone does.
    for (const page of pages) await read(page, 'port', SCRIPT, mock.url, { times: { ping: NEVER } });
    for (const page of pages) await until(page, opened, 'the opening frame');
    await mock.answer(session, words(5));
    const [page] = pages;
    const { position } = await until(page, ({ text }) => text.includes('w5 '), 'text');
    await held(page);
    await stopWorkers(profile.context, page);
    for (const each of pages) await until(each, ({ closed }) => closed.length === 1, 'the end');
    await read(page, 'port', SCRIPT, mock.url, { position });
    const seen = await until(page, opened, 'the opening frame');
    assert.equal(opened(seen), 'lost');
    assert.deepEqual(seen.closed, [0]);
    await mock.answer(session, ['again']);
    await until(page, ({ text }) => text === 'again', 'text');
    // The next worker has a life of its own.
    await held(page);
    await stopWorkers(profile.context, page);
    await until(page, ({ closed }) => closed.length === 2, 'the second end');
  }));

  for (const rested of [false, true]) {
    test(`without locks a killed worker is noticed by the next ping${rested ? ', also after a rest' : ''}`, scene(async ({ mock, profile }) => {
      await profile.context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }));
      const page = await profile.open();
      await read(page, 'port', SCRIPT, mock.url, { times: { ping: 500 } });
      await until(page, opened, 'the opening frame');
      if (rested) await page.evaluate(() => [true, false].forEach(keeper.rest));
      await stopWorkers(profile.context, page);
      const seen = await until(page, ({ closed }) => closed.length === 1, 'the end');
      assert.deepEqual(seen.closed, [0]);
    }));
  }

  test('a page that rests lets the worker be ended, and looks after it afterwards', scene(async ({ mock, profile }) => {
    const page = await profile.open();
    await read(page, 'port', SCRIPT, mock.url, { times: { ping: NEVER } });
    await until(page, opened, 'the opening frame');
    await held(page);
    await page.evaluate(() => keeper.rest(true));
    await stopWorkers(profile.context, page);
    await sleep(1_000);
    assert.deepEqual((await told(page)).closed, []);
    await page.evaluate(() => keeper.rest(false));
    await until(page, ({ closed }) => closed.length === 1, 'the end');
  }));

  test('credentials are passed on, and so is a 401', scene(async ({ mock, profile }) => {
    const page = await profile.open();
    const auth = (password) => ({ name: 'authorization', value: `Basic ${Buffer.from(`opencode:${password}`).toString('base64')}` });
    await read(page, 'port', SCRIPT, mock.url, { auth: auth('wrong') });
    const refused = await until(page, ({ closed }) => closed.length === 1, 'the end');
    assert.deepEqual([refused.status, refused.closed], [[401], [0]]);
    await sleep(1_500);
    assert.equal(mock.requests.filter(({ path, method }) => path === '/event' && method === 'GET').length, 1, 'tried again by itself');
    await read(page, 'port', SCRIPT, mock.url, { auth: auth('SECRET') });
    const seen = await until(page, opened, 'the opening frame');
    assert.deepEqual(seen.status, [401, 200]);
  }, { password: 'SECRET' }));

  for (const [title, status, body, headers] of [
    ['a web page', 200, '<!doctype html>', { 'content-type': 'text/html' }],
    ['too many requests', 429, '', { 'retry-after': '7' }],
  ]) {
    test(`${title} is passed on`, scene(async ({ mock, profile }) => {
      mock.on('GET', '/event', ({ reply }) => reply(status, body, headers));
      const page = await profile.open();
      await read(page, 'port', SCRIPT, mock.url);
      const seen = await until(page, ({ closed }) => closed.length === 1, 'the end');
      assert.deepEqual([seen.status, seen.closed], [[status], [0]]);
      if (status === 200) assert.match(seen.kinds[0], /^text\/html/);
    }));
  }

  test('a server that is not there is a network error', scene(async ({ mock, profile }) => {
    await mock.close();
    const page = await profile.open();
    await read(page, 'port', SCRIPT, mock.url);
    const seen = await until(page, ({ closed }) => closed.length === 1, 'the end');
    assert.deepEqual([seen.status, seen.closed], [[], [1]]);
  }));

  test('without its file the keeper cannot be used', scene(async ({ mock, profile }) => {
    const page = await profile.open();
    await read(page, 'port', '/missing.js', mock.url);
    const seen = await until(page, ({ closed }) => closed.length === 1, 'the end');
    assert.deepEqual(seen.closed, [4]);
    assert.equal(mock.opened, 0);
  }));

  test('a keeper of another version is told with its remedy', scene(async ({ mock, profile }) => {
    const page = await profile.open();
    stage.files.set('/old/keeper.js', 'onmessage = ({ ports }) => ports[0].postMessage({ type: "other" });');
    await read(page, 'port', '/old/keeper.js', mock.url);
    const seen = await until(page, ({ closed }) => closed.length === 1, 'the end');
    assert.deepEqual(seen.closed, [4]);
    assert.match(seen.logs.join(), /keeper_version .*npx opencode-session keeper/);
  }));

  test('a keeper that does not answer cannot be used', scene(async ({ mock, profile }) => {
    const page = await profile.open();
    stage.files.set('/mute/keeper.js', 'onmessage = () => {};');
    await read(page, 'port', '/mute/keeper.js', mock.url, { times: { answer: 500 } });
    const seen = await until(page, ({ closed }) => closed.length === 1, 'the end');
    assert.deepEqual(seen.closed, [4]);
    assert.match(seen.logs.join(), /keeper_silent/);
  }));

  test('a worker holds 32 streams; a new one takes the place of one without readers, or is turned away', scene(async ({ mock, profile }) => {
    const page = await profile.open();
    await read(page, 'port', SCRIPT, mock.url);
    await until(page, opened, 'the opening frame');
    const [before, turned, after] = await page.evaluate(async (base) => {
      const { active } = await navigator.serviceWorker.getRegistration('/opencode-session-keeper/');
      // One stream is read by the page itself.
      const attach = (path) => {
        const { port1, port2 } = new MessageChannel();
        const said = [];
        port1.onmessage = ({ data }) => said.push(data);
        active.postMessage({ type: 'attach', protocol: 3, id: path, base, path, who: '' }, [port2]);
        return { said, port1 };
      };
      const has = async ({ said }, type) => {
        while (!said.some((each) => each.type === type)) await new Promise((wake) => setTimeout(wake, 10));
        return said.find((each) => each.type === type);
      };
      const held = Array.from({ length: 31 }, (_, at) => attach(`/event?n=${at}`));
      for (const each of held) await has(each, 'life');
      const turned = attach('/event?n=31');
      const open = await has(turned, 'open');
      const before = held.map(({ said }) => said.filter(({ type }) => type === 'open' || type === 'close').length);
      held[0].port1.postMessage('detach');
      const next = attach('/event?n=32');
      await has(next, 'life');
      await new Promise((wake) => setTimeout(wake, 100));
      return [before, open.status, next.said.map(({ status }) => status).filter((status) => status !== undefined)];
    }, mock.url);
    assert.deepEqual(before.filter((count) => count > 1), []);
    assert.deepEqual([turned, after.filter((status) => status !== 200)], [503, []]);
  }));

  test('what is no message of ours changes nothing', scene(async ({ mock, profile, session }) => {
    const page = await profile.open();
    await read(page, 'port', SCRIPT, mock.url);
    await until(page, opened, 'the opening frame');
    await page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration('/opencode-session-keeper/');
      const junk = [null, 7, 'attach', [], {}, { type: 'attach' }, { type: 'attach', protocol: 3 }, { type: 'ping', protocol: 3 }, { type: 'forget', protocol: 3 }, { type: 'forget', protocol: 3, base: 7, who: {} }];
      const wrong = { type: 'attach', protocol: 3, id: 'x', path: '/event', who: '' };
      for (const base of [undefined, 5, 'javascript:alert(1)', 'http://user:pass@127.0.0.1', 'data:text/plain,x']) junk.push({ ...wrong, base });
      for (const path of [undefined, 'event', '//']) junk.push({ ...wrong, base: 'http://127.0.0.1:1', path, auth: 5 });
      for (const message of junk) {
        registration.active.postMessage(message);
        registration.active.postMessage(message, [new MessageChannel().port2]);
      }
    });
    await mock.answer(session, words(3));
    await until(page, ({ text }) => text === words(3).join(''), 'the text');
    assert.equal(mock.opened, 1);
  }));
});

/** Long before the minute that is usual. */
const SOONER = 30_000;

describe('rest', () => {
  test('a stream that nobody needs is let go', scene(async ({ mock, profile }) => {
    const page = await profile.open();
    await read(page, 'port', `${SCRIPT}?linger=400&patience=400`, mock.url);
    await until(page, opened, 'the opening frame');
    assert.equal(mock.streams, 1);
    await page.evaluate(() => keeper.close());
    await waitFor(() => mock.streams === 0, { timeout: SOONER, message: 'the end of the stream' });
  }));

  test('a tab that is closed is a reader that goes', scene(async ({ mock, profile }) => {
    const page = await profile.open();
    const other = await profile.open('other');
    await read(page, 'port', `${SCRIPT}?linger=400&patience=400`, mock.url);
    await until(page, opened, 'the opening frame');
    await page.close();
    await waitFor(() => mock.streams === 0, { timeout: SOONER, message: 'the end of the stream' });
    assert.ok(await told(other));
  }));

  test('the keeper controls no page and lives beside the worker of the app', scene(async ({ mock, profile }) => {
    stage.files.set('/app.js', 'onfetch = () => {}; onactivate = (event) => event.waitUntil(clients.claim());');
    const page = await profile.open();
    await page.evaluate(async () => {
      await navigator.serviceWorker.register('/app.js');
      await navigator.serviceWorker.ready;
    });
    await read(page, 'port', SCRIPT, mock.url);
    await until(page, opened, 'the opening frame');
    const scripts = await page.evaluate(async () => {
      const all = await navigator.serviceWorker.getRegistrations();
      return { all: all.map(({ scope }) => new URL(scope).pathname).sort(), own: navigator.serviceWorker.controller?.scriptURL };
    });
    assert.deepEqual(scripts, { all: ['/', '/opencode-session-keeper/'], own: `${stage.url}app.js` });
  }));
});

/** Waits until the page would hear of the worker's end. @param {import('playwright-core').Page} page */
const held = (page) =>
  waitFor(() => page.evaluate(async () => {
    const { held, pending } = await navigator.locks.query();
    return held?.length === 1 && pending?.some(({ name }) => name === held[0].name);
  }), { message: 'the lock' });

/** Ends all service workers, as the browser does when it is short of memory. */
async function stopWorkers(context, page) {
  const session = await context.newCDPSession(page);
  await session.send('ServiceWorker.enable');
  await session.send('ServiceWorker.stopAllWorkers');
  await session.detach();
}
