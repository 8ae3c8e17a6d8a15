// A Chromium for tests: the one that is here, else an installed one.
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { PATIENCE } from './wait.mjs';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  `${process.env.PROGRAMFILES ?? ''}\\Google\\Chrome\\Application\\chrome.exe`,
];
const isRoot = process.getuid?.() === 0;

/** @returns {Promise<string>} the path of a Chromium program; installs one when there is none */
export async function findChromium() {
  const asked = process.env.CHROMIUM;
  if (asked) {
    if (runs(asked)) return asked;
    throw new Error(`CHROMIUM names no program that can run: ${asked}`);
  }
  const here = present();
  if (here) return here;
  const why = [];
  for (const [what, install] of INSTALLERS) {
    try {
      await install();
      const found = present();
      if (found) return found;
      why.push(`${what}: no program afterwards`);
    } catch (error) {
      why.push(`${what}: ${String(/** @type {any} */ (error).stderr || error).trim().split('\n')[0].slice(0, 150)}`);
    }
  }
  throw new Error(`no Chromium: set CHROMIUM to the path of one, or install chromium (${why.join('; ')})`);
}

/** @type {[string, () => Promise<unknown>][]} */
const INSTALLERS = [
  ['playwright', () => run(process.execPath, [join(ROOT, 'node_modules', 'playwright-core', 'cli.js'), 'install', 'chromium'], { timeout: 300_000 })],
  ['apt-get', async () => {
    if (!isRoot || !existsSync('/etc/debian_version')) throw new Error('only for root on Debian');
    await run('apt-get', ['install', '-y', 'chromium'], { timeout: 600_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  }],
];

function present() {
  const onPath = NAMES.flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)));
  return [...onPath, ...PLACES, chromium.executablePath()].find(runs);
}

/** @param {string} path */
function runs(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {{ headless?: boolean, args?: string[] }} [options]
 * @returns {Promise<import('playwright-core').Browser>}
 */
export async function launchChromium({ headless = true, args = [] } = {}) {
  return chromium.launch({
    executablePath: await findChromium(),
    headless,
    timeout: PATIENCE,
    args: [
      ...(isRoot ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
    ],
  });
}
