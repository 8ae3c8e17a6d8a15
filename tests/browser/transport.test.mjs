// Each way to hear of events, in a page and in a worker, with and without a password.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertPrefixes, assertProblem, assertQuiet, assertSettled, numbered } from './checks.mjs';
import { NEWEST, onPage, onServers, withStage } from './scene.mjs';

const shared = withStage();
const WORDS = 'words 40 every 20';
/** So slow that it cannot come in a few pieces. */
const SLOW = 'words 40 every 100';
const SECRET = 'canary-3f9c-password';
const BASIC = Buffer.from(`opencode:${SECRET}`).toString('base64');
const canaries = [SECRET, BASIC, encodeURIComponent(BASIC)];

/** One whole answer; gives what is needed to judge it. @param {import('playwright-core').Page} page @param {object} options */
const answer = (page, options) => page.evaluate(async ([options, words]) => {
  const session = await drive.open(options);
  const shown = drive.watch(session);
  await drive.turn(session, words);
  const { connection, messages } = session.state;
  return { id: session.id, shown, source: connection.source, phase: connection.phase, text: drive.textOf(session.state), plain: drive.plain(messages), logs: drive.logs };
}, [options, WORDS]);

async function assertWhole(seen, server) {
  assert.equal(seen.text.trimEnd(), numbered(40));
  assertPrefixes(seen.shown, await assertSettled(seen.plain, server, seen.id));
}

onServers('transports', (scene) => {
  for (const [transport, kind, source, phase] of [['auto', 'fetch', 'event', 'live'], ['fetch', 'fetch', 'event', 'live'], ['eventsource', 'eventsource', 'event', 'live'], ['poll', undefined, 'poll', 'polling']]) {
    test(`"${transport}" gives the whole answer`, () => onPage(shared, [scene.server.url], async ({ page, asked, said }) => {
      const seen = await answer(page, { baseUrl: scene.server.url, transport });
      await assertWhole(seen, scene.server);
      assert.deepEqual([seen.source, seen.phase], [source, phase]);
      const streams = [...asked('/event'), ...asked('/global/event')];
      assert.deepEqual(streams.map((request) => request.resourceType()), kind === undefined ? [] : [kind]);
      assert.deepEqual(said, []);
    }));
  }

  test('a module worker streams an answer', () => onPage(shared, [scene.server.url], async ({ page, said }) => {
    const seen = await page.evaluate(async ([baseUrl, words]) => {
      const worker = new Worker('/page/worker.js', { type: 'module' });
      const told = new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
      });
      worker.postMessage({ baseUrl, words });
      return drive.soon(told, 'the worker').finally(() => worker.terminate());
    }, [scene.server.url, SLOW]);
    assert.equal(seen.failed, undefined);
    await assertWhole(seen, scene.server);
    assert.ok(Object.values(seen.shown).some((texts) => texts.length > 10), 'the answer did not come word by word');
    assert.deepEqual(said, []);
  }));
}, { versions: [NEWEST] });

onServers('a password', (scene) => {
  test('basic auth is sent, and never shown', () => onPage(shared, [scene.server.url], async ({ page, requests, said }) => {
    const seen = await answer(page, { baseUrl: scene.server.url, auth: { type: 'basic', password: SECRET } });
    await assertWhole(seen, scene.server);
    const sent = requests.filter((request) => request.url().startsWith(scene.server.url) && request.method() !== 'OPTIONS');
    assert.ok(sent.length > 3);
    assert.deepEqual([...new Set(sent.map((request) => request.headers().authorization))], [`Basic ${BASIC}`]);
    assertQuiet([...requests.map((request) => request.url()), ...said, ...seen.logs.map((entry) => JSON.stringify(entry))], canaries);
  }));

  test('a function is asked for credentials, and again after a 401', () => onPage(shared, [scene.server.url], async ({ page, requests, said }) => {
    const seen = await page.evaluate(async ([baseUrl, password, words]) => {
      let asked = 0;
      const auth = async () => {
        asked += 1;
        return { type: 'basic', password: asked === 1 ? 'outdated' : password };
      };
      const session = await drive.open({ baseUrl, auth });
      await drive.turn(session, words);
      return { id: session.id, asked, shown: {}, text: drive.textOf(session.state), plain: drive.plain(session.state.messages) };
    }, [scene.server.url, SECRET, WORDS]);
    await assertWhole(seen, scene.server);
    assert.ok(seen.asked > 2, `asked ${seen.asked} times`);
    assertQuiet([...requests.map((request) => request.url()), ...said], canaries);
  }));

  for (const [title, auth] of [['no', undefined], ['wrong', { type: 'basic', password: `${SECRET}-wrong` }]]) {
    test(`${title} credentials are told as unauthorized`, () => onPage(shared, [scene.server.url], async ({ page, requests, said }) => {
      const seen = await page.evaluate(async ([baseUrl, auth]) => {
        const client = await drive.connect({ baseUrl, ...(auth && { auth }) });
        const session = client.openSession('ses_00000000000000000000000000');
        const errors = [await drive.problem(client.health()), await drive.problem(session.ready)];
        const { connection } = session.state;
        return { errors, phase: connection.phase, shown: drive.plainError(connection.error), logs: drive.logs.map((entry) => JSON.stringify(entry)) };
      }, [scene.server.url, auth]);
      for (const error of [...seen.errors, seen.shown]) assertProblem(error, 'unauthorized', canaries);
      assert.equal(seen.shown.status, 401);
      assertQuiet([...requests.map((request) => request.url()), ...said, ...seen.logs], canaries);
    }));
  }
}, { versions: [NEWEST], server: { password: SECRET } });

describe('EventSource', () => {
  test('refuses auth that it cannot send', () => onPage(shared, [], async ({ page }) => {
    const error = await page.evaluate(() => drive.problem(drive.connect({ baseUrl: 'http://127.0.0.1:1', transport: 'eventsource', auth: { type: 'bearer', token: 'x' } })));
    assertProblem(error, 'unsupported');
  }));
});
