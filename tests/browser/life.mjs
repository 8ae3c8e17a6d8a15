// A page whose life the test controls: really hidden, frozen, kept in the back/forward cache, asleep. Playwright keeps every page
// visible, so this drives Chromium through puppeteer.
import { readFileSync } from 'node:fs';
import puppeteer from 'puppeteer-core';
import { startSite } from '../continuity/site.mjs';
import { findChromium } from '../support/browser.mjs';
import { startMock } from '../support/mock.mjs';
import { descendants } from '../support/processes.mjs';
import { startProxy } from '../support/proxy.mjs';
import { PATIENCE, sleep, waitFor } from '../support/wait.mjs';

/** A name that leads to this machine without saying so: the browser's word on the network counts for it. */
export const NAME = 'opencode.test';
const THROTTLING = ['--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows'];

/** Starts a Chromium that treats hidden pages as a user's does. */
export async function startLife() {
  const browser = await puppeteer.launch({
    executablePath: await findChromium(),
    headless: true,
    timeout: PATIENCE,
    ignoreDefaultArgs: THROTTLING,
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-gpu', `--host-resolver-rules=MAP ${NAME} 127.0.0.1`],
  });
  return {
    /** A page that shows one session of a mock server, through a fault proxy. @param {How} [how] */
    open: (how = {}) => Life.open(browser, how),
    close: () => browser.close(),
  };
}

/**
 * @typedef {object} How
 * @property {string} [host]
 * @property {number} [heartbeat]
 * @property {object} [options] of `createClient`
 * @property {string} [phase] the page is ready in this phase
 * @property {(mock: import('../support/mock.mjs').Mock, proxy: import('../support/proxy.mjs').FaultProxy, page: import('puppeteer-core').Page) => unknown} [first] before the page is opened
 */

export class Life {
  /** @param {import('puppeteer-core').Browser} browser @param {How} how */
  static async open(browser, { host = '127.0.0.1', heartbeat = 0, options = {}, phase = 'live', first = () => undefined }) {
    const mock = await startMock({ heartbeat });
    const proxy = await startProxy({ upstream: mock.url });
    const { id } = mock.store.createSession();
    mock.store.user(id, 'hello');
    const baseUrl = `http://${host}:${proxy.port}`;
    const site = await startSite({ connect: [baseUrl] });
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    const other = await context.newPage();
    await page.bringToFront();
    await page.evaluateOnNewDocument(clockwork);
    await first(mock, proxy, page);
    /** @type {string[]} */
    const requests = [];
    page.on('request', (request) => {
      if (request.url().startsWith(baseUrl)) requests.push(`${request.method()} ${new URL(request.url()).pathname}`);
    });
    await page.goto(site.page(id, { baseUrl, retry: { min: 50, max: 400 }, ...options }), { waitUntil: 'domcontentloaded' });
    const cdp = await page.createCDPSession();
    const life = Object.assign(new Life(), { browser, context, page, other, cdp, mock, proxy, site, id, requests });
    try {
      await life.phase(phase);
    } catch (error) {
      const failed = await page.evaluate(() => globalThis.recorder?.failed);
      await life.close();
      throw new Error(`the page did not become ${phase}${failed ? `: ${failed}` : ''}`, { cause: error });
    }
    return life;
  }

  async close() {
    await this.context.close();
    await this.site.close();
    await this.proxy.close();
    await this.mock.close();
  }

  /** The connection, and the text of the last message. */
  state() {
    return this.page.evaluate(() => {
      const { connection, messages, status } = recorder.session.state;
      const last = messages.at(-1);
      return { phase: connection.phase, source: connection.source, fallback: connection.fallback?.code, status: status.type, text: last?.parts.map(({ text }) => text ?? '').join(''), continuity: last?.parts.map(({ continuity }) => continuity), delivery: last?.delivery };
    });
  }

  /** Waits for the phase. @param {string} phase */
  async phase(phase) {
    let seen;
    await waitFor(async () => {
      seen = await this.state();
      return seen.phase === phase;
    }, { message: () => `phase ${phase}, the state is ${JSON.stringify(seen)}` });
  }

  live() {
    return this.phase('live');
  }

  /** Live again (or in another phase), with this whole text as the last. @param {string} text */
  async whole(text, { phase = 'live' } = {}) {
    let seen;
    await waitFor(async () => {
      seen = await this.state();
      return seen.phase === phase && seen.text === text && seen.continuity.every((each) => each === 'settled');
    }, { message: () => `"${text}", the state is ${JSON.stringify(seen)}` });
  }

  /** Phases that were told, in order. @returns {Promise<string[]>} */
  phases() {
    return this.page.evaluate(() => recorder.report().states.map((line) => line[1]).filter((phase, at, all) => phase !== all[at - 1]));
  }

  /** Until the page has asked for nothing for a while: what was under way has ended. */
  async calm() {
    let asked = -1;
    await waitFor(() => {
      const now = this.mock.requests.length;
      const same = now === asked;
      asked = now;
      return same;
    }, { every: 1_500, message: 'a page that asks for nothing' });
  }

