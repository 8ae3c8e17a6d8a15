// What every case stands on: a real server with the scripted model, a site of its own, a profile, and a listener outside.
import assert from 'node:assert/strict';
import { call, prompt } from '../support/events.mjs';
import { PATIENCE, waitFor, within } from '../support/wait.mjs';
import { assertSame, assertTrue } from './judge.mjs';
import { startReference } from './reference.mjs';
import { startSite } from './site.mjs';

/**
 * @typedef {object} Where
 * @property {import('../support/engines.mjs').Engine} engine
 * @property {import('../support/opencode.mjs').OpenCode} server
 * @property {boolean} keeper
 * @property {typeof import('./cases.mjs').PATIENT} [limits] other ones than those of a machine that has its cores for this
 * @property {string} [baseUrl] the server's address for the page, when something stands in between
 * @property {object} [options] more options of `createClient`
 *
 * @typedef {import('../support/engines.mjs').Tab} Tab
 * @typedef {import('./site.mjs').Load} Load
 */

export class World {
  /** Loads that were handed in. @type {Load[]} */
  loads = [];

  /** @param {Where} where */
  static async open({ engine, server, keeper, baseUrl = server.url, options = {} }) {
    const world = new World();
    const { id } = await call(server, 'POST', '/session', { title: 'Continuity' });
    const site = await startSite({ connect: [baseUrl] });
    const reference = await startReference(server, id);
    const profile = await engine.profile();
    return Object.assign(world, { id, server, site, reference, profile, keeper, url: site.page(id, { baseUrl, keeper, ...options }) });
  }

  async close() {
    await this.profile.close();
    await this.reference.close();
    await this.site.close();
  }

  /** A tab that shows the session and is live. @returns {Promise<Tab>} */
  async tab() {
    const tab = await this.profile.tab(this.url);
    await live(tab);
    return tab;
  }

  /** Sends a prompt from outside. @param {string} text */
  prompt(text) {
    return prompt(this.server, this.id, text);
  }

  /** The server's history, read afresh. @returns {Promise<any[]>} */
  history() {
    return call(this.server, 'GET', `/session/${this.id}/message`);
  }

  /** Reloads, and keeps the record of what was there before. @param {Tab} tab */
  async reload(tab) {
    await this.#leave(tab, () => tab.reload());
  }

  /** @param {Tab} tab @param {string} url */
  async goto(tab, url) {
    await this.#leave(tab, () => tab.goto(url));
  }

  /** @param {Tab} tab */
  async shut(tab) {
    await this.#take(tab);
    await tab.close();
  }

  /** Waits until the turn is over and settled in this tab, and judges all that was shown so far. @param {Tab} tab */
  async settle(tab) {
    // The status may not be busy yet when a prompt was stored a moment ago.
    await waitFor(async () => (await this.history()).at(-1)?.info.time.completed !== undefined, { message: 'an answer' });
    await waitFor(async () => Object.values(await call(this.server, 'GET', '/session/status')).every(({ type }) => type === 'idle'), { message: 'the end of the turn' });
    await live(tab);
    const shown = await within(() => tab.evaluate(async () => {
      await recorder.session.settled();
      await new Promise((frame) => setTimeout(frame, 50));
      return JSON.parse(JSON.stringify(recorder.session.state.messages.map(({ info, parts }) => ({ info, parts }))));
    }), PATIENCE, 'the settled state');
    const stored = await this.history();
    assertSame(shown, stored);
    await this.#take(tab);
    for (const load of this.loads) assertTrue(load, stored);
    assert.deepEqual(tab.said, []);
  }

  /** @param {Tab} tab @param {() => Promise<void>} go */
  async #leave(tab, go) {
    const id = await tab.evaluate(() => recorder.report().load);
    await go();
    this.#keep(await this.site.load(id));
  }

  /** The record of a load that goes on. @param {Tab} tab */
  async #take(tab) {
    this.#keep(await tab.evaluate(() => recorder.report()));
  }

  /** @param {Load} load a later record of the same load takes its place */
  #keep(load) {
    const at = this.loads.findIndex((each) => each.load === load.load);
    if (at < 0) this.loads.push(load);
    else this.loads[at] = load;
  }
}

/** Waits until the page is live. @param {Tab} tab */
export async function live(tab) {
  let seen;
  await waitFor(async () => {
    seen = await tab.evaluate(() => globalThis.recorder && (recorder.failed ?? recorder.session?.state.connection));
    if (typeof seen === 'string') return true;
    return seen?.phase === 'live';
  }, { message: () => `a live page, but it is ${JSON.stringify(seen)}` });
  assert.notEqual(typeof seen, 'string', `the page failed: ${seen}`);
}
