// What scripts that serve something need before: packages, the library, and servers that answer.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { root } from './tools.mjs';
import { isStale } from './stale.mjs';

const ANSWER = 10_000;

/** On the error channel: the one line on the standard output is the address. @param {string} line */
export function say(line) {
  console.error(line);
}

/** @param {import('./undo.mjs').Undo} undo */
export async function packages(undo) {
  if (existsSync(`${root}/node_modules/esbuild/package.json`)) return;
  say('Installing packages …');
  await npm(undo, ['ci', '--no-audit', '--no-fund'], 'the packages could not be installed; look at what npm says above, then run npm ci');
}

/** @param {import('./undo.mjs').Undo} undo */
export async function library(undo) {
  const sources = ['src', 'Cargo.toml', 'Cargo.lock', 'scripts/build.mjs', 'scripts/lib/wasm.mjs', 'package-lock.json'].map((name) => `${root}/${name}`);
  const stale = isStale(`${root}/dist/index.js`, sources, [`${root}/src/js/core`, `${root}/src/js/keeper/core`, `${root}/src/js/v2/core`, `${root}/src/js/provider/core`, `${root}/src/js/relay/core`]);
  if (!stale && existsSync(`${root}/dist/core_bg.wasm`)) return;
  say('Building the library …');
  await npm(undo, ['run', '-s', 'build'], 'the library could not be built; the lines above say why (npm run build repeats it)');
}

/**
 * A fresh server with a scripted model.
 * @param {import('./undo.mjs').Undo} undo @param {{ password?: string }} [options]
 */
export async function scriptedServer(undo, options = {}) {
  say('Starting an OpenCode server with a scripted model …');
  const [{ startModel }, { startOpenCode }] = await Promise.all([import('../../tests/support/model.mjs'), import('../../tests/support/opencode.mjs')]);
  const model = await startModel();
  undo.add(() => model.close());
  const version = process.env.OPENCODE_VERSION;
  const opencode = await startOpenCode({ model, ...(version && { version }), ...options });
  undo.add(() => opencode.stop());
  say('The scripted model does what it is told: "words 40", "think 20 words 10", "tool bash: ls", "markdown", "ask Tea or coffee?: Tea | Coffee".');
  return opencode;
}

/** The caller's server, from OPENCODE_URL. @param {string} given @returns {Promise<{ url: string, passwordRequired: boolean }>} */
export async function ownServer(given) {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error(`OPENCODE_URL is no address of a server; write it like http://127.0.0.1:4096`);
  if (url.username || url.password) throw new Error('OPENCODE_URL holds a user name or password; leave them out');
  const base = url.href.replace(/[?#].*$/, '').replace(/\/$/, '');
  const status = await answers(`${base}/global/health`, `the server of OPENCODE_URL (${url.origin})`, [200, 401]);
  return { url: base, passwordRequired: status === 401 };
}

/** The port that is wished for; 0: any. */
export function wantedPort() {
  const wanted = process.env.PORT;
  if (wanted && !/^\d{1,5}$/.test(wanted)) throw new Error(`PORT=${wanted} is no port number`);
  return Number(wanted ?? 0);
}

/** @param {string} url @param {string} what @param {number[]} [good] @returns {Promise<number>} the status */
export async function answers(url, what, good = [200]) {
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER) }).catch(() => undefined);
  await response?.body?.cancel();
  if (!response) throw new Error(`${what} does not answer; start it, or check the address`);
  if (!good.includes(response.status)) throw new Error(`${what} answers with status ${response.status}; is it an OpenCode server?`);
  return response.status;
}

/**
 * Runs npm with its output on the error channel.
 * @param {import('./undo.mjs').Undo} undo @param {string[]} args @param {string} advice @param {string} [cwd]
 */
export async function npm(undo, args, advice, cwd = root) {
  if (undo.ending) throw new Error('ended');
  const windows = process.platform === 'win32';
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' };
  const child = spawn('npm', args, { cwd, env, stdio: ['ignore', 2, 2], shell: windows, detached: !windows });
  // Its own group: npm passes a signal on to its child, but not to what that one started.
  const stop = () => void (child.exitCode === null && child.pid && (windows ? child.kill() : process.kill(-child.pid, 'SIGTERM')));
  undo.add(stop);
  const code = await new Promise((done) => child.once('error', () => done(-1)).once('exit', done));
  if (code !== 0) throw new Error(advice);
}
