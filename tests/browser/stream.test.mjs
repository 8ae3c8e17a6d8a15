// Broken, giant and hostile events, lost servers and careless listeners: the session says so and heals.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startMock } from '../support/mock.mjs';
import { freePort } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';
import { assertProblem, history } from './checks.mjs';
import { tool } from './hostile.mjs';
import { onPage, withStage } from './scene.mjs';

const shared = withStage();
const RETRY = { min: 20, max: 200 };

/** A mock with one session that the page has open. @param {(mock: any, opened: import('./stage.mjs').Opened, id: string) => Promise<void>} job */
async function onSession(job, options = {}) {
  const mock = await startMock();
  try {
    const { id } = mock.store.createSession();
    mock.store.user(id, 'hello');
    await onPage(shared, [mock.url], async (opened) => {
      await opened.page.evaluate(([options, id]) => drive.open(options, id).then(() => undefined), [{ baseUrl: mock.url, retry: RETRY, ...options }, id]);
      await waitFor(() => mock.streams === 1, { message: 'the stream' });
      await job(mock, opened, id);
    });
  } finally {
    await mock.close();
  }
}

/** Waits until the page shows what the server has. */
async function healed(mock, page, id) {
  const stored = await history(mock, id);
  const same = async () => JSON.stringify(await page.evaluate(() => drive.plain(drive.session.state.messages))) === JSON.stringify(stored);
  await waitFor(same, { message: 'the state of the server' });
  assert.deepEqual(await page.evaluate(() => drive.plain(drive.session.state.messages)), stored);
}

/** Log codes and the codes of shown errors so far. */
const codes = (page) => page.evaluate(() => drive.codes());
const watchErrors = (page) => page.evaluate(() => {
  drive.errors = [];
  drive.session.subscribe(() => {
    const { error, connection } = drive.session.state;
    for (const each of [error, connection.error]) if (each) drive.errors.push(drive.plainError(each));
  });
});
const shownErrors = (page) => page.evaluate(() => drive.errors);

describe('the stream', () => {
  for (const [title, bytes] of [
    ['broken JSON', 'data: {"type":"message.part.updated","properties":{"part":{"id":\n\n'],
    ['JSON that is no event', 'data: [1,2,3]\n\n'],
    ['bytes that are no UTF-8', Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0x20, 0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d, 0x0a, 0x0a])],
  ]) {
    test(`${title} is told, and what was missed is fetched`, () => onSession(async (mock, { page, said }, id) => {
      await watchErrors(page);
      // A turn that the page does not hear of, then the broken event in its place.
      mock.mute(true);
      await mock.answer(id, ['missed ', 'answer']);
      mock.mute(false);
      mock.emitRaw(bytes);
      await healed(mock, page, id);
      const told = [...await codes(page), ...(await shownErrors(page)).map(({ code }) => code)];
      assert.ok(told.includes('bad_event'), told.join(' '));
      await mock.answer(id, ['and ', 'on']);
      await healed(mock, page, id);
      assert.deepEqual(said, []);
    }));
  }

  test('an event over the limit is told, and the next ones arrive', () => onSession(async (mock, { page }, id) => {
    await watchErrors(page);
    const message = mock.store.assistant(id);
    // 20 MiB, over the default limit of 16 MiB.
    mock.store.putPart(message, { type: 'text', text: 'x'.repeat(20 << 20), time: { start: 1, end: 2 } });
    const part = mock.store.putPart(message, { type: 'text', text: 'after', time: { start: 1, end: 2 } });
    await waitFor(() => page.evaluate((id) => drive.session.state.messages.at(-1).parts.some((each) => each.id === id), part.id), { message: 'the event after it' });
    const told = [...await codes(page), ...(await shownErrors(page)).map(({ code }) => code)];
    assert.ok(told.includes('event_too_large'), told.join(' '));
    mock.store.complete(message);
    await waitFor(() => page.evaluate(() => drive.session.state.messages.at(-1).parts[0]?.text?.length === 20 << 20), { message: 'the giant part from the history' });
    await page.evaluate(() => drive.settle(drive.session));
  }));

  test('__proto__ and constructor in a tool call are plain keys', () => onSession(async (mock, { page }, id) => {
    const input = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":"x","a":1}');
    const look = () => page.evaluate(() => {
      const { input } = drive.session.state.messages.at(-1).parts.find(({ type }) => type === 'tool').state;
      return { keys: Object.keys(input), own: Object.hasOwn(input, '__proto__'), plain: Object.getPrototypeOf(input) === Object.prototype, json: JSON.stringify(input), polluted: ({}).polluted };
    });
    const message = mock.store.assistant(id);
    // By hand: the mock's own clone would drop the keys.
    mock.emitRaw(tool(message, input));
    const has = () => page.evaluate(() => drive.session.state.messages.at(-1).parts.some(({ type }) => type === 'tool'));
    await waitFor(has, { message: 'the live tool part' });
    const live = await look();
    assert.deepEqual(live, { keys: ['__proto__', 'constructor', 'toString', 'a'], own: true, plain: true, json: JSON.stringify(input), polluted: undefined });
    mock.on('GET', '/session/:id/message', ({ reply }) => reply(200, `[${JSON.stringify({ info: message.info, parts: [] }).replace('"parts":[]', `"parts":[${tool.part(message, input)}]`)}]`, { 'content-type': 'application/json' }));
    await page.reload();
    await waitFor(() => page.evaluate(() => 'drive' in globalThis), { message: 'the page' });
    await page.evaluate(([baseUrl, id]) => drive.open({ baseUrl }, id).then(() => undefined), [mock.url, id]);
    assert.deepEqual(await look(), live);
  }));
});

