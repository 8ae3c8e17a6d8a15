/** One rival in one case: a page of its own, a session of its own, and a fault proxy between the two. */
import { startProxy } from '../../tests/support/proxy.mjs';
import { sleep, waitFor } from '../../tests/support/wait.mjs';
import { answers } from './observer.mjs';
import { judge } from './oracle.mjs';

/** Which requests a fault means, whatever wire the rival speaks. */
export const REQUESTS = {
  prompt: (method, path) => method === 'POST' && /\/(prompt_async|chat)$/.test(path.split('?')[0]),
  snapshot: (method, path) => method === 'GET' && /\/(message|chat\/\w+)$/.test(path.split('?')[0]),
  all: (method) => method !== 'OPTIONS',
};

/** How often a person tries. */
const ATTEMPTS = 5;
const OPENING = 10_000;

export class Lane {
  /** When the fault began. */
  from = 0;
  #options;
  #context;
  #prompts = 0;
  #samples = [];
  #history = [];
  /** Prompts that are not judged, and since when. */
  #skipped = 0;
  #since = 0;

  /**
   * @param {{ rival: import('../rivals.mjs').Rival, world: import('./world.mjs').World, host: string, throws?: boolean,
   *   browser: import('playwright-core').Browser, options?: object }} options
   */
  constructor(options) {
    this.#options = options;
    this.world = options.world;
  }

  async open() {
    const { rival, world, browser } = this.#options;
    this.sessionID = await world.session();
    this.proxy = await startProxy({ upstream: rival.name === 'ai-sdk' ? world.bridge.url : world.url });
    this.#context = await browser.newContext();
    await this.#load();
    return this;
  }

  /** Sends a prompt as a person does: again when the page says that it was not sent. @param {string} text */
  async send(text) {
    this.#prompts += 1;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      // A page that was left in the meantime tells nobody.
      if (await this.page.evaluate((words) => globalThis.say(words), text).catch(() => true)) return;
      await sleep(1000);
    }
  }

  /** Waits until the server has made so much of the answer. @param {number} words */
  async produced(words) {
    const many = () => this.#reference().match(/\S+/g)?.length >= words;
    await waitFor(many, { timeout: 30_000, every: 5, message: `${words} words of the answer` });
  }

  /** The fault begins. */
  begin() {
    this.from ||= Date.now();
  }

  async reload() {
    await this.page.reload({ waitUntil: 'load' });
    this.#loaded();
    await this.#start(this.page);
  }

  /** A second page opens; from now on it is the one that is judged. */
  async secondTab() {
    this.#samples = [];
    await this.#load();
  }

  /** @param {boolean} on */
  offline(on) {
    return this.#context.setOffline(on);
  }

  /** Only the answers to prompts sent from now on are judged, and only from now on. */
  next() {
    this.#skipped = this.#prompts;
    this.#samples = [];
    this.#since = Date.now();
  }

  /** Waits until the page is right or the time is over, then judges. @param {number} limit milliseconds after the fault @param {boolean} [whole] see the oracle */
  async verdict(limit, whole = false) {
    const end = Date.now() + limit;
    let result = await this.#look();
    // Late trouble counts as well: what is right has to stay so.
    for (let good = 0; Date.now() < end && good < 4; ) {
      await sleep(250);
      result = await this.#look();
      good = result.done ? good + 1 : 0;
    }
    return judge({ ...result.input, whole });
  }

  async close() {
    await this.#context?.close();
    await this.proxy?.close();
  }

  async #look() {
    const { world, sessionID } = this;
    // A server that is just starting keeps what it had.
    this.#history = await world.history(sessionID).catch(() => this.#history);
    const history = this.#history;
    const prompts = history.filter(({ info }) => info.role === 'user');
    const mine = this.#after(history, ({ info }) => info.role);
    const truth = answers(mine);
    const samples = this.#samples.map(({ messages, ...sample }) => {
      const shown = this.#after(messages, ({ role }) => role).filter(({ role }) => role === 'assistant');
      return { ...sample, text: shown.map(({ text }) => text).join(''), gapped: shown.some(({ gapped }) => gapped) };
    });
    const reference = world.observer.moments(sessionID).filter(({ at }) => at >= this.#since);
    const cut = this.#skipped ? reference.map(({ at, text }) => ({ at, text: this.#rest(text) })) : reference;
    const last = samples.at(-1);
    const over = !world.observer.busy(sessionID) && mine.length > 0 && truth !== '';
    const done = over && last && !last.busy && !last.gapped && last.text.trimEnd() === truth.trimEnd();
    const stored = prompts.length - this.#skipped;
    const input = { samples, reference: cut, truth, stored, prompts: this.#prompts - this.#skipped, from: this.from, until: Date.now() };
    return { done, input };
  }

  /** What follows the prompts that are not judged. @template T @param {T[]} list @param {(each: T) => string} role @returns {T[]} */
  #after(list, role) {
    let left = this.#skipped;
    const at = list.findIndex((each) => role(each) === 'user' && left-- === 0);
    return at < 0 ? [] : list.slice(at);
  }

  #reference() {
    return this.#rest(this.world.observer.text(this.sessionID));
  }

  /** The observer has all answers in one text. */
  #rest(text) {
    return this.#skipped ? text.slice(this.#base.length) : text;
  }

  get #base() {
    return this.world.observer.moments(this.sessionID).findLast(({ at }) => at < this.#since)?.text ?? '';
  }

  async #load() {
    const page = await this.#context.newPage();
    await page.exposeFunction('seen', (sample) => {
      if (this.page === page) this.#samples.push(sample);
    });
    const { host, rival } = this.#options;
    await page.goto(`${host}/${rival.name}.html`, { waitUntil: 'load' });
    this.page = page;
    if (this.from) this.#loaded();
    await this.#start(page);
  }

  /** A new page shows nothing yet. How long its scripts took to load is nobody's merit. */
  #loaded() {
    this.from = Date.now();
    this.#samples.push({ at: this.from, messages: [], busy: false, told: false, fresh: true });
  }

  async #start(page) {
    const { throws, options } = this.#options;
    const where = { baseUrl: this.proxy.url, sessionID: this.sessionID, throws, options };
    const opened = page.evaluate((context) => globalThis.open(context), where);
    // A page that cannot open shows an empty chat and, if it is a good one, why.
    const failed = () => this.#samples.push({ at: Date.now(), messages: [], busy: false, told: true });
    await Promise.race([opened.catch(failed), sleep(OPENING)]);
  }
}
