// `npm run mutants -- [--folder store,sync] [--slice 1/8] [--list]`: changes the core, one small change at a time, and asks whether a
// test sees it. What survives the quick tests is tried again with all native tests, and then with seeds of the simulation.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { need, root, run } from './lib/tools.mjs';

const FOLDERS = ['store', 'sync', 'connection', 'command', 'keeper', 'replay', 'sse', 'event'];
/** Pinned: another version makes other changes, and its counts do not compare. */
const VERSION = '27.1.0';
const HOME = `${root}/.cache/cargo-mutants`;
const OUT = `${root}/.cache/mutants`;
/** Seconds that the tests of one change may take; a change that makes a loop endless is caught by it. */
const LIMIT = '300';
/** Files of tests that are slow without optimisation, and about other folders or all at once: for survivors only. */
const SLOW = ['session', 'journal', 'json', 'v2', 'replay_laws', 'keeper_laws', 'fuzz_corpus', 'conformance_sse'];
const SEEDS = '400';

const { values } = parseArgs({ options: { folder: { type: 'string' }, slice: { type: 'string' }, list: { type: 'boolean', default: false } } });
const folders = values.folder?.split(',') ?? FOLDERS;
const unknown = folders.filter((name) => !FOLDERS.includes(name));
if (unknown.length > 0) throw new Error(`no folder ${unknown.join(', ')}; there are ${FOLDERS.join(', ')}`);

await need();
if (!existsSync(`${HOME}/bin/cargo-mutants`)) run('cargo', ['install', 'cargo-mutants', '--version', VERSION, '--locked', '--root', HOME]);
mkdirSync(OUT, { recursive: true });

const where = folders.flatMap((folder) => ['-f', `src/proto/${folder}/**`]);
if (values.list) {
  mutants(['--list', ...where], []);
  process.exit();
}
const slice = values.slice === undefined ? [] : ['--shard', shard(values.slice)];
let left = survivors([...where, ...slice], ['--profile', 'mutants'], ['--lib', '--test', 'native', '--', ...SLOW.flatMap((name) => ['--skip', `${name}::`])]);
if (left.length > 0) left = survivors(only(left), ['--profile', 'test'], ['--lib', '--tests']);
if (left.length > 0) left = survivors(only(left), ['--profile', 'sim'], ['--test', 'sim', '--', '--seeds', SEEDS]);
console.log(left.length === 0 ? '\nno survivor' : `\n${left.length} survived all:\n${left.join('\n')}`);
process.exitCode = left.length === 0 ? 0 : 1;

/** @param {string[]} which @param {string[]} profile @param {string[]} tests @returns {string[]} what no test saw */
function survivors(which, profile, tests) {
  rmSync(`${OUT}/mutants.out`, { recursive: true, force: true });
  mutants([...which, ...profile, '--no-shuffle', '--jobs', '1', '--timeout', LIMIT, '--output', OUT], tests);
  const said = readFileSync(`${OUT}/mutants.out/missed.txt`, 'utf8').trim();
  return said === '' ? [] : said.split('\n');
}

/** @param {string[]} args @param {string[]} tests */
function mutants(args, tests) {
  const done = spawnSync(`${HOME}/bin/cargo-mutants`, ['mutants', ...args, ...(tests.length > 0 ? ['--', ...tests] : [])], { cwd: root, stdio: 'inherit' });
  // 2: some survived; 3: some ran into the limit.
  if (done.status !== 0 && done.status !== 2 && done.status !== 3) throw new Error('cargo mutants failed; the lines above say why');
}

/** Just these changes. Fields that are left out are not asked about by name, only by file. @param {string[]} names */
function only(names) {
  const files = new Set(names.map((name) => name.slice(0, name.indexOf(':'))));
  const fields = names.some((name) => name.includes('delete field')) ? [] : ['-E', 'delete field'];
  const each = names.flatMap((name) => ['-F', `^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`]);
  return [...[...files].flatMap((file) => ['-f', file]), ...fields, ...each];
}

/** `1/8` counts from one, cargo-mutants from zero. @param {string} text */
function shard(text) {
  const [, at, of] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (!(Number(at) >= 1 && Number(at) <= Number(of))) throw new Error(`--slice takes K/N, with K from 1 to N, not ${text}`);
  return `${Number(at) - 1}/${of}`;
}
