// The pages of the chaos run and the soak: the built package, and nothing else, under a strict policy.
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';

const DIST = new URL('../../dist/', import.meta.url);
const PAGES = new URL('./page/', import.meta.url);
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm' };
export const KEEPER = '/opencode-session-keeper.js';

/**
 * @param {string} script of the page folder
 * @param {string} connect the one server that the page may talk to
 * @returns {Promise<{ url: string, close(): Promise<void> }>}
 */
export async function startSite(script, connect) {
  const html = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/page/${script}"></script>`;
  const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' ${connect}; img-src data:`;
  const files = await read();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://site');
    const body = pathname === '/' ? html : files.get(pathname);
    response.setHeader('content-security-policy', policy);
    response.setHeader('content-type', pathname === '/' ? 'text/html' : (TYPES[extname(pathname)] ?? 'text/plain'));
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  const port = await listen(server);
  return { url: `http://${LOOPBACK}:${port}/`, close: () => shut(server) };
}

/** The files as they are now: a build during the run changes nothing. @returns {Promise<Map<string, Buffer>>} */
async function read() {
  const found = new Map();
  for (const [prefix, folder] of /** @type {const} */ ([['/lib/', DIST], ['/page/', PAGES]])) {
    for (const name of await readdir(folder)) {
      if (extname(name) in TYPES) found.set(prefix + name, await readFile(new URL(name, folder)));
    }
  }
  const keeper = found.get('/lib/keeper.js');
  return keeper ? found.set(KEEPER, keeper) : found;
}
