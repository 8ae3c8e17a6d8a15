// Pages with React, the packed library and a real server.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { consumer, serveFolder } from '../package/consumer.mjs';
import { PATIENCE } from '../support/wait.mjs';

const HERE = fileURLToPath(new URL('./', import.meta.url));

/** Installs the library beside a version of React, and serves a page with both. @param {Awaited<ReturnType<typeof import('../package/consumer.mjs').pack>>} packed */
export async function startApp(packed, versions) {
  const project = await consumer(packed, 'app', HERE, versions);
  const site = join(project.path, 'site');
  await build({
    entryPoints: [join(project.path, 'lab.js')],
    outdir: site,
    bundle: true,
    format: 'esm',
    splitting: true,
    define: { 'process.env.NODE_ENV': '"development"' },
    logLevel: 'error',
  });
  await project.run('cp', 'node_modules/opencode-session/dist/core_bg.wasm', 'site/');
  await writeFile(join(site, 'index.html'), '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><main></main><script type="module" src="lab.js"></script>');
  return serveFolder(site);
}

/** Opens the page. `asked`: methods and paths of what it asked the server for; `said`: what it warned of. */
export async function open(browser, app, server) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const asked = [];
  const said = [];
  page.on('request', (request) => {
    if (request.url().startsWith(server.url)) asked.push(`${request.method()} ${new URL(request.url()).pathname}`);
  });
  // What a server refuses is told by the browser, too.
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && !/^Failed to load resource/.test(message.text()) && said.push(message.text()));
  page.on('pageerror', (error) => said.push(error.stack ?? String(error)));
  await page.goto(app.url);
  await page.waitForFunction(() => globalThis.lab !== undefined);
  return { page, asked, said, count: (pattern) => asked.filter((each) => pattern.test(each)).length, close: () => context.close() };
}
