// Chromium with a blank page that has the ways to the keeper, and the keeper's file beside it.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launchChromium } from '../support/browser.mjs';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { PATIENCE, waitFor } from '../support/wait.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm', '': 'text/html' };
const BLANK = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>';

/** Starts the page's server and Chromium. Pages may talk to the servers in `connect` of `open` only. */
export async function startStage() {
  const page = await build({
    entryPoints: [`${ROOT}tests/keeper/page/entry.ts`],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    loader: { '.wasm': 'binary' },
    write: false,
    // As the build leaves it: a file beside, loaded when it is needed.
    plugins: [{ name: 'beside', setup: ({ onResolve }) => onResolve({ filter: /leader\.js$/ }, ({ kind }) => (kind === 'dynamic-import' ? { path: './leader.js', external: true } : undefined)) }],
  });
  const files = new Map([
    ['/', BLANK],
    ['/other', BLANK],
    ['/page.js', page.outputFiles[0].contents],
    ['/keeper.js', await readFile(`${ROOT}dist/keeper.js`)],
    ['/leader.js', await readFile(`${ROOT}dist/leader.js`)],
  ]);
  const allowed = new Set(["'self'"]);
  /** More directives of the policy, by path. @type {Map<string, string[]>} */
  const policies = new Map();
  const asked = [];
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    asked.push(path);
    const body = files.get(path);
    const policy = ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'", `connect-src ${[...allowed].join(' ')}`, 'img-src data:', ...(policies.get(path) ?? [])];
    response.setHeader('content-security-policy', policy.join('; '));
    response.setHeader('content-type', TYPES[extname(path)] ?? 'text/plain');
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  const port = await listen(server);
  const browser = await launchChromium();
  const url = `http://${LOOPBACK}:${port}/`;
  return {
    url,
    files,
    policies,
    asked,
    browser,
    /** A browser profile of its own: its pages share one keeper. @param {string[]} connect */
    async profile(connect) {
      for (const each of connect) allowed.add(each);
      const context = await browser.newContext();
      context.setDefaultTimeout(PATIENCE);
      /** @type {string[]} */
      const said = [];
      context.on('weberror', (error) => said.push(`uncaught: ${error.error().stack}`));
      return {
        context,
        said,
        /** @param {string} [path] */
        async open(path = '') {
          const page = await context.newPage();
          page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
          await page.goto(url + path);
          await ready(page);
          return page;
        },
        close: () => context.close(),
      };
    },
    async close() {
      await browser.close();
      await shut(server);
    },
  };
}

/** Waits until the page's module has run. @param {import('playwright-core').Page} page */
export const ready = (page) => waitFor(() => page.evaluate(() => 'keeper' in globalThis), { message: 'the page module' });

/** What the page was told so far. @param {import('playwright-core').Page} page */
export const told = (page) => page.evaluate(() => ({ ...keeper.told, logs: keeper.logs }));

/** A slow machine is no keeper that does not answer: tests of that give their own times. */
const TIMES = { activate: PATIENCE, answer: PATIENCE };

/** Reads a stream on a page. @param {import('playwright-core').Page} page */
export const read = (page, kind, script, base, { times, ...options } = {}) =>
  page.evaluate(([kind, script, base, options]) => keeper.read(kind, script, base, options), [kind, script, base, { ...options, times: { ...TIMES, ...times } }]);

/** Waits until what the page was told fits. @param {import('playwright-core').Page} page @param {(told: any) => unknown} probe */
export const until = (page, probe, message, timeout = PATIENCE) => {
  let last;
  return waitFor(async () => {
    last = await told(page);
    return probe(last) ? last : undefined;
  }, { timeout, message: () => `${message}: ${JSON.stringify({ ...last, events: last?.events.map(({ id, type }) => `${id} ${type}`).slice(-12) })}` });
};
