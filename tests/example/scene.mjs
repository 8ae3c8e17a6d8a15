// One instance of the example app before a real server with a password, for all tests of a file.
import { after, before } from 'node:test';
import { launchChromium } from '../support/browser.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { tempDir } from '../support/temp.mjs';
import { buildExample, PASSWORD, send, signedIn, startExample } from './site.mjs';

/** What is there once the tests run. @type {any} */
export const scene = {};

const data = tempDir('example');
before(async () => {
  scene.model = await startModel();
  const server = startOpenCode({ model: scene.model, password: PASSWORD, permission: { bash: 'ask', edit: 'ask' } });
  [scene.app, scene.browser, scene.server] = await Promise.all([buildExample(), launchChromium(), server]);
  await start();
});
after(async () => {
  await Promise.all([scene.browser?.close(), scene.site?.close(), scene.server?.stop()]);
  await Promise.all([scene.model?.close(), scene.app?.remove()]);
  await data.remove();
});

/** Starts the app, again where it was. */
export async function start() {
  scene.site = await startExample(scene.app, scene.server.url, { DATA_DIR: data.path }, scene.site?.port);
}

/** Runs a test on a device of its own, with nothing wrong on its console in the end. */
export async function on(user, job, options = {}) {
  const device = await signedIn(scene.browser, scene.site.url, user, options);
  try {
    await job(device);
    const wrong = device.wrong();
    if (wrong.length > 0) throw new Error(`the console says ${wrong.join('\n')}`);
  } finally {
    await device.close();
  }
}

/** Sends a prompt in a new chat, and waits until it has its address. */
export async function begin(page, text) {
  if (!(await page.getByRole('link', { name: 'New chat' }).isVisible())) await page.getByRole('button', { name: 'Chats', exact: true }).click();
  await page.getByRole('link', { name: 'New chat' }).click();
  await page.getByRole('heading', { name: 'New chat' }).waitFor();
  await send(page, text);
  await page.waitForURL(/\/chat\/ses_\w+$/);
}

/** The id of the open chat. */
export const idOf = (page) => new URL(page.url()).pathname.split('/').at(-1);

/** How often the server has a prompt in the open chat. */
export async function stored(page, text, { url, headers } = scene.server) {
  const all = await (await fetch(`${url}/session/${idOf(page)}/message`, { headers })).json();
  return all.filter(({ info, parts }) => info.role === 'user' && parts.some((part) => part.text === text)).length;
}
