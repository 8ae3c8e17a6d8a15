// What survives a reload, a crash and a closed tab: text of unfinished answers, and prompts, each sent once.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startMock } from '../support/mock.mjs';
import { startProxy } from '../support/proxy.mjs';
import { waitFor } from '../support/wait.mjs';
import { assertPrefixes, assertSettled, history, numbered } from './checks.mjs';
import { NEWEST, onPage, onServers, withStage } from './scene.mjs';
import { ready } from './stage.mjs';

const shared = withStage();
const RETRY = { min: 50, max: 300 };

const open = (page, options, id) => page.evaluate(([options, id]) => drive.open(options, id).then(({ id }) => id), [options, id]);
/** Opens without waiting for the server. */
const begin = (page, options, id) => page.evaluate(async ([options, id]) => {
  drive.session = (await drive.connect(options)).openSession(id);
}, [options, id]);
const send = (page, text, options) => page.evaluate(([text, options]) => drive.session.send(text, options).id, [text, options]);
const answer = (page) => page.evaluate(() => {
  const part = drive.session.state.messages.findLast(({ info }) => info.role === 'assistant')?.parts.find(({ type }) => type === 'text');
  return part && { text: part.text, continuity: part.continuity, gap: part.gap, tail: part.tail };
});
const users = (page) => page.evaluate(() => drive.session.state.messages.filter(({ info }) => info.role === 'user').map(({ parts, delivery }) => [parts[0].text, delivery]));
/** All that the page's origin keeps, as text. */
const kept = (page) => page.evaluate(async () => {
  if (!(await indexedDB.databases()).some(({ name }) => name === 'opencode-session')) return undefined;
  const done = (request) => new Promise((resolve, reject) => { request.onsuccess = () => resolve(request.result); request.onerror = () => reject(request.error); });
  const database = await done(indexedDB.open('opencode-session'));
  const store = database.transaction('journal').objectStore('journal');
  const [keys, rows] = await Promise.all([done(store.getAllKeys()), done(store.getAll())]);
  database.close();
  return rows.map(({ record }, at) => `${keys[at]} ${new TextDecoder().decode(record)}`);
});
const stored = async (server, id) => (await history(server, id)).filter(({ info }) => info.role === 'user').map(({ parts }) => parts[0].text);