describe('the connection', () => {
  test('a server that is not there is told, tried again, and live when it starts', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    await onPage(shared, [url], async ({ page }) => {
      const seen = await page.evaluate(async ([baseUrl, retry]) => {
        const client = await drive.connect({ baseUrl, retry });
        const session = client.openSession('ses_00000000000100000000000000');
        drive.session = session;
        const error = await drive.until(session, ({ connection }) => connection.attempt >= 2 && connection.phase === 'waiting' && drive.plainError(connection.error));
        return { error, retryAt: session.state.connection.retryAt, now: Date.now(), health: await drive.problem(client.health()) };
      }, [url, RETRY]);
      for (const error of [seen.error, seen.health]) {
        assertProblem(error, 'unreachable');
        assert.equal(error.retryable, true);
      }
      assert.ok(seen.retryAt > seen.now - 5_000 && seen.retryAt < seen.now + 5_000, 'no time of the next try');
      const mock = await startMock({ port });
      try {
        const { id } = mock.store.createSession();
        assert.equal(id, 'ses_00000000000100000000000000');
        mock.store.user(id, 'hello');
        const after = await page.evaluate(async () => {
          await drive.until(drive.session, ({ connection }) => connection.phase === 'live');
          await drive.soon(drive.session.ready, 'ready');
          const { connection, messages } = drive.session.state;
          return { attempt: connection.attempt, error: drive.plainError(connection.error), messages: messages.length };
        });
        assert.deepEqual(after, { attempt: 0, error: undefined, messages: 1 });
      } finally {
        await mock.close();
      }
    });
  });

  test('a listener that throws does not keep others from being told', () => onSession(async (mock, { page, said }, id) => {
    await page.evaluate(() => {
      drive.told = 0;
      drive.session.subscribe(() => { throw new Error('careless'); });
      drive.session.subscribe(() => { drive.told += 1; });
      drive.shown = drive.watch(drive.session);
    });
    await mock.answer(id, ['one ', 'two ', 'three'], { every: 40 });
    await healed(mock, page, id);
    const texts = () => page.evaluate(() => Object.values(drive.shown).map((texts) => texts.at(-1)));
    await waitFor(async () => (await texts()).includes('one two three'), { message: 'the answer told' });
    await mock.answer(id, 'and on');
    await waitFor(async () => (await texts()).includes('and on'), { message: 'the next answer told' });
    assert.ok((await page.evaluate(() => drive.told)) > 1);
    assert.ok(said.length > 0 && said.every((line) => line.includes('careless')), said.join('\n'));
  }));

  test('close, and open again at once: one stream, the handle of before says closed', () => onSession(async (mock, { page }, id) => {
    const seen = await page.evaluate(async (id) => {
      const first = drive.session;
      const stop = first.subscribe(() => undefined);
      stop();
      first.close();
      first.close();
      const second = drive.client.openSession(id);
      second.close();
      drive.session = drive.client.openSession(id);
      await drive.soon(drive.session.ready, 'ready');
      return { after: await drive.problem(first.abort()), messages: drive.session.state.messages.length };
    }, id);
    assertProblem(seen.after, 'closed');
    assert.equal(seen.messages, 1);
    await mock.answer(id, ['still ', 'here']);
    await healed(mock, page, id);
    assert.equal(mock.streams, 1);
  }));

  for (const how of ['client', 'page']) {
    test(`closing the ${how} leaves no stream open`, () => onSession(async (mock, { page }) => {
      await page.evaluate((how) => {
        if (how === 'client') drive.client.close();
      }, how);
      if (how === 'page') await page.close();
      await waitFor(() => mock.streams === 0, { message: 'the end of the stream' });
      const opened = mock.opened;
      if (how === 'client') {
        const error = await page.evaluate(() => drive.problem(Promise.resolve().then(() => drive.session.settled())));
        assertProblem(error, 'closed');
        assert.equal(await page.evaluate(() => drive.problem(drive.client.health()).then(({ code }) => code)), 'closed');
      }
      assert.equal(mock.opened, opened, 'a stream was opened again');
    }));
  }

  test('a server that dies and comes back is live again, with what happened meanwhile', () => onSession(async (mock, { page }, id) => {
    mock.mute(true);
    await mock.answer(id, 'while away');
    mock.mute(false);
    const opened = mock.opened;
    mock.dropStreams();
    await waitFor(() => mock.opened > opened, { message: 'a new stream' });
    await healed(mock, page, id);
    await page.evaluate(() => drive.until(drive.session, ({ connection }) => connection.phase === 'live').then(() => undefined));
  }));
});
