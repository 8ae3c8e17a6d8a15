// The example app as somebody who copied it has it: the packed library in it, built for production.
import { fileURLToPath } from 'node:url';
import { consumer, pack } from '../package/consumer.mjs';
import { nextServer, serveApp } from '../support/next-app.mjs';
import { PATIENCE, waitFor } from '../support/wait.mjs';
import { watched } from '../browser/stage.mjs';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
export const PASSWORD = 'upstream-canary';
const SECRET = 'only-of-tests-'.repeat(3);

/** Installs and builds it. */
export async function buildExample() {
  const packed = await pack();
  const app = await consumer(packed, 'next-chat', EXAMPLES);
  await app.run('npm', 'run', 'build');
  return { path: app.path, remove: packed.remove };
}

/** @param {{ path: string }} app @param {string} upstream @param {Record<string, string>} env @param {number} [port] */
export const startExample = ({ path }, upstream, env, port = undefined) =>
  serveApp(path, nextServer('start'), { OPENCODE_URL: upstream, OPENCODE_SERVER_PASSWORD: PASSWORD, SESSION_SECRET: SECRET, ...env }, port);

/** A device of its own, signed in. `wrong` is what its console and the page's policy found wrong. */
export async function signedIn(browser, url, user, options = {}) {
  const device = await watched(browser, options);
  const { page, said } = device;
  page.setDefaultTimeout(PATIENCE);
  const wrong = () => said.filter((line) => /^(?:error|warning|uncaught)/.test(line));
  await page.goto(`${url}/login`);
  await page.getByLabel('Your name').fill(user);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'New chat' }).waitFor();
  return { ...device, wrong };
}

export async function send(page, text) {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

/** The text of each message on the page, in order. */
export const messages = (page, role) => page.locator(`.message[data-role=${role}] .body`).allInnerTexts();

/** Waits until the last answer is this text, whole. */
export const shows = (page, text) =>
  waitFor(async () => (await messages(page, 'assistant')).at(-1)?.trim() === text, { message: () => `the answer on ${page.url()}` });

export const begins = (page) => waitFor(async () => /^w1 w2 w3/.test((await messages(page, 'assistant')).at(-1) ?? ''), { message: 'the beginning of the answer' });

/** The whole text of an answer of a scripted `words N`. */
export const words = (count) => Array.from({ length: count }, (_, n) => `w${n + 1}`).join(' ');
