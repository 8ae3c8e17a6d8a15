// A Next.js app with the packed library, built and run as its users do.
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { consumer } from '../package/consumer.mjs';
import { NEXT, nextServer, serveApp } from '../support/next-app.mjs';

const HERE = fileURLToPath(new URL('./', import.meta.url));

export const PASSWORD = 'upstream-canary';

/** The project, with the library in it. */
export const project = (packed) => consumer(packed, 'app', HERE);

/** Each way to run it: what is built before, and what is run. */
export const WAYS = {
  Turbopack: { build: [NEXT, 'build', '--turbopack'], run: nextServer('start') },
  webpack: { build: [NEXT, 'build', '--webpack'], run: nextServer('start') },
  standalone: { build: [NEXT, 'build'], env: { STANDALONE: '1' }, run: () => ['.next/standalone/server.js'] },
  development: { run: nextServer('dev') },
};

/** Builds the app, without its server's environment: that is not there then. */
export async function build({ path, run }, { build: words, env = {} }) {
  if (words === undefined) return;
  const names = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  await run('env', ...names, process.execPath, ...words);
  if (env.STANDALONE === '1') await cp(join(path, '.next/static'), join(path, '.next/standalone/.next/static'), { recursive: true });
}

/** Starts it. `port`: that of the run before. */
export const start = ({ path }, { run }, upstream, port = undefined) => serveApp(path, run, { UPSTREAM: upstream, UPSTREAM_PASSWORD: PASSWORD }, port);
