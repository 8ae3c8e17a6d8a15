// The examples that need a browser: each in a page of its own, served from the reader's project.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { listen, shut } from '../support/ports.mjs';
import { PATIENCE } from '../support/wait.mjs';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm' };
const KEEPER = '/opencode-session-keeper.js';
const LONGEST = 2 * PATIENCE;

/** Pages of this module have this in reach, beside what they import. */
function equip(patience) {
  globalThis.assert = (good, message = 'a check failed') => {
    if (!good) throw new Error(message);
  };
  globalThis.until = async (probe) => {
    const end = Date.now() + patience;
    while (!(await probe())) {
      if (Date.now() > end) throw new Error(`waited for ${probe}; the page shows: ${document.body.innerText.slice(0, 500)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
}

/**
 * Serves a project; `headers` are those of single pages.
 * @param {string} folder @param {Map<string, [string, string][]>} headers
 */
export async function startSite(folder, headers) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    if (path === '/favicon.ico') return void response.writeHead(204).end();
    const file = path === KEEPER ? '/node_modules/opencode-session/dist/keeper.js' : path;
    const body = await readFile(join(folder, file)).catch(() => undefined);
    for (const [name, value] of headers.get(path) ?? []) response.setHeader(name, value);
    response.setHeader('content-type', TYPES[extname(path)] ?? 'text/plain');
    response.writeHead(body ? 200 : 404).end(body);
  });
  const port = await listen(server);
  return { url: `http://localhost:${port}`, close: () => shut(server) };
}

/**
 * Opens a page and runs its check in it. What it says or throws is a failure.
 * @param {import('playwright-core').Browser} browser @param {string} url @param {string} check
 * @param {RegExp} [expected] what the browser says where requests are to fail
 * @returns {Promise<string[]>} what the page asked for: methods and addresses
 */
export async function visit(browser, url, check, expected) {
  const asked = [];
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const said = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !expected?.test(message.text())) said.push(message.text());
  });
  page.on('request', (request) => asked.push(`${request.method()} ${request.url().split('?')[0]}`));
  page.on('pageerror', (error) => said.push(error.stack ?? String(error)));
  await page.addInitScript(equip, PATIENCE);
  try {
    await page.goto(url);
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`not done after ${LONGEST} ms`)), LONGEST).unref());
    await Promise.race([page.evaluate(`(async () => { ${check} })()`), late]);
  } catch (error) {
    said.unshift(String(/** @type {Error} */ (error).message));
  } finally {
    await context.close();
  }
  if (said.length > 0) throw new Error(said.join('\n'));
  return asked;
}
