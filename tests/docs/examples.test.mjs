// Every example of README.md and docs/: checked with `tsc --strict` against the packed package, and run. How a page gives an example
// what it needs is told in docs/README.md.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build, transform } from 'esbuild';
import { consumer, pack } from '../package/consumer.mjs';
import { launchChromium } from '../support/browser.mjs';
import { compose, located, nameOf } from './compose.mjs';
import { examples, ROOT, userPages } from './pages.mjs';
import { startSite, visit } from './site.mjs';
import { UNRUN } from './unrun.mjs';
import { startWorld } from './world.mjs';

/** @typedef {import('./pages.mjs').Example} Example */

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('./', import.meta.url));
const RUNNER = join(HERE, 'run-page.mjs');
const AT_ONCE = 3;
const all = userPages().flatMap((page) => examples(page));
/** @param {Example} example */
const excused = ({ page, code }) => UNRUN.find((each) => each.page === page && each.code === code.trim());
const wanted = all.filter((example) => !excused(example));
const of = (...kinds) => wanted.filter(({ kind }) => kinds.includes(kind));
const inNode = of('ts', 'js').filter(({ file }) => file === '');
const inBrowser = of('html', 'tsx');
const inShell = of('sh');

let packed;
let project;
let world;
let site;
let browser;
/** @type {Promise<void>} */
let inNodeDone;
/** @type {Map<string, string[]>} what went wrong, by file */
const outcomes = new Map();

before(async () => {
  [packed, world, browser] = await Promise.all([pack(), startWorld(), launchChromium()]);
  project = await consumer(packed, 'project', HERE);
  write();
  site = await startSite(project.path, headers());
  // Meanwhile the browser has its turn.
  inNodeDone = runInNode();
  inNodeDone.catch(() => undefined);
});
after(async () => {
  await browser?.close();
  await site?.close();
  await world?.close();
  await packed?.remove();
});

/** @param {Example} example @param {string} extension */
const path = (example, extension) => join(project.path, `${nameOf(example)}.${extension}`);
/** @param {Example} example */
const title = ({ page, line, kind }) => `${page}:${line} (${kind})`;

/** What tsc reads. */
function write() {
  for (const example of inNode) writeFileSync(path(example, 'ts'), compose(example));
  for (const example of of('tsx')) writeFileSync(path(example, 'tsx'), example.code);
}

