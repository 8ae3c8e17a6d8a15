// What a chaos run or a soak plays in: the scripted model, a real server, the fault proxy, the pages, and Chromium.
import { existsSync } from 'node:fs';
import { launchChromium } from '../support/browser.mjs';
import { call, prompt } from '../support/events.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { startProxy } from '../support/proxy.mjs';
import { waitFor } from '../support/wait.mjs';
import { startSite } from './site.mjs';

/** Short, so that many faults fit into a minute. */
const RETRY = { min: 100, max: 1500 };

/**
 * @param {{ version: string, script: string, keeper?: boolean, browser?: string }} options `script`: of the page folder
 */
export async function startWorld({ version, script, keeper = false, browser: wanted = 'chromium' }) {
  if (wanted !== 'chromium') throw new Error(`the browser "${wanted}" cannot be driven here; there is chromium`);
  const built = (/** @type {string} */ name) => existsSync(new URL(`../../dist/${name}`, import.meta.url));
  if (!built('index.js')) throw new Error('dist/ is missing: npm run build');
  if (keeper && !built('keeper.js')) throw new Error('dist/keeper.js is missing: this build has no keeper');
  /** @type {(() => Promise<void>)[]} */
  const chores = [];
  /** @template {{ close(): Promise<void> }} T @param {T} thing @returns {T} */
  const own = (thing) => {
    chores.push(() => thing.close());
    return thing;
  };
  const close = async () => {
    for (const chore of chores.splice(0).reverse()) await chore().catch(() => undefined);
  };
  try {
    const model = own(await startModel());
    const server = await startOpenCode({ model, version, permission: { bash: 'allow' } });
    chores.push(() => server.stop());
    const proxy = own(await startProxy({ upstream: server.url, reuse: repeats(version) }));
    const site = own(await startSite(script, proxy.url));
    const browser = own(await launchChromium());
    await warm(server);
    return { model, server, proxy, site, browser, keeper, options: { baseUrl: proxy.url, retry: RETRY, ...(keeper && { keeper: true }) }, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Whether a prompt that comes twice is stored once. To the other servers a browser that sends a POST again by itself, as Chromium does
 * after the reset of a connection it used before, is no different from two prompts, and the page never learns of it.
 * @param {string} version
 */
function repeats(version) {
  const [major, minor, patch] = version.split('.').map(Number);
  return major > 1 || minor > 18 || (minor === 18 && patch >= 16);
}

/** @typedef {Awaited<ReturnType<typeof startWorld>>} World */

/** A server's first answer is late by seconds. @param {import('../support/opencode.mjs').OpenCode} server */
async function warm(server) {
  const { id } = await call(server, 'POST', '/session', { title: 'warm' });
  await prompt(server, id, 'words 1');
  await idle(server, id);
}

/** Waits until the server itself says that nothing runs in the session. @param {import('../support/opencode.mjs').OpenCode} server @param {string} id */
export async function idle(server, id) {
  let quiet = 0;
  await waitFor(async () => {
    const status = await call(server, 'GET', '/session/status');
    quiet = status[id] ? 0 : quiet + 1;
    return quiet >= 3;
  }, { every: 100, message: 'the end of the turn at the server' });
}
