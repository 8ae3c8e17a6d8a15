// `npm run protections [-- --only NAME…] [--list]`: takes out each protection of SECURITY.md, one at a time and in a copy, and asks
// whether its test sees it: the test must pass with the protection, and fail without it for the reason that stands in the table.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { PROTECTIONS, without } from './lib/protections.mjs';
import { isStale } from './lib/stale.mjs';
import { need, root, run } from './lib/tools.mjs';

/** @typedef {import('./lib/protections.mjs').Protection} Protection */
/** For one test, milliseconds: one that waits for what never comes is ended by its own patience long before. */
const LIMIT = 300_000;
const COPY = `${root}/target/protections/tree`;
const RUNNING = `${root}/target/protections/pid`;
const CARGO = `${root}/target/protections/cargo`;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string', multiple: true }, list: { type: 'boolean', default: false } } });
const only = [...(values.only ?? []), ...positionals];
const chosen = PROTECTIONS.filter(({ name }) => only.length === 0 || only.includes(name));
const unknown = only.filter((name) => !PROTECTIONS.some((each) => each.name === name));
if (unknown.length > 0) throw new Error(`no protection "${unknown.join('", "')}"; --list names them`);
if (values.list) {
  for (const { name, rules, file } of PROTECTIONS) console.log(`${name}  (rule ${rules.join(', ')}; ${file})`);
  process.exit();
}

await need();
const generated = ['src/js/core', 'src/js/keeper/core', 'src/js/v2/core', 'src/js/provider/core', 'src/js/relay/core'];
const sources = ['src', 'Cargo.toml', 'Cargo.lock', 'scripts/build.mjs', 'scripts/lib/wasm.mjs', 'package-lock.json'].map((name) => join(root, name));
if (isStale(`${root}/dist/index.js`, sources, generated.map((name) => join(root, name)))) run(process.execPath, ['scripts/build.mjs']);
alone();
copy();
try {
  const begin = performance.now();
  /** What each test says with all protections in place. @type {Map<string, string | undefined>} */
  const whole = new Map();
  /** @type {string[]} */
  const survived = [];
  for (const protection of chosen) {
    const key = JSON.stringify(protection.test);
    if (!whole.has(key)) whole.set(key, whatIsWrong(tried(protection.test), protection.test));
    const wrong = whole.get(key) ?? withoutIt(protection);
    console.log(`${wrong === undefined ? 'killed  ' : 'SURVIVED'}  ${protection.name}${wrong === undefined ? '' : `: ${wrong}`}`);
    if (wrong !== undefined) survived.push(protection.name);
  }
  console.log(`\n${chosen.length} taken out, ${chosen.length - survived.length} noticed, ${survived.length} not${survived.length > 0 ? `: ${survived.join(', ')}` : ''}; ${((performance.now() - begin) / 1000).toFixed(0)} s`);
  process.exitCode = survived.length === 0 ? 0 : 1;
} finally {
  rmSync(COPY, { recursive: true, force: true });
  rmSync(RUNNING, { force: true });
}

