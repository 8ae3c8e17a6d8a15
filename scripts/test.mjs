// `npm test`: everything. `npm test -- NAME…` runs only the named steps.
//
// What the rest needs comes first. Then the compiler and what it tests in one lane, and the test files that use `dist/`, browsers
// and servers in another, several at a time: most of their time they wait.
import { readdirSync } from 'node:fs';
import { runLanes } from './lib/pool.mjs';
import { need, root, run } from './lib/tools.mjs';

/** Test files beside each other, each with a browser and servers of its own. */
const WORKERS = 3;
/** For a whole file, on a machine with other work, milliseconds. */
const FILE_LIMIT = '1800000';

/** @typedef {{ commands?: [string, string[]][], folders?: string[] }} Step `commands` come before the files of `folders` */

const node = (/** @type {string[]} */ ...args) => /** @type {[string, string[]]} */ ([process.execPath, args]);
const npx = (/** @type {string[]} */ ...args) => /** @type {[string, string[]]} */ (['npx', args]);
const cargo = (/** @type {string[]} */ ...args) => /** @type {[string, string[]]} */ (['cargo', args]);
const sim = (/** @type {string[]} */ ...args) => cargo('test', '-q', '--locked', '--test', 'sim', '--', ...args);
const relays = (/** @type {string[]} */ ...args) => cargo('test', '-q', '--locked', '--test', 'relay_sim', '--', ...args);
const planted = (/** @type {string[]} */ ...args) => cargo('test', '-q', '--locked', '--features', 'planted', ...args);
const clippy = (/** @type {string[]} */ ...args) => cargo('clippy', '-q', '--locked', ...args, '--', '-D', 'warnings');

/** One after the other, before all else: cheap, or needed by the rest. @type {Record<string, Step>} */
const FIRST = {
  format: { commands: [cargo('fmt', '--check')] },
  build: { commands: [node('scripts/build.mjs')] },
  types: { commands: [npx('tsc', '-p', '.', '--noEmit', '--emitDeclarationOnly', 'false'), npx('tsc', '-p', 'www')] },
  lint: { commands: [npx('biome', 'lint', '--error-on-warnings')] },
  size: { commands: [node('scripts/size.mjs')] },
  audit: { commands: [node('scripts/notices.mjs', '--check'), node('scripts/audit.mjs', '--offline')] },
};

/** The compiler's lane. @type {Record<string, Step>} */
const COMPILED = {
  contract: { commands: [cargo('build', '-q', '--locked', '--profile', 'test', '--example', 'sse-pipe'), ...files('tests/contract').map(({ commands }) => commands[0])] },
  native: { commands: [cargo('test', '--locked', '--lib', '--test', 'native'), cargo('test', '--locked', '--doc')] },
  // In the profile of the native tests, whose library is there by now: a profile of its own costs more to build than these seeds to run.
  sim: { commands: [sim('--seeds', '10000'), planted('--test', 'sim', '--', '--planted'), planted('--test', 'planted', 'planted')] },
  relay: { commands: [relays('--seeds', '10000'), planted('--test', 'relay_sim', '--', '--planted')] },
  clippy: {
    commands: [
      clippy('--all-targets', '--features', 'xtask,planted'),
      clippy('--all-targets', '--features', 'xtask'),
      ...['page', 'keeper', 'v2', 'provider', 'relay'].map((feature) => clippy('--lib', '--target', 'wasm32-unknown-unknown', '--no-default-features', '--features', feature)),
    ],
  },
};

/** The lane of test files; the longest first. @type {Record<string, Step>} */
const FILES = {
  continuity: { folders: ['tests/continuity'] },
  doctor: { folders: ['tests/doctor'] },
  interop: { folders: ['tests/interop'] },
  package: { folders: ['tests/package'] },
  browser: { folders: ['tests/browser'] },
  docs: { folders: ['tests/docs'] },
  react: { folders: ['tests/react'] },
  next: { folders: ['tests/next'] },
  example: { folders: ['tests/example'] },
  'relay-http': { folders: ['tests/relay-http'] },
  keeper: { folders: ['tests/keeper'] },
  wpt: { folders: ['tests/wpt'] },
  wasm: { folders: ['tests/wasm'] },
  recorder: { folders: ['tests/recorder'] },
  list: { folders: ['tests/list'] },
  protections: { folders: ['tests/protections'] },
  provider: { folders: ['tests/provider'] },
  metadata: { folders: ['tests/metadata'] },
  'relay-redis': { folders: ['tests/relay-redis'] },
  support: { folders: ['tests/support', 'tests/faults'] },
};

/** Alone, at the end: beside others its judge took many times as long. @type {Record<string, Step>} */
const LAST = {
  chaos: { folders: ['tests/chaos'] },
};

const chosen = process.argv.slice(2);
const names = Object.keys({ ...FIRST, ...COMPILED, ...FILES, ...LAST });
const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0) fail(`no step ${unknown.join(', ')}; there are ${names.join(', ')}`);

try {
  await need();
  // Said before the long part, if one of them cannot be had. Imported late: they need the packages.
  const { findChromium } = await import('../tests/support/browser.mjs');
  const { findFirefox } = await import('../tests/support/firefox.mjs');
  const { findNginx } = await import('../tests/support/nginx.mjs');
  const { findPostgres } = await import('../tests/support/postgres.mjs');
  const { findRedis } = await import('../tests/support/redis.mjs');
  const { ensureOpenCode } = await import('../tests/support/opencode.mjs');
  const { ensureLlama } = await import('../tests/support/llama.mjs');
  const { TESTED } = await import('../tests/support/versions.mjs');
  await findChromium();
  await findFirefox();
  await ensureLlama();
  await findNginx();
  await findRedis();
  await findPostgres();
  for (const version of TESTED) await ensureOpenCode(version);
  const begin = performance.now();
  for (const { name, commands } of jobs(FIRST)) {
    console.log(`\n=== ${name}`);
    for (const [command, args] of commands) run(command, args);
  }
  const say = (/** @type {import('./lib/pool.mjs').Job} */ { name }, /** @type {string} */ output, /** @type {number} */ seconds) => console.log(`\n=== ${name}, ${seconds.toFixed(0)} s\n${output.trimEnd()}`);
  await runLanes([{ jobs: jobs(COMPILED), workers: 1 }, { jobs: jobs(FILES), workers: WORKERS }], say);
  await runLanes([{ jobs: jobs(LAST), workers: 1 }], say);
  console.log(`\n${chosen.length || names.length} passed, 0 failed, ${((performance.now() - begin) / 1000).toFixed(0)} s`);
} catch (error) {
  fail(/** @type {Error} */ (error).message);
}

/** The chosen steps as jobs: one for each test file, so that they can be shared out. @param {Record<string, Step>} steps @returns {import('./lib/pool.mjs').Job[]} */
function jobs(steps) {
  return Object.entries(steps)
    .filter(([name]) => chosen.length === 0 || chosen.includes(name))
    .flatMap(([name, { commands = [], folders = [] }]) => [...(commands.length > 0 ? [{ name, commands }] : []), ...folders.flatMap(files)]);
}

/** @param {string} folder @returns {import('./lib/pool.mjs').Job[]} */
function files(folder) {
  const found = readdirSync(`${root}/${folder}`).filter((file) => file.endsWith('.test.mjs'));
  if (found.length === 0) throw new Error(`no tests in ${folder}`);
  return found.map((file) => ({ name: `${folder}/${file}`, commands: [node('--test', '--test-reporter=spec', `--test-timeout=${FILE_LIMIT}`, `${folder}/${file}`)] }));
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(`npm test: ${message}`);
  process.exit(1);
}
