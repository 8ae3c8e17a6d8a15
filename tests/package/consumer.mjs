// A user's project: made from a template in a temporary folder, with the packed library installed into it.
import { execFile, spawn } from 'node:child_process';
import { cp, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { homedir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort, listen, LOOPBACK, shut } from '../support/ports.mjs';
import { atExit, tempDir } from '../support/temp.mjs';
import { waitFor } from '../support/wait.mjs';

const run = promisify(execFile);
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TEMPLATES = fileURLToPath(new URL('./', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm' };
const ENV = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', CI: '1', NODE_ENV: undefined };

/** Packs the library as `npm publish` would. @returns {Promise<{ path: string, file: string, files: string[], remove(): Promise<void> }>} */
export async function pack() {
  const temp = tempDir('package');
  const wasm = join(ROOT, 'dist', 'core_bg.wasm');
  const tarball = await waitFor(async () => {
    if ((await stat(wasm)).size === 0) return undefined;
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', temp.path], { cwd: ROOT });
    const [packed] = [JSON.parse(stdout)].flat().flatMap((each) => (each.filename ? [each] : Object.values(each)));
    return ['index.js', 'node.js', 'wasm-inline.js', 'shared.js', 'leader.js', 'identity.js', 'commands.js', 'eventsource.js', 'sessions.js', 'problem.js', 'v2.js', 'keeper.js', 'tape.js', 'recorder.js', 'recorder-node.js', 'core_bg.wasm', 'index.d.ts'].every((name) => packed.files.some(({ path }) => path === `dist/${name}`)) && packed;
  }, { every: 1_000, message: 'dist/ (npm run build)' });
  return { path: temp.path, file: join(temp.path, tarball.filename), files: tarball.files.map(({ path }) => path), remove: temp.remove };
}

/** What is made in a project by working with it, and belongs to nobody else. */
const LOCAL = /[\\/](?:node_modules|\.next|\.data|\.env\.local)(?:[\\/]|$)/;

/** Copies a project as it was written. @param {string} from @param {string} to */
export const copyProject = (from, to) => cp(from, to, { recursive: true, filter: (source) => !LOCAL.test(source.slice(from.length)) });

/**
 * @param {Awaited<ReturnType<typeof pack>>} packed
 * @param {string} name of the template
 * @param {string} [templates] the folder it is in
 * @param {Record<string, string>} [versions] of packages, other than the template's
 */
export async function consumer(packed, name, templates = TEMPLATES, versions = {}) {
  const path = join(packed.path, [name, ...Object.values(versions)].join('-'));
  await copyProject(join(templates, name), path);
  const papers = JSON.parse(await readFile(join(path, 'package.json'), 'utf8'));
  await writeFile(join(path, 'package.json'), JSON.stringify({ ...papers, dependencies: { ...papers.dependencies, ...versions } }));
  /** Runs a command in the project; what it printed is in the error. @param {string[]} words */
  const command = async (...words) => {
    try {
      return (await run(words[0], words.slice(1), { cwd: path, env: ENV, timeout: 900_000, maxBuffer: 32 << 20 })).stdout;
    } catch (error) {
      const { stdout = '', stderr = '' } = /** @type {any} */ (error);
      throw new Error(`${words.join(' ')} failed:\n${`${stdout}\n${stderr}`.trim().slice(-3000)}`);
    }
  };
  await command('npm', 'install', packed.file, '--prefer-offline', '--no-audit', '--no-fund');
  return { path, run: command };
}

/** Serves a folder. @param {string} folder @returns {Promise<{ url: string, close(): Promise<void> }>} */
export async function serveFolder(folder) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    const body = await readFile(join(folder, path.endsWith('/') ? `${path}index.html` : path)).catch(() => undefined);
    response.writeHead(body ? 200 : 404, { 'content-type': (body && TYPES[extname(path) || '.html']) ?? 'text/plain' }).end(body);
  });
  const port = await listen(server);
  return { url: `http://localhost:${port}/`, close: () => shut(server) };
}

/** Starts `next start` in a built project. @param {string} path */
export const startNext = (path) => startServer(path, (port) => ['node_modules/next/dist/bin/next', 'start', '-p', port, '-H', LOOPBACK]);

/** Starts Vite's development server. @param {string} path */
export const startVite = (path) => startServer(path, (port) => ['node_modules/vite/bin/vite.js', '--port', port, '--strictPort', '--host', LOOPBACK]);

/** Runs a script of the project that serves it. @param {string} path @param {(port: string) => string[]} words */
async function startServer(path, words) {
  const port = await freePort();
  const [script, ...args] = words(String(port));
  const child = spawn(process.execPath, [join(path, script), ...args], { cwd: path, env: ENV, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { said += chunk; });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const forget = atExit(() => child.kill('SIGKILL'));
  const close = async () => {
    child.kill('SIGKILL');
    await ended;
    forget();
  };
  const url = `http://localhost:${port}/`;
  try {
    await waitFor(async () => (await fetch(url)).ok, { every: 100, message: () => `${script}: ${said.slice(-1000)}` });
  } catch (error) {
    await close();
    throw error;
  }
  return { url, close };
}

/** Places of this machine that no published file may name. */
export const MACHINE = [homedir(), ROOT.replace(/\/$/, ''), process.env.CARGO_HOME ?? ''].filter((path) => path.length > 3);
