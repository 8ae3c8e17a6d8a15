// An nginx for tests: the one that is here, else an installed one.
import { execFile, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { LOOPBACK } from './ports.mjs';
import { atExit, tempDir } from './temp.mjs';
import { waitFor } from './wait.mjs';

const run = promisify(execFile);

/** @returns {Promise<string>} the path of an nginx; installs one when there is none */
export async function findNginx() {
  const asked = process.env.NGINX;
  if (asked) {
    if (runs(asked)) return asked;
    throw new Error(`NGINX names no program that can run: ${asked}`);
  }
  const here = present();
  if (here) return here;
  const failed = await install().then(() => 'no program afterwards', (error) => String(error.stderr || error.message || error).trim().split('\n')[0].slice(0, 150));
  const found = present();
  if (found) return found;
  throw new Error(`no nginx: set NGINX to the path of one, or install nginx-light (apt-get: ${failed})`);
}

/**
 * Runs nginx with these lines in its `http { }`, until `stop`.
 * @param {string} http @param {number} port that it listens on
 */
export async function startNginx(http, port) {
  const program = await findNginx();
  const folder = tempDir('nginx');
  mkdirSync(join(folder.path, 'logs'));
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder.path}/${name};`).join('\n');
  writeFileSync(join(folder.path, 'nginx.conf'), `pid ${folder.path}/pid;\nerror_log ${folder.path}/logs/error.log;\nevents {}\nhttp {\naccess_log off;\n${paths}\n${http}\n}\n`);
  // Not as root's `nobody`, who may not enter the folder.
  const child = spawn(program, ['-p', folder.path, '-c', join(folder.path, 'nginx.conf'), '-e', join(folder.path, 'logs/error.log'), '-g', `daemon off; master_process off;`], { stdio: ['ignore', 'inherit', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (piece) => { said += piece; });
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  const forget = atExit(() => child.kill('SIGKILL'));
  const log = () => `${said}${existsSync(join(folder.path, 'logs/error.log')) ? readFileSync(join(folder.path, 'logs/error.log'), 'utf8') : ''}`;
  try {
    await waitFor(() => {
      if (child.exitCode !== null) throw new Error(log());
      return fetch(`http://${LOOPBACK}:${port}/`).then(() => true);
    }, { message: () => `nginx: ${log()}` });
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    url: `http://${LOOPBACK}:${port}`,
    log,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      forget();
      await folder.remove();
    },
  };
}

async function install() {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) throw new Error('only for root on Debian');
  await run('apt-get', ['install', '-y', '--no-install-recommends', 'nginx-light'], { timeout: 600_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
}

function present() {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'].map((folder) => join(folder, 'nginx')).find(runs);
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
