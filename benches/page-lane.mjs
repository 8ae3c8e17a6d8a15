/** Rivals in Chromium: one page for each, in a browser context of its own, so in a process of its own. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launchChromium } from '../tests/support/browser.mjs';
import { PageHost } from './page-host.mjs';

const IMPORTS = `import { Bench } from './measure.mjs';`;
const BENCH = 'globalThis.load = (workload) => { globalThis.bench = new Bench(rival, workload); };';
const HERE = fileURLToPath(new URL('.', import.meta.url));

/**
 * The script of a page with one rival in it.
 * @param {string} rival @param {string} start what the page does, with `rival` at hand @param {string} imports
 * @returns {Promise<string>}
 */
export async function bundle(rival, start, imports) {
  const contents = `import * as rival from './adapters/${rival}.mjs';\n${imports}\n${start}`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: HERE },
    bundle: true,
    write: false,
    format: 'esm',
    target: 'esnext',
    // Ours is loaded as published: its wasm file lies beside its script.
    external: ['opencode-session'],
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
  });
  return outputFiles[0].text;
}

export class PageLanes {
  #browser;
  #host;
  #scripts = new Map();

  static async launch() {
    const lanes = new PageLanes();
    lanes.#browser = await launchChromium({ args: ['--js-flags=--expose-gc'] });
    lanes.#host = await PageHost.listen(lanes.#scripts);
    return lanes;
  }

  /** @param {string} rival @param {string} workload */
  async open(rival, workload) {
    if (!this.#scripts.has(rival)) this.#scripts.set(rival, await bundle(rival, BENCH, IMPORTS));
    const context = await this.#browser.newContext();
    const page = await context.newPage();
    let broken;
    page.on('pageerror', (error) => {
      broken = error;
    });
    await page.goto(`${this.#host.origin}/${rival}.html`, { waitUntil: 'load' });
    if (broken) throw broken;
    const inspector = await context.newCDPSession(page);
    await page.evaluate((name) => globalThis.load(name), workload);
    return {
      async sample(atLeast) {
        // For a browser that was started without the flag above.
        await inspector.send('HeapProfiler.collectGarbage');
        return page.evaluate((least) => globalThis.bench.sample(least), atLeast);
      },
      close: () => context.close(),
    };
  }

  async close() {
    await this.#browser.close();
    this.#host.close();
  }
}
