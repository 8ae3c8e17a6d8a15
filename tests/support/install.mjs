// Programs for tests: the one that is here, else an installed one.
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * @param {object} wanted
 * @param {string} wanted.program
 * @param {string} wanted.variable of the environment, that names one
 * @param {string[]} wanted.packages of Debian, that bring it
 * @param {() => string[]} [wanted.folders] where it may be, beside PATH; asked again after an installation
 * @returns {Promise<string>} its path; installs it when there is none
 */
export async function findProgram({ program, variable, packages, folders = () => [] }) {
  const asked = process.env[variable];
  if (asked) {
    if (runs(asked)) return asked;
    throw new Error(`${variable} names no program that can run: ${asked}`);
  }
  const present = () => [...folders(), ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin'].map((folder) => join(folder, program)).find(runs);
  const here = present();
  if (here) return here;
  const failed = await install(packages).then(() => 'no program afterwards', (error) => String(error.stderr || error.message || error).trim().split('\n')[0].slice(0, 150));
  const found = present();
  if (found) return found;
  throw new Error(`no ${program}: set ${variable} to the path of one, or install ${packages.join(' ')} (apt-get: ${failed})`);
}

/** @param {string[]} packages */
async function install(packages) {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) throw new Error('only for root on Debian');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const wanted = ['install', '-y', '--no-install-recommends', ...packages];
  // The lists of a fresh machine are empty, or name what is gone.
  await run('apt-get', wanted, { timeout: 600_000, env }).catch(async () => {
    await run('apt-get', ['update'], { timeout: 600_000, env });
    await run('apt-get', wanted, { timeout: 600_000, env });
  });
}

/** @param {string} path */
function runs(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