  /** Until so much of the page's own time has passed; gives how much it was. @param {number} ms */
  async aged(ms) {
    const now = () => this.page.evaluate(() => performance.now());
    const begin = await now();
    return waitFor(async () => {
      const passed = (await now()) - begin;
      return passed >= ms && passed;
    }, { message: `${ms} ms of the page's time` });
  }

  /** A heartbeat that the page has read. */
  async beat() {
    const read = () => this.page.evaluate(() => clock.chunks);
    const before = await read();
    this.mock.emit({ type: 'server.heartbeat', properties: {} });
    await waitFor(async () => (await read()) > before, { message: 'the heartbeat in the page' });
  }

  async hide() {
    await this.other.bringToFront();
    await waitFor(() => this.page.evaluate(() => document.visibilityState === 'hidden'), { message: 'a hidden page' });
  }

  async show() {
    await this.page.bringToFront();
    await waitFor(() => this.page.evaluate(() => document.visibilityState === 'visible'), { message: 'a visible page' });
  }

  /** Only hidden pages freeze. @param {boolean} on */
  async freeze(on) {
    await this.cdp.send('Page.setWebLifecycleState', { state: on ? 'frozen' : 'active' });
    await waitFor(() => this.page.evaluate((on) => events.at(-1) === (on ? 'freeze' : 'resume'), on), { message: on ? 'the freeze' : 'the resume' });
  }

  /** To another page of the site, while this one is kept. */
  async leave() {
    await this.page.evaluate((url) => {
      location.href = url;
    }, this.site.away);
    await waitFor(() => this.page.evaluate(() => location.pathname === '/away' && document.readyState === 'complete'), { message: 'the other page' });
  }

  /** Back to the kept page. @returns {Promise<boolean>} whether it was kept */
  async back() {
    await this.page.evaluate(() => history.back());
    // A kept page can be asked before it is told that it is shown again.
    const shown = () => this.page.evaluate(() => location.pathname === '/' && globalThis.events?.findLast((/** @type {string} */ event) => event.startsWith('page')));
    const last = await waitFor(async () => {
      const event = await shown();
      return event?.startsWith('pageshow') && event;
    }, { message: 'the page again' });
    return last === 'pageshow true';
  }

  /** The machine slept: the clock jumps, and timers that are due fire late. @param {number} ms */
  slept(ms) {
    return this.page.evaluate((ms) => clock.jump(ms), ms);
  }

  /** The page's time runs about seven times as fast, in steps too small to look like sleep, while `job` runs. @template T @param {Promise<T>} job @returns {Promise<T>} */
  async hasten(job) {
    let over = false;
    const done = () => {
      over = true;
    };
    job.then(done, done);
    while (!over) {
      await this.slept(1_000);
      await sleep(150);
    }
    return job;
  }

  /** The renderers stand still for a while, as under a debugger or without memory. @param {number} ms */
  async stopped(ms) {
    const renderers = descendants(this.browser.process()?.pid).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer'));
    for (const pid of renderers) process.kill(pid, 'SIGSTOP');
    await sleep(ms);
    for (const pid of renderers) process.kill(pid, 'SIGCONT');
  }
}

/** Runs in the page before all scripts: a clock that can jump, timers that can be counted and held, and the page's own events. */
function clockwork() {
  const native = { set: setTimeout.bind(globalThis), clear: clearTimeout.bind(globalThis), every: setInterval.bind(globalThis), now: performance.now.bind(performance), date: Date.now };
  const timers = new Map();
  let skew = 0;
  let held = false;
  const now = () => native.now() + skew;
  const clock = {
    made: 0,
    /** Pieces of streams that were read. */
    chunks: 0,
    get pending() {
      return timers.size;
    },
    /** Timers come no more until `release`: the strongest throttling. */
    hold() {
      held = true;
    },
    advance(ms) {
      skew += ms;
    },
    release() {
      held = false;
      for (const [id, timer] of [...timers]) {
        if (timer.due > now()) continue;
        native.clear(id);
        native.set(timer.run, 0);
      }
    },
    jump(ms) {
      clock.advance(ms);
      clock.release();
    },
  };
  performance.now = now;
  Date.now = () => native.date() + skew;
  globalThis.setTimeout = (job, delay = 0, ...rest) => {
    clock.made += 1;
    const run = () => {
      if (held || !timers.delete(id)) return;
      job(...rest);
    };
    const id = native.set(run, delay);
    timers.set(id, { due: now() + delay, run });
    return id;
  };
  globalThis.clearTimeout = (id) => {
    timers.delete(id);
    native.clear(id);
  };
  globalThis.setInterval = (...rest) => {
    clock.made += 1;
    const id = native.every(...rest);
    timers.set(id, { due: Infinity, run() {} });
    return id;
  };
  globalThis.clearInterval = globalThis.clearTimeout;
  globalThis.clock = clock;
  const { read } = ReadableStreamDefaultReader.prototype;
  ReadableStreamDefaultReader.prototype.read = function () {
    return read.call(this).then((piece) => {
      clock.chunks += 1;
      return piece;
    });
  };
  globalThis.events = [];
  for (const name of ['pagehide', 'pageshow', 'online', 'offline']) addEventListener(name, (event) => events.push(event.persisted ? `${name} true` : name));
  for (const name of ['freeze', 'resume', 'visibilitychange']) document.addEventListener(name, () => events.push(name));
}
