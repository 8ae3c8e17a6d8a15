// One small surface for both browsers, so that one test body runs in each: profiles, and tabs in them.
import { launchChromium } from './browser.mjs';
import { launchFirefox } from './firefox.mjs';
import { PATIENCE } from './wait.mjs';

/**
 * @typedef {object} Tab
 * @property {(job: Function, argument?: unknown) => Promise<any>} evaluate runs `job` in the page
 * @property {(url: string) => Promise<void>} goto
 * @property {() => Promise<void>} reload
 * @property {() => Promise<void>} close
 * @property {string[]} said console lines and uncaught errors
 *
 * @typedef {object} Profile storage, workers and connections of its own
 * @property {(url: string) => Promise<Tab>} tab opens one more, in front
 * @property {() => Promise<void>} close
 *
 * @typedef {{ name: string, version: string, profile: () => Promise<Profile>, close: () => Promise<void> }} Engine
 */

export const ENGINES = ['chromium', 'firefox'];
const LOADED = /** @type {const} */ ({ waitUntil: 'domcontentloaded' });

/** @param {string} name one of ENGINES @returns {Promise<Engine>} */
export async function launchEngine(name) {
  if (name === 'chromium') {
    const browser = await launchChromium();
    return { name, version: browser.version(), profile: async () => profile(await browser.newContext()), close: () => browser.close() };
  }
  if (name === 'firefox') {
    const browser = await launchFirefox();
    const version = (await browser.version()).replace(/^firefox\//i, '');
    return { name, version, profile: async () => profile(await browser.createBrowserContext()), close: () => browser.close() };
  }
  throw new Error(`no browser "${name}"; there are ${ENGINES.join(', ')}`);
}

/** @param {any} context of either driver: they agree in what is used of them here @returns {Profile} */
function profile(context) {
  return {
    async tab(url) {
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE);
      /** @type {string[]} */
      const said = [];
      page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => said.push(`uncaught: ${error.stack ?? error}`));
      await page.goto(url, LOADED);
      return {
        said,
        evaluate: (job, argument) => page.evaluate(job, argument),
        goto: async (to) => void (await page.goto(to, LOADED)),
        reload: async () => void (await page.reload(LOADED)),
        close: () => page.close({ runBeforeUnload: false }),
      };
    },
    close: () => context.close(),
  };
}
