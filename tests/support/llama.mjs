// llama.cpp's own server, from its Python wheel, with a model that recites one text (llama/serve.py).
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LOOPBACK } from './ports.mjs';
import { tempDir } from './temp.mjs';
import { waitFor, within } from './wait.mjs';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SERVE = fileURLToPath(new URL('./llama/serve.py', import.meta.url));
/** Pinned: the wheel brings llama.cpp b11549. */
const PACKAGES = ['xllamacpp==2026.10.11549', 'gguf==0.19.0', 'numpy==2.4.6'];
const FOLDER = join(ROOT, '.cache', 'llama-2026.10.11549');
/** For a download of 34 MB, milliseconds. */
const INSTALL = 600_000;

/** What any prompt is answered with. */
export const TEXT = 'def add(a, b):\n    return a + b # naïve → 漢字 🦀.';
export const TOKENS = 16;
export const KEY = 'sk-llama-canary';
/** By architecture, the name that the model goes by. */
export const MODELS = { llama: 'codellama-7b', starcoder2: 'starcoder2-3b' };

/** The Python that has the packages; installs them when they are not there. @returns {Promise<string>} */
export async function ensureLlama() {
  const python = join(FOLDER, 'bin', 'python');
  const done = join(FOLDER, 'installed');
  const lock = `${FOLDER}.lock`;
  if (existsSync(done)) return python;
  await mkdir(join(ROOT, '.cache'), { recursive: true });
  // Test files run beside each other; a lock whose owner was killed is old.
  await waitFor(async () => {
    if (Date.now() - ((await stat(lock).catch(() => undefined))?.mtimeMs ?? Date.now()) > INSTALL) await rm(lock, { recursive: true, force: true });
    return mkdir(lock).then(() => true, () => false);
  }, { timeout: INSTALL, every: 200, message: `the lock ${lock}` });
  try {
    if (existsSync(done)) return python;
    await rm(FOLDER, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', FOLDER], { timeout: INSTALL });
    await run(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...PACKAGES], { timeout: INSTALL });
    await writeFile(done, '');
    return python;
  } catch (error) {
    throw new Error(`no llama.cpp server: it needs Python 3.11 or newer with venv (${String(/** @type {any} */ (error).stderr || error).trim().split('\n').at(-1)})`);
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

/** @param {'llama' | 'starcoder2'} architecture */
export async function startLlama(architecture) {
  const python = await ensureLlama();
  const folder = tempDir('llama');
  const child = spawn(python, [SERVE, join(folder.path, 'model.gguf'), architecture, KEY], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said = (said + text).slice(-4_000);
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const port = await within(() => new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, number] = /^port (\d+)$/.exec(line) ?? [];
      if (number !== undefined) resolve(number);
    });
    ended.then((code) => reject(new Error(`llama.cpp ended with ${code}: ${said}`)));
  }), INSTALL, 'the port of llama.cpp');
  const origin = `http://${LOOPBACK}:${port}`;
  await waitFor(async () => (await fetch(`${origin}/health`)).ok, { message: () => `llama.cpp to listen: ${said}` });
  return {
    url: `${origin}/v1`,
    /** A route of its own. @param {string} path @param {object} [body] */
    async ask(path, body) {
      const response = await fetch(`${origin}${path}`, { method: body === undefined ? 'GET' : 'POST', headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }, ...(body !== undefined && { body: JSON.stringify(body) }) });
      return response.json();
    },
    async close() {
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(timer);
      await folder.remove();
    },
  };
}