async function runInNode() {
  const lists = [...new Set(inNode.map(({ page }) => page))].map((page) => inNode.filter((each) => each.page === page));
  const worker = async () => {
    for (let list = lists.pop(); list !== undefined; list = lists.pop()) await runPage(list);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** @param {Example[]} list of one page */
async function runPage(list) {
  const files = [];
  for (const example of list) {
    const { code } = await transform(located(compose(example), world.addresses), { loader: 'ts', format: 'esm', target: 'es2022' });
    writeFileSync(path(example, 'mjs'), code);
    files.push(path(example, 'mjs'));
  }
  const env = { ...process.env, ...world.env };
  const { stdout, stderr } = await run(process.execPath, [RUNNER, ...files], { cwd: project.path, env, timeout: 900_000 }).catch((error) => error);
  for (const line of stdout.split('\n').filter(Boolean)) {
    const { file, problems } = JSON.parse(line);
    outcomes.set(file, problems);
  }
  for (const file of files) if (!outcomes.has(file)) outcomes.set(file, [`it did not come to its end: ${stderr}`]);
}

/** Header blocks count for the pages behind them. */
function headers() {
  const found = new Map();
  for (const example of inBrowser) {
    const header = all.findLast(({ page, kind, line }) => page === example.page && kind === 'http' && line < example.line);
    if (header === undefined) continue;
    const lines = located(header.code, world.addresses).replace(/\n +/g, ' ').split('\n').filter(Boolean);
    found.set(`/${nameOf(example)}.html`, lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
  }
  return found;
}

test('the list of what is not run names examples that are there', () => {
  for (const { page, code, why } of UNRUN) {
    assert.ok(why.length > 10, `no reason: ${code}`);
    assert.ok(all.some((each) => each.page === page && each.code.trim() === code), `${page} has no such example: ${code}`);
  }
});

test('every kind of block is known', () => {
  const known = ['ts', 'js', 'tsx', 'html', 'sh', 'http', 'text', 'json'];
  for (const example of all) assert.ok(known.includes(example.kind), title(example));
  for (const example of inBrowser) assert.ok(example.check, `${title(example)} has no check: nothing would show that it works`);
});

test('the types fit, with tsc --strict', async () => {
  const { stdout = '' } = await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: project.path }).then(() => ({}), (error) => error);
  const place = (line) => line.replace(/^(\S+?)\.tsx?\(/, (whole, name) => `${title(wanted.find((each) => nameOf(each) === name) ?? { page: name, line: 0, kind: 'ts' })} in ${whole}`);
  assert.equal(stdout.split('\n').map(place).join('\n').trim(), '');
});

describe('in Chromium', () => {
  for (const example of inBrowser) {
    test(title(example), async () => {
      const name = `${nameOf(example)}.html`;
      // A file beside the page: the blocks with a name that stand before it.
      for (const beside of wanted.filter(({ page, file, line }) => page === example.page && file !== '' && line < example.line)) {
        mkdirSync(join(project.path, beside.file, '..'), { recursive: true });
        writeFileSync(join(project.path, beside.file), located(beside.code, world.addresses));
      }
      const html = example.kind === 'html' ? example.code : await component(example);
      writeFileSync(join(project.path, name), located(html, world.addresses));
      const asked = await visit(browser, `${site.url}/${name}`, example.check);
      if (example.kind !== 'tsx') return;
      // The effects ran twice.
      const made = asked.filter((each) => /^POST \S+\/session$/.test(each)).length;
      assert.equal(made, /createSession|useChatSession\(undefined|await create\(/.test(example.code) ? 1 : 0, 'sessions that were made');
    });
    if (example.kind !== 'tsx') continue;
    test(`${title(example)}, while the server is down, says so`, async () => {
      const name = `${nameOf(example)}-down.html`;
      const down = { ...example, code: example.code.replaceAll('http://127.0.0.1:4096', 'http://127.0.0.1:9') };
      writeFileSync(join(project.path, name), await component(down, `${nameOf(example)}-down`));
      await visit(browser, `${site.url}/${name}`, "await until(() => document.querySelector('[role=alert]')?.textContent === 'The server cannot be reached.');", /ERR_|Access to fetch/);
    });
  }
});

/** A page that shows the component `Chat` of an example. @param {Example} example */
async function component(example, name = nameOf(example)) {
  writeFileSync(join(project.path, `${name}.tsx`), example.code);
  const main = `import { createElement, StrictMode } from 'react'; import { createRoot } from 'react-dom/client'; import { Chat } from './${name}.tsx';
    createRoot(document.querySelector('#root')).render(createElement(StrictMode, null, createElement(Chat)));`;
  // The hooks are bundled with React; what they use of the package is the page's.
  const hooks = {
    name: 'hooks',
    setup: ({ onResolve }) => {
      onResolve({ filter: /^opencode-session\/react$/ }, () => ({ path: join(project.path, 'node_modules/opencode-session/dist/react.js') }));
      onResolve({ filter: /^\.\/(index|problem)\.js$/ }, ({ path: file }) => ({ path: file === './index.js' ? 'opencode-session' : 'opencode-session/problem', external: true }));
    },
  };
  const { outputFiles } = await build({
    plugins: [hooks],
    stdin: { contents: main, resolveDir: project.path }, bundle: true, write: false, format: 'esm', jsx: 'automatic',
    external: ['opencode-session', 'opencode-session/problem'], define: { 'process.env.NODE_ENV': '"development"' }, logLevel: 'silent',
  });
  writeFileSync(join(project.path, `${name}.js`), located(outputFiles[0].text, world.addresses));
  return `<!doctype html><meta charset="utf-8"><div id="root"></div>
    <script type="importmap">{ "imports": { "opencode-session": "./node_modules/opencode-session/dist/index.js", "opencode-session/problem": "./node_modules/opencode-session/dist/problem.js" } }</script>
    <script type="module" src="./${name}.js"></script>`;
}

describe('in Node', () => {
  for (const example of inNode) {
    test(title(example), async () => {
      await inNodeDone;
      assert.deepEqual(outcomes.get(path(example, 'mjs')), []);
    });
  }
});

describe('in a shell', () => {
  for (const example of inShell) {
    test(title(example), async () => {
      mkdirSync(join(project.path, 'public'), { recursive: true });
      await run('/bin/sh', ['-ec', located(example.code, world.addresses)], { cwd: project.path, timeout: 300_000 });
    });
  }
});
