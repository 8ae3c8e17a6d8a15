// The continuity cases on real servers: the newest server in full, older ones and Firefox with fewer moments.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ENGINES, launchEngine } from '../support/engines.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { away, PATIENT, reloads, secondTab } from './cases.mjs';
import { manyTabs, tooManyTabs } from './tabs.mjs';
import { NEWEST } from '../support/versions.mjs';

const VERSIONS = [NEWEST, '1.2.27', '1.1.65'];
const [CHROMIUM, FIREFOX] = ENGINES;

/** @type {Map<string, import('../support/engines.mjs').Engine>} */
const engines = new Map();
/** @type {Awaited<ReturnType<typeof startModel>>} */
let model;

before(async () => {
  model = await startModel();
});
after(async () => {
  for (const engine of engines.values()) await engine.close();
  await model?.close();
});

/** Browsers are started when they are first needed. @param {string} name */
async function engineOf(name) {
  const known = engines.get(name) ?? (await launchEngine(name));
  engines.set(name, known);
  return known;
}

for (const version of VERSIONS) {
  describe(`server ${version}`, () => {
    /** @type {import('../support/opencode.mjs').OpenCode} */
    let server;
    before(async () => {
      server = await startOpenCode({ model, version });
    });
    after(() => server?.stop());

    /** @param {string} title @param {string} browser @param {boolean} keeper @param {(where: any) => Promise<any>} job */
    const check = (title, browser, keeper, job) => test(`${title} in ${browser}, keeper ${keeper ? 'on' : 'off'}`, async () => job({ engine: await engineOf(browser), server, keeper, limits: PATIENT }));
    const newest = version === NEWEST;

    for (const keeper of [true, false]) {
      const moments = newest ? (keeper ? 20 : 10) : 5;
      check(`${moments} reloads`, CHROMIUM, keeper, async (where) => assert.equal((await reloads(where, moments)).cases, moments));
      check('a second tab', CHROMIUM, keeper, secondTab);
      if (!newest) continue;
      check('away and back, and the last tab closed', CHROMIUM, keeper, away);
      check('5 reloads', FIREFOX, keeper, async (where) => assert.equal((await reloads(where, 5)).cases, 5));
      check('a second tab', FIREFOX, keeper, secondTab);
    }
    if (!newest) return;
    for (const browser of ENGINES) check('more tabs than connections', browser, true, manyTabs);
    check('more tabs than connections', CHROMIUM, false, tooManyTabs);
  });
}
