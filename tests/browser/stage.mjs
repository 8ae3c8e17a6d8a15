// A blank page in Chromium with the built library beside it, under a strict policy: what a user's page would be.
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchChromium } from '../support/browser.mjs';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { PATIENCE, waitFor } from '../support/wait.mjs';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const PAGES = fileURLToPath(new URL('./page/', import.meta.url));
const WAIT = fileURLToPath(new URL('../support/wait.mjs', import.meta.url));
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm' };
const BLANK = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/page/drive.js"></script>';

/**
 * @typedef {object} Opened
 * @property {import('playwright-core').Page} page
 * @property {import('playwright-core').BrowserContext} context
 * @property {string[]} said console lines and uncaught errors
 * @property {import('playwright-core').Request[]} requests
 * @property {(path: string) => import('playwright-core').Request[]} asked requests of this path
 * @property {() => Promise<void>} close
 */

/**
 * Starts Chromium and the static server; pages may talk to the servers in `connect` of `open`, and to nobody else.
 * @param {{ pages?: string[] }} [options] more folders whose files are under /page/
 */
export async function startStage({ pages = [] } = {}) {
  const files = await built([PAGES, ...pages]);
  const allowed = new Set(["'self'"]);
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    const body = path === '/' ? BLANK : files.get(path);
    response.setHeader('content-security-policy', policy([...allowed]));
    response.setHeader('content-type', path === '/' ? 'text/html' : (TYPES[extname(path)] ?? 'text/plain'));
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  const port = await listen(server);
  const browser = await launchChromium();
  const url = `http://${LOOPBACK}:${port}/`;
  return {
    url,
    browser,
    files,
    /** @param {{ connect?: string[] }} [options] @returns {Promise<Opened>} */
    async open({ connect = [] } = {}) {
      for (const each of connect) allowed.add(each);
      const opened = await watched(browser);
      await opened.page.goto(url);
      await ready(opened.page);
      return opened;
    },
    async close() {
      await browser.close();
      await shut(server);
    },
  };
}

/** Waits until the page's module has run, after `goto` or `reload`. @param {import('playwright-core').Page} page */
export const ready = (page) => waitFor(() => page.evaluate(() => 'drive' in globalThis), { message: 'the page module' });

/**
 * A page of its own with all it says and asks.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} [options]
 * @returns {Promise<Opened>}
 */
export async function watched(browser, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  /** @type {string[]} */
  const said = [];
  /** @type {import('playwright-core').Request[]} */
  const requests = [];
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()} ${message.location().url}`));
  page.on('pageerror', (error) => said.push(`uncaught: ${error.stack ?? error}`));
  context.on('request', (request) => requests.push(request));
  const asked = (path) => requests.filter((request) => new URL(request.url()).pathname === path);
  return { page, context, said, requests, asked, close: () => context.close() };
}

/** @param {string[]} connect */
function policy(connect) {
  return ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", `connect-src ${connect.join(' ')}`, 'img-src data:'].join('; ');
}

/** The files as they are now: a build during the run changes nothing. @param {string[]} pages @returns {Promise<Map<string, Buffer>>} */
async function built(pages) {
  const read = async () => {
    const found = new Map([['/page/wait.js', await readFile(WAIT)]]);
    for (const [prefix, folder] of [['/lib/', DIST], ...pages.map((folder) => ['/page/', folder])]) {
      for (const name of await readdir(folder)) {
        if (extname(name) in TYPES) found.set(prefix + name, await readFile(join(folder, name)));
      }
    }
    return found.has('/lib/index.js') && found.get('/lib/core_bg.wasm')?.length ? found : undefined;
  };
  return waitFor(read, { every: 500, message: 'dist/ (npm run build)' });
}
