// The OpenCode server program: a pinned platform package from npm, kept in the repository's .cache folder.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WINDOWS = process.platform === 'win32';

/**
 * The path of the server program; installs it when it is missing.
 * @param {string} version
 * @returns {Promise<string>}
 */
export async function ensureOpenCode(version) {
  if (!/^\d+\.\d+\.\d+[\w.-]*$/.test(version)) throw new Error(`cannot get the OpenCode server: "${version}" is no exact version`);
  const home = join(ROOT, '.cache', 'servers', version);
  const names = await packageNames();
  const found = () => names.map((name) => programIn(home, name)).find(existsSync);
  const here = found();
  if (here) return here;
  const why = [];
  for (const name of names) {
    try {
      await install(home, name, version);
      const program = found();
      if (program) return program;
      why.push(`${name}: the package holds no program`);
    } catch (error) {
      why.push(`${name}: ${reason(error)}`);
    }
  }
  throw new Error(`cannot get the OpenCode server ${version} for ${process.platform}-${process.arch} from npm (${why.join('; ')})`);
}

/** @param {string} home @param {string} name */
const programIn = (home, name) => join(home, 'node_modules', name, 'bin', WINDOWS ? 'opencode.exe' : 'opencode');

/** @param {string} home @param {string} name @param {string} version */
async function install(home, name, version) {
  // Test files run side by side: each installs apart and the first one to finish puts its copy in place.
  await mkdir(dirname(home), { recursive: true });
  const apart = await mkdtemp(`${home}.`);
  try {
    const args = ['install', '--prefix', apart, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${version}`];
    await run(WINDOWS ? 'npm.cmd' : 'npm', args, { cwd: apart, shell: WINDOWS, timeout: 300_000 });
    if (!WINDOWS && existsSync(programIn(apart, name))) await chmod(programIn(apart, name), 0o755);
    await rename(apart, home).catch(async (error) => {
      if (existsSync(programIn(home, name))) return;
      if (!existsSync(home)) throw error;
      await rm(home, { recursive: true });
      await rename(apart, home);
    });
  } finally {
    await rm(apart, { recursive: true, force: true });
  }
}

/** The packages that can run here, best first. */
async function packageNames() {
  const system = WINDOWS ? 'windows' : process.platform;
  const base = `opencode-${system}-${process.arch}`;
  const plain = process.arch === 'x64' && !(await hasAvx2()) ? `${base}-baseline` : base;
  return system === 'linux' && isMusl() ? [`${plain}-musl`] : [plain];
}

async function hasAvx2() {
  try {
    if (process.platform === 'linux') return /\bavx2\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
    if (process.platform === 'darwin') return (await run('sysctl', ['-n', 'hw.optional.avx2_0'])).stdout.trim() === '1';
  } catch {
    // Not known: the baseline program runs on every processor.
  }
  return false;
}

function isMusl() {
  const report = /** @type {any} */ (process.report?.getReport());
  return !report?.header?.glibcVersionRuntime;
}

/** @param {any} error */
function reason(error) {
  if (error?.code === 'ENOENT') return 'npm is not on PATH';
  const lines = String(error?.stderr || error?.message || error).split('\n');
  const line = lines.find((each) => /npm (ERR!|error) (?!code|A complete)/.test(each)) ?? lines[0];
  return line.replace(/^npm (ERR!|error)\s*/, '').replace(/https?:\/\/\S+/g, 'the registry').slice(0, 200);
}
