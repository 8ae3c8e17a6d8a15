// A Next.js app that was built, served as its users serve it.
import { spawn } from 'node:child_process';
import { freePort, LOOPBACK } from './ports.mjs';
import { atExit } from './temp.mjs';
import { waitFor } from './wait.mjs';

export const NEXT = 'node_modules/next/dist/bin/next';

/** What `next` is told for a server on loopback. @param {'start' | 'dev'} how @returns {(port: string) => string[]} */
export const nextServer = (how) => (port) => [NEXT, how, '-p', port, '-H', LOOPBACK];

/**
 * Starts an app and waits until it answers.
 * @param {string} path the app's folder
 * @param {(port: string) => string[]} words what Node runs
 * @param {Record<string, string | undefined>} env beside this process' own
 * @param {number} [port] that of the run before
 */
export async function serveApp(path, words, env, port = undefined) {
  const own = port ?? (await freePort());
  const whole = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', PORT: String(own), HOSTNAME: LOOPBACK, ...env };
  delete whole.NODE_ENV;
  const child = spawn(process.execPath, words(String(own)), { cwd: path, env: whole, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { said += chunk; });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const forget = atExit(() => child.kill('SIGKILL'));
  /** @param {NodeJS.Signals} [signal] */
  const close = async (signal = 'SIGKILL') => {
    child.kill(signal);
    await ended;
    forget();
  };
  const url = `http://${LOOPBACK}:${own}`;
  try {
    await waitFor(async () => {
      if (child.exitCode !== null) throw new Error(said);
      return (await fetch(url)).ok;
    }, { every: 100, message: () => `Next: ${said.slice(-2000)}` });
  } catch (error) {
    await close();
    throw error;
  }
  return { url, port: own, close, said: () => said };
}
