// One tab from outside: what a person and a browser do to it.
import { PATIENCE, within } from '../support/wait.mjs';

export class Tab {
  /** Neither frozen nor offline: it can be talked to, and loaded. */
  frozen = false;
  offline = false;
  #page;
  #devtools;
  #number;
  #options;
  #id;

  /**
   * @param {import('playwright-core').Page} page
   * @param {import('playwright-core').CDPSession} devtools
   * @param {number} number @param {object} options of the client @param {string} id of the session
   */
  constructor(page, devtools, number, options, id) {
    this.#page = page;
    this.#devtools = devtools;
    this.#number = number;
    this.#options = options;
    this.#id = id;
  }

  /** @param {import('playwright-core').BrowserContext} context @param {string} url @param {number} number @param {object} options @param {string} id */
  static async open(context, url, number, options, id) {
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    const tab = new Tab(page, devtools, number, options, id);
    await page.goto(url);
    await tab.#start();
    return tab;
  }

  get number() {
    return this.#number;
  }

  async #start() {
    await this.#page.waitForFunction(() => 'tab' in globalThis, undefined, { timeout: PATIENCE });
    await this.call('open', this.#number, this.#options, this.#id);
  }

  /** Calls a function of the page's `tab`. @param {string} name @param {...unknown} args @returns {Promise<any>} */
  call(name, ...args) {
    return within(() => this.#page.evaluate(([name, args]) => globalThis.tab[name](...args), /** @type {const} */ ([name, args])), PATIENCE * 3, `"${name}" in tab ${this.#number}`);
  }

  async reload() {
    await this.#page.reload();
    await this.#start();
  }

  close() {
    return this.#page.close();
  }

  /** Ends all service workers, as the browser does when it is short of memory. */
  async stopWorkers() {
    await this.#devtools.send('ServiceWorker.enable');
    await this.#devtools.send('ServiceWorker.stopAllWorkers');
  }

  /** @param {boolean} on */
  async freeze(on) {
    this.frozen = on;
    await this.#devtools.send('Page.setWebLifecycleState', { state: on ? 'frozen' : 'active' });
  }

  /** @param {boolean} on */
  async cutOff(on) {
    this.offline = on;
    await this.#devtools.send('Network.enable');
    await this.#devtools.send('Network.emulateNetworkConditions', { offline: on, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  }
}
