// The pages of the chaos run and the soak: the built package, and nothing else, under a strict policy.
import { readFile } from 'node:fs/promises';
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
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://site');
    const body = pathname === '/' ? html : await read(pathname).catch(() => undefined);
    response.setHeader('content-security-policy', policy);
    response.setHeader('content-type', pathname === '/' ? 'text/html' : (TYPES[extname(pathname)] ?? 'text/plain'));
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  const port = await listen(server);
  return { url: `http://${LOOPBACK}:${port}/`, close: () => shut(server) };
}

/** @param {string} path */
function read(path) {
  const file = path.slice(path.lastIndexOf('/') + 1);
  if (path === KEEPER) return readFile(new URL('keeper.js', DIST));
  if (path === `/lib/${file}`) return readFile(new URL(file, DIST));
  if (path === `/page/${file}`) return readFile(new URL(file, PAGES));
  throw new Error(`no file ${path}`);
}