/** Two at once would take protections out of each other's copy. The copy keeps its place, so that cargo knows it again. */
function alone() {
  const other = existsSync(RUNNING) ? Number(readFileSync(RUNNING, 'utf8')) : 0;
  if (other > 0 && isAlive(other)) throw new Error(`process ${other} runs npm run protections already`);
  mkdirSync(dirname(RUNNING), { recursive: true });
  writeFileSync(RUNNING, String(process.pid));
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The files of the repository and what was built, as files of their own; what nobody writes to as links. */
function copy() {
  rmSync(COPY, { recursive: true, force: true });
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' }).split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
  for (const file of files) {
    mkdirSync(dirname(join(COPY, file)), { recursive: true });
    cpSync(join(root, file), join(COPY, file));
  }
  for (const folder of [...generated, 'dist']) cpSync(join(root, folder), join(COPY, folder), { recursive: true });
  for (const folder of ['node_modules', '.cache']) symlinkSync(join(root, folder), join(COPY, folder));
}

/** Takes the protection out and tries its test; gives what is wrong with that. @param {Protection} protection */
function withoutIt(protection) {
  const file = join(COPY, protection.file);
  const text = readFileSync(file, 'utf8');
  const how = rebuilt(protection);
  try {
    writeFileSync(file, without(protection, text));
    if (how !== undefined) {
      const built = spawnSync(process.execPath, ['scripts/build.mjs', how], { cwd: COPY, encoding: 'utf8', env: { ...process.env, CARGO_TARGET_DIR: CARGO } });
      if (built.status !== 0) return `what takes its place cannot be built:\n${tail(built.stderr)}`;
    }
    const { failed, passed, output } = tried(protection.test, protection.limit);
    if (failed === 0) return passed > 0 ? `"${protection.test.name}" passes without it` : `"${protection.test.name}" was not run:\n${tail(output)}`;
    return protection.because.test(output) ? undefined : `"${protection.test.name}" fails, but for another reason than ${protection.because}:\n${tail(output)}`;
  } finally {
    writeFileSync(file, text);
    if (how !== undefined) for (const folder of ['src/js/provider/core', 'dist']) cpSync(join(root, folder), join(COPY, folder), { recursive: true, force: true });
  }
}

/** What of `dist/` is built again for a test of it. Tests of the core alone build for themselves. @param {Protection} protection */
function rebuilt({ file, test }) {
  if (/^src\/(js|cli)/.test(file)) return '--script';
  return /^src\/(web\/(http|provider)|proto\/provider)\//.test(file) && test.file.endsWith('.mjs') ? '--provider' : undefined;
}

/** @param {ReturnType<typeof tried>} outcome @param {Protection['test']} test */
function whatIsWrong({ passed, failed, output }, test) {
  if (failed > 0) return `"${test.name}" fails with all protections in place:\n${tail(output)}`;
  return passed > 0 ? undefined : `"${test.name}" was not run:\n${tail(output)}`;
}

/** Runs one test in the copy. @param {Protection['test']} test @param {number} [limit] milliseconds; one that never ends has failed @param {boolean} [force] ends what the test leaves running @returns {{ passed: number, failed: number, output: string }} */
function tried({ file, name }, limit = LIMIT, force = true) {
  const isRust = file.endsWith('.rs');
  const [command, args] = isRust
    ? ['cargo', ['test', '--locked', '--test', 'native', name]]
    : [process.execPath, ['--test', '--test-reporter=tap', ...(force ? ['--test-force-exit'] : []), `--test-timeout=${limit}`, `--test-name-pattern=${name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}`, file]];
  const done = spawnSync(command, args, { cwd: COPY, encoding: 'utf8', timeout: 2 * LIMIT, maxBuffer: 256 * 1024 * 1024, detached: true, env: { ...process.env, CARGO_TARGET_DIR: CARGO, NODE_TEST_CONTEXT: undefined } });
  // What a test that was ended had started goes as well.
  if (done.pid > 0) killGroup(done.pid);
  const output = `${done.stdout}${done.stderr}`;
  const results = isRust
    ? [...output.matchAll(/^test (.+?) \.\.\. (ok|FAILED)$/gm)].filter(([, each]) => each.startsWith(`${file.slice('tests/'.length, -'.rs'.length)}::`) && each.includes(name)).map(([, , result]) => result === 'ok')
    : [...output.matchAll(/^ *(not )?ok \d+ - (.+?)( # SKIP.*)?$/gm)].filter(([, , each, skipped]) => !skipped && each.replace(/\\(.)/g, '$1').includes(name)).map(([, not]) => not === undefined);
  // A forced end may cut off what the last tests of a long file say.
  if (force && !isRust && results.length === 0 && !output.includes('testTimeoutFailure')) return tried({ file, name }, limit, false);
  const isEndless = results.length === 0 && output.includes('testTimeoutFailure');
  return { passed: results.filter(Boolean).length, failed: results.filter((each) => !each).length + Number(isEndless), output };
}

/** @param {number} pid */
function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing is left of it.
  }
}

/** @param {string} output */
function tail(output) {
  return output.trim().split('\n').slice(-40).map((line) => `    ${line}`).join('\n');
}