onServers('the journal', (scene) => {
  test('a reload in the middle of an answer shows its text up to there with the first drawing, and then the whole', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const id = await open(page, { baseUrl: scene.server.url });
    const release = scene.model.hold(40);
    await send(page, 'words 200 every 10');
    const before = await waitFor(async () => {
      const shown = await answer(page);
      return (shown?.text.split(' ').length ?? 0) > 15 && shown.text;
    }, { message: 'some words' });
    await page.reload();
    await ready(page);
    const first = await page.evaluate(async ([baseUrl, id]) => {
      const session = (await drive.connect({ baseUrl })).openSession(id);
      drive.session = session;
      drive.shown = drive.watch(session);
      return drive.until(session, ({ messages }) => {
        const part = messages.findLast(({ info }) => info.role === 'assistant')?.parts.find(({ type }) => type === 'text');
        return part && { text: part.text, continuity: part.continuity, gap: part.gap?.at };
      });
    }, [scene.server.url, id]);
    assert.ok(first.text.startsWith(before), `"${first.text}" does not begin with "${before}"`);
    if (scene.version === NEWEST) assert.deepEqual([first.continuity, first.gap], ['gapped', first.text.length]);
    release();
    await page.evaluate(() => drive.settle(drive.session));
    const last = await page.evaluate(() => ({ plain: drive.plain(drive.session.state.messages), shown: drive.shown }));
    const messages = await assertSettled(last.plain, scene.server, id);
    assertPrefixes(last.shown, messages);
    assert.equal(messages.at(-1).parts.find(({ type }) => type === 'text').text.trim(), numbered(200));
    await waitFor(async () => (await kept(page))?.length === 0, { message: 'the record to go' });
  }));

  test('a prompt whose answer was lost is stored and answered once, also when the page is reloaded then', async () => {
    const text = 'words 5 every 21';
    const proxy = await startProxy({ upstream: scene.server.url, reuse: false });
    try {
      await onPage(shared, [proxy.url], async ({ page }) => {
        const options = { baseUrl: proxy.url, retry: RETRY };
        const id = await open(page, options);
        await page.evaluate(() => drive.turn(drive.session, 'words 1'));
        // The page hears neither the answer nor, until it is reloaded, that the prompt is stored.
        proxy.lose({ match: 'prompt', when: 'after', times: 1 });
        proxy.mute(true);
        proxy.status('snapshot', 503, '', {}, Infinity);
        await send(page, text);
        await waitFor(async () => (await stored(scene.server, id)).includes(text), { message: 'the post' });
        await waitFor(() => proxy.stats().faults.lose === 1, { message: 'the loss' });
        assert.deepEqual(await users(page), [['words 1', 'sent'], [text, 'sending']]);
        await page.reload();
        await ready(page);
        proxy.calm();
        await open(page, options, id);
        await waitFor(async () => (await history(scene.server, id)).filter(({ info }) => info.role === 'assistant' && info.time.completed).length === 2, { message: 'the answer' });
        await page.evaluate(() => drive.settle(drive.session));
        assert.deepEqual(await stored(scene.server, id), ['words 1', text]);
        const shown = await users(page);
        assert.deepEqual(shown.map(([text]) => text), ['words 1', text]);
        assert.ok(shown.every(([, delivery]) => delivery !== 'sending'), shown.join());
        await assertSettled(await page.evaluate(() => drive.plain(drive.session.state.messages)), scene.server, id);
        assert.equal(scene.model.requests.filter(({ prompt, title }) => prompt === text && !title).length, 1);
        await waitFor(async () => (await kept(page))?.length === 0, { message: 'the record to go' });
      });
    } finally {
      await proxy.close();
    }
  });

  test('prompts sent while the server is stopped survive a reload, and go out once and in order when it is back', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const texts = ['words 2 every 22', 'words 3 every 22', 'words 4 every 22'];
    const options = { baseUrl: scene.server.url, retry: RETRY };
    const id = await open(page, options);
    await page.evaluate(() => drive.turn(drive.session, 'words 1'));
    const waiting = texts.map((text) => [text, 'sending']);
    await scene.server.restart({
      meanwhile: async () => {
        for (const text of texts) await send(page, text);
        await waitFor(async () => (await kept(page))?.join().includes(texts[2]), { message: 'the record' });
        assert.deepEqual((await users(page)).slice(1), waiting);
        await page.reload();
        await ready(page);
        await begin(page, options, id);
        assert.deepEqual(await users(page), [], 'whoever is there now was not let in yet');
        await assert.rejects(fetch(`${scene.server.url}/global/health`), 'there is no server');
      },
    });
    const sent = (shown) => shown.length === 4 && shown.every(([, delivery]) => delivery !== 'sending');
    await waitFor(async () => sent(await users(page)), { message: 'all sent' });
    await page.evaluate(() => drive.settle(drive.session));
    assert.deepEqual(await stored(scene.server, id), ['words 1', ...texts]);
    // The server answers prompts that come while it is busy together, as it does for every client; none is answered twice.
    const answers = texts.map((text) => scene.model.requests.filter(({ prompt, title }) => prompt === text && !title).length);
    assert.ok(answers.every((count) => count <= 1), answers.join());
    // 1.1.65 may end its turn without a look at what was stored meanwhile.
    if (scene.version === NEWEST) assert.equal(answers.at(-1), 1, answers.join());
    await assertSettled(await page.evaluate(() => drive.plain(drive.session.state.messages)), scene.server, id);
    await waitFor(async () => (await kept(page))?.length === 0, { message: 'the record to go' });
  }));
});

