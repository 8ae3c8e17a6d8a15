// A Firefox for tests, driven over WebDriver BiDi: the one that is here, else an installed one.
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import puppeteer from 'puppeteer-core';
import { tempDir } from './temp.mjs';
import { PATIENCE } from './wait.mjs';

const run = promisify(execFile);
const NAMES = ['firefox-esr', 'firefox'];
const PLACES = ['/Applications/Firefox.app/Contents/MacOS/firefox', `${process.env.PROGRAMFILES ?? ''}\\Mozilla Firefox\\firefox.exe`];

/** @returns {Promise<string>} the path of a Firefox program; installs one when there is none */
export async function findFirefox() {
  const asked = process.env.FIREFOX;
  if (asked) {
    if (runs(asked)) return asked;
    throw new Error(`FIREFOX names no program that can run: ${asked}`);
  }
  const here = present();
  if (here) return here;
  const failed = await install().then(() => 'no program afterwards', (error) => String(error.stderr || error.message || error).trim().split('\n')[0].slice(0, 150));
  const found = present();
  if (found) return found;
  throw new Error(`no Firefox: set FIREFOX to the path of one, or install firefox-esr (apt-get: ${failed})`);
}

/**
 * A headless Firefox with a profile of its own in a temporary folder, which asks nobody anything by itself.
 * @returns {Promise<import('puppeteer-core').Browser>}
 */
export async function launchFirefox() {
  const executablePath = await findFirefox();
  const profile = tempDir('firefox');
  try {
    const browser = await puppeteer.launch({
      browser: 'firefox',
      executablePath,
      headless: true,
      userDataDir: profile.path,
      extraPrefsFirefox: QUIET,
      timeout: PATIENCE,
    });
    browser.process()?.once('exit', () => void profile.remove().catch(() => undefined));
    return browser;
  } catch (error) {
    await profile.remove();
    throw error;
  }
}

/** What a fresh profile would ask the network for. */
const QUIET = {
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.newtabpage.activity-stream.feeds.system.topstories': false,
  'browser.region.network.url': '',
  'browser.safebrowsing.downloads.remote.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.search.update': false,
  'datareporting.healthreport.uploadEnabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.push.connection.enabled': false,
  'extensions.getAddons.cache.enabled': false,
  'extensions.systemAddon.update.enabled': false,
  'extensions.update.enabled': false,
  'media.gmp-manager.updateEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.dns.disablePrefetch': true,
  'network.http.speculative-parallel-limit': 0,
  'network.prefetch-next': false,
  'network.trr.mode': 5,
  'services.settings.server': 'data:,#nowhere/v1',
  'toolkit.telemetry.enabled': false,
  'toolkit.telemetry.unified': false,
};

async function install() {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) throw new Error('only for root on Debian');
  await run('apt-get', ['install', '-y', 'firefox-esr'], { timeout: 600_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
}

function present() {
  const onPath = NAMES.flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)));
  return [...onPath, ...PLACES].find(runs);
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
