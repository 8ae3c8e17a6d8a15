// The dev server of the page: static files on loopback under a strict security policy. `node scripts/serve.mjs` runs it alone.
import { createReadStream, existsSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';
import { pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const LOOPBACK = '127.0.0.1';
const KEEPER = '/opencode-session-keeper.js';

/** Only these leave the server: sources, settings and whatever else lies there do not. */
const TYPES = new Map(Object.entries({
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}));

/**
 * @typedef {object} PageOptions
 * @property {string} upstream address of the OpenCode server
 * @property {string} [directory] its project directory
 * @property {boolean} [passwordRequired]
 * @property {string[]} [connect] more servers that `?server=` may name; default: PAGE_CONNECT, separated by spaces or commas
 * @property {string} [root] the repository
 * @property {string} [library] folder of the built library; default: dist in the root
 * @property {number} [port]
 * @property {import('./lib/lab.mjs').Lab} [lab] what the lab page needs
 */

/**
 * Serves www/ and the built library. Build both first: {@link buildPage}.
 * @param {PageOptions} options
 * @returns {Promise<{ url: string, close(): Promise<void> }>} `url` ends with a slash
 */
export async function servePage(options) {
  const { root = ROOT, library = join(root, 'dist'), port = 0, upstream, directory, passwordRequired = false, lab } = options;
  const servers = [upstream, ...(options.connect ?? listed(process.env.PAGE_CONNECT))].map(originOf);
  const keeper = join(library, 'keeper.js');
  const config = JSON.stringify({ baseUrl: upstream, directory, passwordRequired, servers, keeper: existsSync(keeper), lab: lab?.config });
  const headers = securityHeaders(servers);
  // Only the lab may talk to the fault proxy; the keeper does so for it.
  const labHeaders = securityHeaders(lab ? [...servers, originOf(lab.baseUrl)] : servers);
  const folders = [
    { prefix: '/opencode-session/', path: library },
    { prefix: '/', path: join(root, 'www') },
  ];

  const server = createServer((request, response) => {
    const path = pathOf(request.url) ?? '';
    const own = path.startsWith('/lab/') || path === KEEPER ? labHeaders : headers;
    for (const [name, value] of Object.entries(own)) response.setHeader(name, value);
    answer(request, response).catch(() => refuse(response, 500));
  });

  /** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
  async function answer(request, response) {
    // A foreign name that resolves to this machine would make this page part of a foreign site.
    if (!isLocal(request.headers.host)) return refuse(response, 421);
    if (lab?.handle(request, response, pathOf(request.url) ?? '')) return;
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, { allow: 'GET, HEAD' });
    const path = pathOf(request.url);
    if (path === undefined) return refuse(response, 400);
    if (path === '/config.json') return send(request, response, config);
    // A service worker controls only what lies below it.
    const file = await find(folders, path === KEEPER ? '/opencode-session/keeper.js' : path.endsWith('/') ? `${path}index.html` : path);
    if (!file) return refuse(response, 404);
    response.writeHead(200, { 'content-type': TYPES.get(extname(file.path)), 'content-length': file.size });
    if (request.method === 'HEAD') return void response.end();
    pipeline(createReadStream(file.path), response, () => undefined);
  }

  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => resolve(undefined));
  });
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://${LOOPBACK}:${address.port}/`,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

/**
 * Bundles the page's TypeScript into www/dist/. The library stays a file of its own, next to its wasm.
 * @param {{ root?: string }} [options]
 */
export async function buildPage({ root = ROOT } = {}) {
  const { build } = await import('esbuild');
  await build({
    entryPoints: Object.fromEntries(['chat', 'lab', 'doctor', 'inspector', 'provider'].map((name) => [name, join(root, `www/${name}/main.ts`)])),
    outdir: join(root, 'www/dist'),
    tsconfigRaw: {},
    bundle: true,
    format: 'esm',
    target: 'es2022',
    sourcemap: true,
    logLevel: 'silent',
    plugins: [{
      name: 'library-stays-outside',
      setup({ onResolve }) {
        onResolve({ filter: /^opencode-session$/ }, () => ({ path: '../opencode-session/index.js', external: true }));
        for (const name of ['doctor', 'problem', 'provider', 'recorder']) {
          onResolve({ filter: new RegExp(`^opencode-session/${name}$`) }, () => ({ path: `../opencode-session/${name}.js`, external: true }));
        }
      },
    }],
  });
}

/** @param {string[]} servers origins that the page may talk to */
function securityHeaders(servers) {
  const policy = [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    `connect-src 'self' ${[...new Set(servers)].join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    // The library's own: it lets the keeper's file through, and nothing else.
    'trusted-types opencode-session',
  ];
  return {
    'content-security-policy': policy.join('; '),
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  };
}

/** The decoded path, or undefined for what no link of the page would ask. @param {string | undefined} url */
function pathOf(url = '/') {
  try {
    const path = decodeURIComponent(url.split(/[?#]/, 1)[0] ?? '/');
    const plain = path.startsWith('/') && !/[\\\0]/.test(path) && !path.split('/').some((part) => part.startsWith('.'));
    return plain ? path : undefined;
  } catch {
    return undefined;
  }
}

/** @param {{ prefix: string, path: string }[]} folders @param {string} path */
async function find(folders, path) {
  const folder = folders.find(({ prefix }) => path.startsWith(prefix));
  if (!folder || !TYPES.has(extname(path))) return undefined;
  try {
    const home = await realpath(folder.path);
    // A link out of the folder is a way out of it as well.
    const file = await realpath(join(home, path.slice(folder.prefix.length)));
    const { size, isFile } = await stat(file).then((found) => ({ size: found.size, isFile: found.isFile() }));
    return isFile && file.startsWith(home + sep) ? { path: file, size } : undefined;
  } catch {
    return undefined;
  }
}

/** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response @param {string} json */
function send(request, response, json) {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(json) });
  response.end(request.method === 'HEAD' ? undefined : json);
}

/** @param {import('node:http').ServerResponse} response @param {number} status @param {Record<string, string>} [headers] */
function refuse(response, status, headers = {}) {
  if (response.headersSent) return response.destroy();
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers });
  response.end(`${status}\n`);
}

/** @param {string | undefined} host */
function isLocal(host = '') {
  return /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/.test(host);
}

/** @param {string} address */
function originOf(address) {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw new Error(`"${address}" is no address of a server; write it like http://127.0.0.1:4096`);
  return url.origin;
}

/** @param {string | undefined} list */
function listed(list = '') {
  return list.split(/[\s,]+/).filter((each) => each !== '');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildPage();
  const page = await servePage({ upstream: process.env.OPENCODE_URL ?? 'http://127.0.0.1:4096', directory: process.env.OPENCODE_DIRECTORY, port: Number(process.env.PORT ?? 0) });
  console.log(`Open ${page.url}`);
}
