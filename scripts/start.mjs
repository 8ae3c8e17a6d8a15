// `npm start`: everything needed to try the page, from a fresh clone to one address to open. Ctrl-C ends all of it.
//
//   OPENCODE_URL=http://127.0.0.1:4096   use this server in place of a fresh one with a scripted model
//   OPENCODE_DIRECTORY=/path             its project folder
//   OPENCODE_VERSION=1.18.34             version of the fresh server
//   PAGE_CONNECT=https://other.example   more servers that ?server= may name
//   PORT=…                               port of the page, in place of a free one
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { root } from './lib/tools.mjs';
import { isStale } from './lib/stale.mjs';
import { Undo } from './lib/undo.mjs';

const ANSWER = 10_000;

const undo = new Undo();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void end(0));

try {
  await packages();
  await library();
  const upstream = await server();
  const page = await pageFor(upstream);
  await answers(page, 'the page');
  if (!undo.ending) {
    say(`The fault lab: ${page}lab/`);
    say(`The doctor: ${page}doctor/`);
    say(`The inspector: ${page}inspector/`);
    say(`Models: ${page}provider/`);
    console.log(`Open ${page}`);
  }
} catch (error) {
  if (!undo.ending) await end(1, error instanceof Error ? error.message : String(error));
}

/** @param {number} code @param {string} [problem] */
async function end(code, problem) {
  if (problem !== undefined) console.error(`npm start: ${problem.trim()}`);
  await undo.all();
  process.exit(code);
}

async function packages() {
  if (existsSync(`${root}/node_modules/esbuild/package.json`)) return;
  say('Installing packages …');
  await run(['ci', '--no-audit', '--no-fund'], 'the packages could not be installed; look at what npm says above, then run npm ci');
}

async function library() {
  const sources = ['src', 'Cargo.toml', 'Cargo.lock', 'scripts/build.mjs', 'scripts/lib/wasm.mjs', 'package-lock.json'].map((name) => `${root}/${name}`);
  const stale = isStale(`${root}/dist/index.js`, sources, [`${root}/src/js/core`, `${root}/src/js/keeper/core`, `${root}/src/js/v2/core`, `${root}/src/js/provider/core`]);
  if (!stale && existsSync(`${root}/dist/core_bg.wasm`)) return;
  say('Building the library …');
  await run(['run', '-s', 'build'], 'the library could not be built; the lines above say why (npm run build repeats it)');
}

/**
 * @typedef {{ url: string, directory?: string, passwordRequired: boolean, restart?: (options: { downtime: number }) => Promise<void> }} Upstream
 * @returns {Promise<Upstream>}
 */
async function server() {
  const given = process.env.OPENCODE_URL;
  if (given) return ownServer(given);
  if (undo.ending) throw new Error('ended');
  say('Starting an OpenCode server with a scripted model …');
  const [{ startModel }, { startOpenCode }] = await Promise.all([import('../tests/support/model.mjs'), import('../tests/support/opencode.mjs')]);
  const model = await startModel();
  undo.add(() => model.close());
  const version = process.env.OPENCODE_VERSION;
  const opencode = await startOpenCode({ model, ...(version && { version }) });
  undo.add(() => opencode.stop());
  await answers(`${opencode.url}/global/health`, 'the OpenCode server');
  say('The scripted model does what it is told: "words 40", "think 20 words 10", "tool bash: ls", "markdown", "ask Tea or coffee?: Tea | Coffee".');
  return { url: opencode.url, directory: opencode.directory, passwordRequired: false, restart: (options) => opencode.restart(options) };
}

/** @param {string} given the caller's server */
async function ownServer(given) {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error(`OPENCODE_URL is no address of a server; write it like http://127.0.0.1:4096`);
  if (url.username || url.password) throw new Error('OPENCODE_URL holds a user name or password; leave them out, the page asks for them');
  const base = url.href.replace(/[?#].*$/, '').replace(/\/$/, '');
  const status = await answers(`${base}/global/health`, `the server of OPENCODE_URL (${url.origin})`, [200, 401]);
  return { url: base, directory: process.env.OPENCODE_DIRECTORY || undefined, passwordRequired: status === 401 };
}

/** @param {Upstream} upstream */
async function pageFor({ url, directory, passwordRequired, restart }) {
  const { buildPage, servePage } = await import('./serve.mjs');
  await buildPage();
  const lab = passwordRequired ? undefined : await labFor({ url, restart });
  const open = (/** @type {number} */ port) => servePage({ upstream: url, directory, passwordRequired, port, lab });
  const wanted = process.env.PORT;
  if (wanted && !/^\d{1,5}$/.test(wanted)) throw new Error(`PORT=${wanted} is no port number`);
  const page = await open(Number(wanted ?? 0)).catch((error) => {
    if (error?.code !== 'EADDRINUSE') throw error;
    throw new Error(`port ${wanted} is taken; choose another PORT, or none`);
  });
  undo.add(() => page.close());
  return page.url;
}

/** The lab's own look at a server has no password. @param {{ url: string, restart?: Upstream['restart'] }} upstream */
async function labFor(upstream) {
  const { startLab } = await import('./lib/lab.mjs');
  const lab = await startLab(upstream);
  undo.add(() => lab.close());
  return lab;
}

/** @param {string} url @param {string} what @param {number[]} [good] @returns {Promise<number>} the status */
async function answers(url, what, good = [200]) {
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER) }).catch(() => undefined);
  await response?.body?.cancel();
  if (!response) throw new Error(`${what} does not answer; start it, or check the address`);
  if (!good.includes(response.status)) throw new Error(`${what} answers with status ${response.status}; is it an OpenCode server?`);
  return response.status;
}

/**
 * Runs npm with its output on the error channel, so that the one line on the standard output is the address.
 * @param {string[]} args @param {string} advice
 */
async function run(args, advice) {
  const windows = process.platform === 'win32';
  const child = spawn('npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell: windows, detached: !windows });
  // Its own group: npm passes a signal on to its child, but not to what that one started.
  const stop = () => void (child.exitCode === null && child.pid && (windows ? child.kill() : process.kill(-child.pid, 'SIGTERM')));
  undo.add(stop);
  const code = await new Promise((done) => child.once('error', () => done(-1)).once('exit', done));
  if (code !== 0) throw new Error(advice);
}

/** @param {string} line */
function say(line) {
  console.error(line);
}
