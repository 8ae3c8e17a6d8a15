/** Serves the pages of the rivals and the built package on the loopback interface. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';

const ROOT = new URL('..', import.meta.url);
const TYPES = {
  '.js': 'text/javascript',
  '.html': 'text/html',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

/** The file that a browser gets for `import 'opencode-session'`. */
async function entry() {
  const { exports } = JSON.parse(await readFile(new URL('package.json', ROOT), 'utf8'));
  return exports['.'].default.replace(/^\./, '');
}

export class PageHost {
  #server;
  #scripts;
  #entry;

  /** @param {Map<string, string>} scripts by rival */
  static async listen(scripts) {
    const host = new PageHost();
    host.#scripts = scripts;
    host.#entry = await entry();
    host.#server = createServer((request, response) => host.#serve(request, response));
    await new Promise((resolve) => host.#server.listen(0, '127.0.0.1', resolve));
    return host;
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request, response) {
    const { pathname } = new URL(request.url, this.origin);
    const body = await this.#file(pathname).catch(() => undefined);
    response.writeHead(body === undefined ? 404 : 200, {
      'content-type': TYPES[extname(pathname)] ?? 'text/plain',
      'cache-control': 'no-store',
      // Only an isolated page gets a clock of 5 microseconds instead of 100.
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    response.end(body);
  }

  async #file(pathname) {
    const name = pathname.slice(1).replace(/\.(js|html)$/, '');
    if (this.#scripts.has(name)) return pathname.endsWith('.js') ? this.#scripts.get(name) : this.#page(name);
    // A parsed URL has no ".." left, so this stays inside the folder.
    if (pathname === '/opencode-session-keeper.js') return readFile(new URL('dist/keeper.js', ROOT));
    if (pathname.startsWith('/dist/')) return readFile(new URL(`.${pathname}`, ROOT));
    return undefined;
  }

  #page(name) {
    const map = JSON.stringify({ imports: { 'opencode-session': this.#entry, 'opencode-session/provider': '/dist/provider.js', 'opencode-session/provider/ai-sdk': '/dist/ai-sdk.js' } });
    return `<!doctype html><meta charset="utf-8"><title>${name}</title>
<script type="importmap">${map}</script><script type="module" src="/${name}.js"></script>`;
  }
}
