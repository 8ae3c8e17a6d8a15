// A Next.js app with the packed library, built and run as its users do.
import { spawn } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { consumer } from '../package/consumer.mjs';
import { freePort, LOOPBACK } from '../support/ports.mjs';
import { atExit } from '../support/temp.mjs';
import { waitFor } from '../support/wait.mjs';

const NEXT = 'node_modules/next/dist/bin/next';
const HERE = fileURLToPath(new URL('./', import.meta.url));

export const PASSWORD = 'upstream-canary';

/** The project, with the library in it. */
export const project = (packed) => consumer(packed, 'app', HERE);

/** Each way to run it: what is built before, and what is run. */
export const WAYS = {
  Turbopack: { build: [NEXT, 'build', '--turbopack'], run: (port) => [NEXT, 'start', '-p', port, '-H', LOOPBACK] },
  webpack: { build: [NEXT, 'build', '--webpack'], run: (port) => [NEXT, 'start', '-p', port, '-H', LOOPBACK] },
  standalone: { build: [NEXT, 'build'], env: { STANDALONE: '1' }, run: () => ['.next/standalone/server.js'] },
  development: { run: (port) => [NEXT, 'dev', '-p', port, '-H', LOOPBACK] },
};

/** Builds the app, without its server's environment: that is not there then. */
export async function build({ path, run }, { build: words, env = {} }) {
  if (words === undefined) return;
  const names = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  await run('env', ...names, process.execPath, ...words);
  if (env.STANDALONE === '1') await cp(join(path, '.next/static'), join(path, '.next/standalone/.next/static'), { recursive: true });
}

/** Starts it. `port`: that of the run before. */
export async function start({ path }, { run }, upstream, port = undefined) {
  const own = port ?? (await freePort());
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', PORT: String(own), HOSTNAME: LOOPBACK, UPSTREAM: upstream, UPSTREAM_PASSWORD: PASSWORD };
  delete env.NODE_ENV;
  const child = spawn(process.execPath, run(String(own)), { cwd: path, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { said += chunk; });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const forget = atExit(() => child.kill('SIGKILL'));
  const close = async (signal = 'SIGKILL') => {
    child.kill(signal);
    await ended;
    forget();
  };
  const url = `http://${LOOPBACK}:${own}`;
  try {
    await waitFor(async () => (await fetch(url)).ok, { every: 100, message: () => `Next: ${said.slice(-2000)}` });
  } catch (error) {
    await close();
    throw error;
  }
  return { url, port: own, close, said: () => said };
}
