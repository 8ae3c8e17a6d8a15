// A Redis server for tests.
import { spawn } from 'node:child_process';
import { findProgram } from './install.mjs';
import { freePort, LOOPBACK } from './ports.mjs';
import { atExit, tempDir } from './temp.mjs';
import { waitFor } from './wait.mjs';

/** @returns {Promise<string>} the path of a redis-server; installs one when there is none */
export const findRedis = () => findProgram({ program: 'redis-server', variable: 'REDIS_SERVER', packages: ['redis-server'] });

/**
 * A server without a disk: what it had is gone when it was stopped.
 * @param {string[]} [more] further arguments
 */
export async function startRedis(more = []) {
  const program = await findRedis();
  const folder = tempDir('redis');
  const port = await freePort();
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child;
  let said = '';
  /** @type {Promise<unknown>} */
  let ended = Promise.resolve();
  const forget = atExit(() => child?.kill('SIGKILL'));
  const server = {
    url: `redis://${LOOPBACK}:${port}`,
    port,
    async start() {
      child = spawn(program, ['--port', String(port), '--save', '', '--appendonly', 'no', '--bind', LOOPBACK, '--dir', folder.path, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
      ended = new Promise((resolve) => child?.once('exit', resolve).once('error', resolve));
      let ready = false;
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8').on('data', (piece) => {
          said = (said + piece).slice(-4_000);
          ready ||= said.includes('Ready to accept connections');
        });
      }
      said = '';
      await waitFor(() => {
        if (child?.exitCode !== null) throw new Error(said);
        return ready;
      }, { message: () => `redis-server: ${said}` });
    },
    /** @param {NodeJS.Signals} [signal] */
    async kill(signal = 'SIGKILL') {
      child?.kill(signal);
      await ended;
    },
    /** It takes nothing and answers nothing, until `go`. */
    pause: () => child?.kill('SIGSTOP'),
    go: () => child?.kill('SIGCONT'),
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