describe('the journal, on a server with faults', () => {
  /** @param {(mock: any, opened: import('./stage.mjs').Opened, id: string) => Promise<void>} job */
  async function onMock(job, options = {}) {
    const mock = await startMock(options);
    try {
      const { id } = mock.store.createSession();
      await onPage(shared, [mock.url], (opened) => job(mock, opened, id));
    } finally {
      await mock.close();
    }
  }

  test('prompts queued while nothing answers survive two reloads and go out once, in order', () => onMock(async (mock, { page }, id) => {
    let up = false;
    mock.on('*', '/session/:id/message', ({ drop, next }) => (up ? next() : drop()));
    await begin(page, { baseUrl: mock.url, retry: RETRY }, id);
    for (const text of ['one', 'two', 'three']) await send(page, text, { noReply: true });
    for (const _ of [1, 2]) {
      await waitFor(async () => (await kept(page))?.join().includes('three'), { message: 'the record' });
      await page.reload();
      await ready(page);
      await begin(page, { baseUrl: mock.url, retry: RETRY }, id);
      assert.deepEqual(await users(page), [], 'whoever is there now was not let in yet');
    }
    up = true;
    const sent = (shown) => shown.length === 3 && shown.every(([, delivery]) => delivery === 'sent');
    await waitFor(async () => sent(await users(page)), { message: 'all sent' });
    assert.deepEqual(await stored(mock, id), ['one', 'two', 'three']);
    await waitFor(async () => (await kept(page))?.length === 0, { message: 'the record to go' });
  }));

  test('a page killed while it posts: the prompt is stored once', () => onMock(async (mock, { page }, id) => {
    await open(page, { baseUrl: mock.url, retry: RETRY }, id);
    // The server takes it, and the page never hears so.
    mock.onNext(1, 'POST', '/session/:id/prompt_async', async ({ next }) => {
      await next();
      await new Promise((resolve) => setTimeout(resolve, 5_000));
    });
    await send(page, 'once', { noReply: true });
    await waitFor(async () => (await stored(mock, id)).length === 1, { message: 'the post' });
    const context = page.context();
    const session = await context.newCDPSession(page);
    // It never answers.
    void session.send('Page.crash').catch(() => undefined);
    const other = await context.newPage();
    await other.goto(shared.stage.url);
    await ready(other);
    await open(other, { baseUrl: mock.url, retry: RETRY }, id);
    await other.evaluate(() => drive.settle(drive.session));
    assert.deepEqual(await stored(mock, id), ['once']);
    await waitFor(async () => (await kept(other))?.length === 0, { message: 'the record to go' });
  }));

  test('the prompts of a living tab are its own; of a closed one, exactly one tab takes them up', () => onMock(async (mock, { page }, id) => {
    let up = false;
    mock.on('*', '/session/:id/message', ({ drop, next }) => (up ? next() : drop()));
    await begin(page, { baseUrl: mock.url, retry: RETRY }, id);
    await send(page, 'mine', { noReply: true });
    await waitFor(async () => (await kept(page))?.join().includes('mine'), { message: 'the record' });
    const tabs = [];
    for (const _ of [1, 2]) {
      const tab = await page.context().newPage();
      await tab.goto(shared.stage.url);
      await ready(tab);
      tabs.push(tab);
    }
    await begin(tabs[0], { baseUrl: mock.url, retry: RETRY }, id);
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.deepEqual(await users(tabs[0]), [], 'the first tab lives');
    await tabs[0].reload();
    await ready(tabs[0]);
    await page.close();
    await Promise.all(tabs.map((tab) => begin(tab, { baseUrl: mock.url, retry: RETRY }, id)));
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual((await Promise.all(tabs.map(users))).flat(), [], 'whoever is there now was not let in yet');
    up = true;
    await waitFor(async () => (await stored(mock, id)).length > 0, { message: 'the post' });
    await Promise.all(tabs.map((tab) => tab.evaluate(() => drive.settle(drive.session))));
    assert.deepEqual(await stored(mock, id), ['mine']);
  }));

  test("'off' leaves nothing, and removes what was left; no record holds credentials", () => onMock(async (mock, { page }, id) => {
    const secret = 'canary-5d1f';
    mock.on('*', '/session/:id/message', ({ drop }) => drop());
    const options = { baseUrl: mock.url, retry: RETRY, auth: { type: 'bearer', token: secret } };
    await begin(page, { ...options, journal: 'off' }, id);
    await send(page, 'kept?', { noReply: true });
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.equal(await kept(page), undefined);
    await page.reload();
    await ready(page);
    await begin(page, options, id);
    assert.deepEqual(await users(page), []);
    await send(page, 'kept!', { noReply: true });
    await waitFor(async () => (await kept(page))?.join().includes('kept!'), { message: 'the record' });
    const all = [...await kept(page), await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }))];
    assert.ok(all.every((text) => !text.includes(secret)));
    await page.reload();
    await ready(page);
    await begin(page, { ...options, journal: 'off' }, id);
    await waitFor(async () => (await kept(page))?.length === 0, { message: 'nothing to be left' });
  }));

  test('a record that cannot be read, and a database that is gone, cost one log line or none', () => onMock(async (mock, { page }, id) => {
    mock.on('*', '/session/:id/todo', ({ next }) => next());
    await page.evaluate(async ([url, id]) => {
      const request = indexedDB.open('opencode-session', 1);
      request.onupgradeneeded = () => request.result.createObjectStore('journal');
      await new Promise((resolve) => { request.onsuccess = resolve; });
      const rows = { a: { at: Date.now(), record: new Uint8Array([1, 2, 3]) }, b: 'foreign', c: { at: 1, record: new Uint8Array(0) } };
      const store = request.result.transaction('journal', 'readwrite').objectStore('journal');
      for (const [owner, row] of Object.entries(rows)) store.put(row, `${url}\n${id}\n${owner}`);
      await new Promise((resolve) => { store.transaction.oncomplete = resolve; });
      request.result.close();
    }, [mock.url, id]);
    await open(page, { baseUrl: mock.url, retry: RETRY }, id);
    assert.deepEqual(await page.evaluate(() => drive.codes()), ['journal_dropped']);
    await page.evaluate(() => new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase('opencode-session');
      request.onsuccess = resolve;
      request.onerror = reject;
    }));
    const message = mock.store.assistant(id);
    const part = mock.store.begin(message);
    mock.store.delta(part, 'after it was deleted');
    await waitFor(async () => (await kept(page))?.join().includes('after it was deleted'), { message: 'a new record' });
    assert.deepEqual(await page.evaluate(() => drive.codes()), ['journal_dropped']);
  }));

  for (const [what, script] of [
    ['forbids storage', () => { indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); }; }],
    ['is out of space', () => { IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); }; }],
  ]) {
    test(`a browser that ${what}: one log line, and the session goes on`, () => onMock(async (mock, { page }, id) => {
      await page.addInitScript(script);
      await page.reload();
      await ready(page);
      await open(page, { baseUrl: mock.url, retry: RETRY }, id);
      const part = mock.store.begin(mock.store.assistant(id));
      for (const word of ['one ', 'two']) {
        mock.store.delta(part, word);
        await waitFor(async () => (await answer(page))?.text.endsWith(word), { message: word });
      }
      await waitFor(() => page.evaluate(() => drive.codes().length > 0), { message: 'a log line' });
      assert.deepEqual(await page.evaluate(() => drive.codes()), ['journal_failed']);
    }));
  }

  test('a page that goes away while its lock is on the way keeps its text', () => onMock(async (mock, { page }, id) => {
    await page.addInitScript(() => {
      if (sessionStorage.getItem('again') !== null) return;
      sessionStorage.setItem('again', '');
      navigator.locks.request = () => new Promise(() => undefined);
    });
    await page.reload();
    await ready(page);
    const options = { baseUrl: mock.url, retry: RETRY };
    await open(page, options, id);
    mock.store.delta(mock.store.begin(mock.store.assistant(id)), 'before the reload, ');
    await waitFor(async () => (await kept(page))?.join().includes('before the reload, '), { message: 'the record' });
    await page.reload();
    await ready(page);
    await open(page, options, id);
    await waitFor(async () => (await answer(page))?.text === 'before the reload, ', { message: 'the text' });
  }));

  test('prompts of a page whose lock is free late are taken up by its reload', () => onMock(async (mock, { page }, id) => {
    let up = false;
    mock.on('*', '/session/:id/message', ({ drop, next }) => (up ? next() : drop()));
    mock.on('*', '/session/:id/prompt_async', ({ drop, next }) => (up ? next() : drop()));
    // A second or more of patience is as good as any here: machines may be slow.
    await page.addInitScript(() => {
      const { timeout } = AbortSignal;
      AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms < 1_000 ? ms : 60_000);
    });
    await page.reload();
    await ready(page);
    const options = { baseUrl: mock.url, retry: RETRY };
    await begin(page, options, id);
    await send(page, 'late', { noReply: true });
    await waitFor(async () => (await kept(page))?.join().includes('late'), { message: 'the record' });
    const name = `opencode-session ${await page.evaluate(() => sessionStorage.getItem('opencode-session'))}`;
    // Stands for a browser that has not ended the page yet.
    const other = await page.context().newPage();
    await other.goto(shared.stage.url);
    await other.evaluate((name) => {
      navigator.locks.request(name, () => new Promise((release) => { globalThis.release = release; }));
    }, name);
    await page.reload();
    await ready(page);
    await other.waitForFunction(() => globalThis.release !== undefined);
    up = true;
    await begin(page, options, id);
    await other.evaluate(async (name) => {
      while (!(await navigator.locks.query()).pending.some((lock) => lock.name === name)) await new Promise((resolve) => setTimeout(resolve, 10));
      await new Promise((resolve) => setTimeout(resolve, 400));
      globalThis.release();
    }, name);
    await waitFor(async () => (await stored(mock, id)).includes('late'), { message: 'the prompt' });
    assert.deepEqual(await stored(mock, id), ['late']);
  }));

  for (const [what, wait] of /** @type {[string, number | undefined][]} */ ([['is slow', 800], ['answers no read', undefined]])) {
    test(`storage that ${what}: ${wait ? 'the text is there with the first drawing' : 'the session opens without it'}`, () => onMock(async (mock, { page }, id) => {
      const options = { baseUrl: mock.url, retry: RETRY };
      await open(page, options, id);
      const part = mock.store.begin(mock.store.assistant(id));
      mock.store.delta(part, 'before the reload, ');
      await waitFor(async () => (await kept(page))?.join().includes('before the reload, '), { message: 'the record' });
      await page.addInitScript((wait) => {
        const { getAll } = IDBObjectStore.prototype;
        IDBObjectStore.prototype.getAll = function (...range) {
          const [request, late] = [getAll.apply(this, range), {}];
          request.onsuccess = () => wait && setTimeout(() => Object.assign(late, { result: request.result }).onsuccess(), wait);
          return late;
        };
      }, wait);
      await page.reload();
      await ready(page);
      const first = await page.evaluate(async ([options, id]) => {
        drive.session = (await drive.connect(options)).openSession(id);
        return drive.until(drive.session, ({ messages }) => messages.findLast(({ info }) => info.role === 'assistant')?.parts[0]?.text !== undefined
          && { text: messages.at(-1).parts[0].text, codes: drive.codes() });
      }, [options, id]);
      assert.deepEqual(first, { text: wait ? 'before the reload, ' : '', codes: [] });
      if (wait === undefined) await waitFor(async () => (await page.evaluate(() => drive.codes()))[0] === 'journal_failed', { message: 'the log line' });
      mock.store.delta(part, 'after it');
      await waitFor(async () => (await answer(page)).tail === 'after it', { message: 'the tail' });
    }));
  }

  test('storage that never answers holds a few writes, and is given up', () => onMock(async (mock, { page }, id) => {
    await page.addInitScript(() => {
      const { transaction } = IDBDatabase.prototype;
      globalThis.writes = 0;
      IDBDatabase.prototype.transaction = function (names, mode) {
        if (mode !== 'readwrite') return transaction.call(this, names, mode);
        globalThis.writes += 1;
        return { objectStore: () => ({ put() {}, delete() {}, openCursor: () => ({}) }) };
      };
    });
    await page.reload();
    await ready(page);
    await open(page, { baseUrl: mock.url, retry: RETRY }, id);
    const part = mock.store.begin(mock.store.assistant(id));
    let words = 0;
    await waitFor(async () => {
      mock.store.delta(part, 'word ');
      words += 1;
      return (await page.evaluate(() => drive.codes())).length > 0;
    }, { message: 'the log line' });
    assert.deepEqual(await page.evaluate(() => drive.codes()), ['journal_failed']);
    assert.ok(words > 20 && (await page.evaluate(() => globalThis.writes)) <= 8, `${words} words`);
    await waitFor(async () => (await answer(page))?.text === 'word '.repeat(words), { message: 'the text' });
  }));

  test('old records, and what is none, go with the first session that is opened, whichever that is', () => onMock(async (mock, { page }, id) => {
    await page.evaluate(async () => {
      const request = indexedDB.open('opencode-session', 1);
      request.onupgradeneeded = () => request.result.createObjectStore('journal');
      await new Promise((resolve) => { request.onsuccess = resolve; });
      const record = new Uint8Array([1]);
      const rows = { old: { at: Date.now() - 8 * 24 * 3_600_000, record }, young: { at: Date.now() - 6 * 24 * 3_600_000, record }, foreign: 'foreign' };
      const store = request.result.transaction('journal', 'readwrite').objectStore('journal');
      for (const [session, row] of Object.entries(rows)) store.put(row, `http://elsewhere\nses_${session}\nowner`);
      await new Promise((resolve) => { store.transaction.oncomplete = resolve; });
      request.result.close();
    });
    await open(page, { baseUrl: mock.url, retry: RETRY }, id);
    await waitFor(async () => (await kept(page)).length === 1, { message: 'the old ones to go' });
    assert.match((await kept(page))[0], /ses_young/);
  }));

  test('without Web Locks a reload finds the records of its own tab', () => onMock(async (mock, { page }, id) => {
    await page.addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }));
    await page.reload();
    await ready(page);
    await open(page, { baseUrl: mock.url, retry: RETRY }, id);
    mock.store.delta(mock.store.begin(mock.store.assistant(id)), 'before the reload');
    await waitFor(async () => (await kept(page))?.join().includes('before the reload'), { message: 'the record' });
    await page.reload();
    await ready(page);
    await open(page, { baseUrl: mock.url, retry: RETRY }, id);
    await waitFor(async () => (await answer(page))?.text === 'before the reload', { message: 'the text of the record' });
    assert.equal((await answer(page)).continuity, 'gapped');
  }));

  test('a prompt is taken back while it waits, and not when it is stored', () => onMock(async (mock, { page }, id) => {
    let up = false;
    mock.on('*', '/session/:id/message', ({ drop, next }) => (up ? next() : drop()));
    await begin(page, { baseUrl: mock.url, retry: RETRY }, id);
    const seen = await page.evaluate(async () => {
      const [first, second] = ['first', 'second'].map((text) => drive.session.send(text, { noReply: true }));
      drive.second = second;
      const cancelled = first.cancel();
      return { cancelled, again: first.cancel(), stored: (await drive.problem(first.stored)).code, done: (await drive.problem(first.done)).code };
    });
    assert.deepEqual(seen, { cancelled: true, again: false, stored: 'cancelled', done: 'cancelled' });
    up = true;
    await page.evaluate(() => drive.soon(drive.second.stored, 'stored'));
    assert.equal(await page.evaluate(() => drive.second.cancel()), false);
    assert.deepEqual(await stored(mock, id), ['second']);
  }));
});
