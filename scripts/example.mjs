// `npm run example`: examples/next-chat from the packed library, in production mode, with a real server and a scripted model. Ctrl-C
// ends all of it, and nothing is left.
//
//   OPENCODE_URL=http://127.0.0.1:4096   use this server in place of a fresh one, with OPENCODE_SERVER_PASSWORD
//   OPENCODE_VERSION=1.18.34             version of the fresh server
//   DATABASE_URL=…, REDIS_URL=…          PostgreSQL and Redis, as the app's README has it
//   PORT=…                               port of the app, in place of a free one
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { root } from './lib/tools.mjs';
import { library, npm, ownServer, packages, say, scriptedServer, wantedPort } from './lib/setup.mjs';
import { Undo } from './lib/undo.mjs';

const undo = new Undo();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void end(0));

try {
  const port = wantedPort();
  await packages(undo);
  await library(undo);
  const [upstream, path] = await Promise.all([server(), built()]);
  const { nextServer, serveApp } = await import('../tests/support/next-app.mjs');
  if (undo.ending) throw new Error('ended');
  const env = { ...upstream, SESSION_SECRET: process.env.SESSION_SECRET ?? randomBytes(32).toString('hex'), DATA_DIR: join(path, '.data') };
  const app = await serveApp(path, nextServer('start'), env, port === 0 ? undefined : port);
  undo.add(() => app.close());
  if (!undo.ending) console.log(`Open ${app.url}`);
} catch (error) {
  if (!undo.ending) await end(1, error instanceof Error ? error.message : String(error));
}

/** @param {number} code @param {string} [problem] */
async function end(code, problem) {
  if (problem !== undefined) console.error(`npm run example: ${problem.trim()}`);
  await undo.all();
  process.exit(code);
}

/** @returns {Promise<Record<string, string>>} what the app is told of it */
async function server() {
  const given = process.env.OPENCODE_URL;
  if (given) {
    const { url, passwordRequired } = await ownServer(given);
    const password = process.env.OPENCODE_SERVER_PASSWORD ?? '';
    if (passwordRequired && password === '') throw new Error('the server of OPENCODE_URL wants a password; set OPENCODE_SERVER_PASSWORD');
    return { OPENCODE_URL: url, OPENCODE_SERVER_PASSWORD: password };
  }
  const password = randomBytes(16).toString('hex');
  const { url } = await scriptedServer(undo, { password });
  return { OPENCODE_URL: url, OPENCODE_SERVER_PASSWORD: password };
}

/** @returns {Promise<string>} the folder of the built app */
async function built() {
  const { copyProject, pack } = await import('../tests/package/consumer.mjs');
  const packed = await pack();
  // Its folder goes with this process, after all that runs in it.
  const path = join(packed.path, 'next-chat');
  await copyProject(join(root, 'examples', 'next-chat'), path);
  say('Installing what the app needs …');
  await npm(undo, ['install', packed.file, '--prefer-offline', '--no-audit', '--no-fund'], 'the packages of the app could not be installed; is the registry of npm reached?', path);
  say('Building the app …');
  await npm(undo, ['run', '-s', 'build'], 'the app could not be built; the lines above say why', path);
  return path;
}
