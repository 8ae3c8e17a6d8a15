// More tabs than a browser gives connections to one HTTP/1.1 server: six.
import assert from 'node:assert/strict';
import { startProxy } from '../support/proxy.mjs';
import { sleep, waitFor } from '../support/wait.mjs';
import { live, World } from './world.mjs';

const TABS = 7;
const IMPATIENT = 3_000;

/**
 * All tabs are live on one stream, and each can send.
 * @param {import('./world.mjs').Where} where @returns {Promise<{ streams: number }>}
 */
export function manyTabs(where) {
  return throughProxy(where, {}, async (world, proxy) => {
    const tabs = [];
    for (let at = 0; at < TABS; at += 1) tabs.push(await world.tab());
    for (const tab of [tabs[TABS - 1], tabs[0]]) {
      await send(tab, 'words 20 every 20');
      await answered(tab);
    }
    for (const tab of tabs) await world.settle(tab);
    assert.equal((await world.history()).length, 4, 'two prompts and two answers');
    const { streams } = proxy.stats();
    assert.deepEqual([streams.now, streams.most], [1, 1], 'streams at the server');
    return { streams: streams.most };
  });
}

/**
 * Without the keeper each tab holds a stream: the tabs that get no connection say so, and all goes on when one is closed.
 * @param {import('./world.mjs').Where} where
 */
export function tooManyTabs(where) {
  return throughProxy(where, { limits: { requestTimeout: IMPATIENT } }, async (world) => {
    const tabs = [];
    for (let at = 0; at < 5; at += 1) tabs.push(await world.tab());
    const late = [await world.profile.tab(world.url), await world.profile.tab(world.url)];
    await waitFor(() => late[1].evaluate(() => recorder.session !== undefined), { message: 'the page' });
    await send(tabs[0], 'words 20 every 20');
    await sleep(1_000);
    assert.equal(await tabs[0].evaluate(() => recorder.session.state.messages.at(-1).delivery), 'sending', 'the prompt waits for a connection');
    const told = (tab) => tab.evaluate(() => {
      const { connection, error, messages } = recorder.session.state;
      return { phase: connection.phase, messages: messages.length, code: (connection.error ?? error)?.code };
    });
    for (const tab of late) {
      const { phase, messages } = await told(tab);
      assert.ok(['connecting', 'syncing'].includes(phase), phase);
      assert.equal(messages, 0);
    }
    // The first of them has a stream, and no connection left to ask for the history.
    await waitFor(async () => (await told(late[0])).code === 'timeout', { message: 'an error that says why it is not live' });
    for (const tab of late) await tab.close();
    await answered(tabs[0]);
    for (const tab of tabs) await world.settle(tab);
    assert.equal((await world.history()).length, 2, 'one prompt and one answer');
  });
}

/** @param {import('./world.mjs').Tab} tab @param {string} text */
const send = (tab, text) => tab.evaluate((text) => {
  recorder.sent = recorder.session.send(text, { model: 'scripted/words' });
}, text);

/** @param {import('./world.mjs').Tab} tab */
async function answered(tab) {
  await live(tab);
  await tab.evaluate(() => recorder.sent.done.then(() => undefined));
}

/**
 * @template T
 * @param {import('./world.mjs').Where} where @param {object} options @param {(world: World, proxy: import('../support/proxy.mjs').FaultProxy) => Promise<T>} job
 */
async function throughProxy(where, options, job) {
  const proxy = await startProxy({ upstream: where.server.url });
  try {
    const world = await World.open({ ...where, options, baseUrl: proxy.url });
    try {
      return await job(world, proxy);
    } finally {
      await world.close();
    }
  } finally {
    await proxy.close();
  }
}
