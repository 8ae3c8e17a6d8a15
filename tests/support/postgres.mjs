// A PostgreSQL server for tests.
import { execFile, spawn } from 'node:child_process';
import { chownSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from './install.mjs';
import { freePort, LOOPBACK } from './ports.mjs';
import { atExit, tempDir } from './temp.mjs';
import { waitFor } from './wait.mjs';

const run = promisify(execFile);
const HOME = '/usr/lib/postgresql';
/** Where Debian puts versions; empty before one is there. */
const folders = () => (existsSync(HOME) ? readdirSync(HOME).sort((a, b) => Number(b) - Number(a)).map((version) => join(HOME, version, 'bin')) : []);

/** @returns {Promise<string>} the path of an initdb, beside which the rest is; installs one when there is none */
export async function findPostgres() {
  return findProgram({ program: 'initdb', variable: 'INITDB', packages: ['postgresql'], folders });
}

/** An empty database, until `stop`. */
export async function startPostgres() {
  const initdb = await findPostgres();
  const folder = tempDir('postgres');
  const data = join(folder.path, 'data');
  // It does not run as root.
  const who = process.getuid?.() === 0 ? await user() : {};
  if ('uid' in who) chownSync(folder.path, who.uid, who.gid);
  await run(initdb, ['-D', data, '-A', 'trust', '-U', 'test', '-E', 'UTF8', '--locale=C', '--no-sync'], { ...who, cwd: folder.path });
  const port = await freePort();
  let said = '';
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child;
  /** @type {Promise<unknown>} */
  let ended = Promise.resolve();
  const forget = atExit(() => child?.kill('SIGQUIT'));
  const server = {
    url: `postgres://test@${LOOPBACK}:${port}/postgres`,
    async start() {
      said = '';
      child = spawn(join(initdb, '../postgres'), ['-D', data, '-p', String(port), '-c', `listen_addresses=${LOOPBACK}`, '-c', `unix_socket_directories=${folder.path}`, '-c', 'fsync=off'], { ...who, cwd: folder.path, stdio: ['ignore', 'ignore', 'pipe'] });
      child.stderr?.setEncoding('utf8').on('data', (piece) => { said = (said + piece).slice(-4_000); });
      ended = new Promise((resolve) => child?.once('exit', resolve).once('error', resolve));
      await waitFor(() => {
        if (child?.exitCode !== null) throw new Error(said);
        return said.includes('ready to accept connections');
      }, { message: () => `postgres: ${said}` });
    },
    /** At once: it ends its connections. */
    async kill() {
      child?.kill('SIGQUIT');
      await ended;
    },
    async stop() {
      await server.kill();
      forget();
      await folder.remove();
    },
  };
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** Somebody who is not root: that of the package, else nobody. */
async function user() {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'));
  const [, , uid, gid] = lines.find(([name]) => name === 'postgres') ?? lines.find(([name]) => name === 'nobody') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}
