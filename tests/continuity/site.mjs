// A page of its own origin, so with workers and storage of its own, and the records that its loads hand in when they go.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const PAGES = fileURLToPath(new URL('./page/', import.meta.url));
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm' };
const PAGE = '<!doctype html><meta charset="utf-8"><title>chat</title><link rel="icon" href="data:,"><body><script src="/page/first.js"></script><script type="module" src="/page/record.js"></script>';
const AWAY = '<!doctype html><meta charset="utf-8"><title>away</title><link rel="icon" href="data:,"><p>elsewhere';

/**
 * @typedef {object} Load one load of the page; the lines are explained in page/record.js
 * @property {string} load
 * @property {number} first when the first script ran, milliseconds since 1970
 * @property {number} end when it was handed in, milliseconds since its first script, as all times in it
 * @property {[string, string, string][]} parts
 * @property {any[][]} texts
 * @property {any[][]} states
 * @property {any[][]} logs
 */

/** @param {{ connect: string[] }} options the servers that pages may talk to */
export async function startSite({ connect }) {
  /** @type {Map<string, Load>} */
  const loads = new Map();
  const policy = ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", `connect-src 'self' ${connect.join(' ')}`, 'img-src data:'].join('; ');
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://page');
    if (pathname === '/records') {
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      const load = JSON.parse(Buffer.concat(pieces).toString());
      loads.set(load.load, load);
      return void response.writeHead(204).end();
    }
    const html = { '/': PAGE, '/away': AWAY }[pathname];
    const body = html ?? file(pathname);
    response.setHeader('content-security-policy', policy);
    response.setHeader('content-type', html ? 'text/html' : (TYPES[extname(pathname)] ?? 'text/plain'));
    // Scripts are kept as a real site's are; the worker's own update check never uses them.
    if (!html) response.setHeader('cache-control', 'max-age=3600');
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  const url = `http://${LOOPBACK}:${await listen(server)}`;
  return {
    url,
    away: `${url}/away`,
    /** The page of a session. @param {string} session @param {object} options of `createClient` */
    page: (session, options) => `${url}/?${new URLSearchParams({ session, options: JSON.stringify(options) })}`,
    /** What a load handed in when it went. @param {string} id @returns {Promise<Load>} */
    load: (id) => waitFor(() => loads.get(id), { message: `the record of the load ${id}` }),
    close: () => shut(server),
  };
}

/** Only what the build and this folder hold. @param {string} path */
function file(path) {
  const [, folder, name] = /^\/(lib|page)\/([\w.-]+)$/.exec(path) ?? [];
  const from = path === '/opencode-session-keeper.js' ? `${DIST}keeper.js` : folder === 'lib' ? DIST + name : folder === 'page' ? PAGES + name : undefined;
  if (from === undefined || !(extname(from) in TYPES) || !existsSync(from)) return undefined;
  return readFileSync(from);
}
