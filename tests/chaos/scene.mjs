// Plays one scene: tabs on a session of its own, the steps of the plan, then rest and judgement.
import { isDeepStrictEqual } from 'node:util';
import { call } from '../support/events.mjs';
import { sleep, waitFor } from '../support/wait.mjs';
import { Tab } from './tab.mjs';
import { early, judge } from './verdict.mjs';
import { Words } from './words.mjs';
import { idle } from './world.mjs';

/** What a session may take to settle once the faults are off. */
const SETTLE = 120_000;
const MOST_TABS = 3;
/** How long a stream that is left may overlap with the next. */
const OVERLAP = 10_000;
/** Until a page sees that its keeper was ended, on a slow machine. */
const NOTICED = 2_000;

/**
 * @typedef {import('./world.mjs').World} World
 * @typedef {import('./plan.mjs').Step} Step
 */

export class Scene {
  /** @type {import('./verdict.mjs').Found[]} */
  reports = [];
  /** What was done, as lines. @type {string[]} */
  actions = [];
  /** @type {Record<string, number>} what was done, the proxy's own faults aside */
  done = {};
  /** From the end of the faults until all tabs were settled, the server's own work included; milliseconds. */
  recovery = 0;
  /** How many settled states were compared with the server. */
  settled = 0;
  #world;
  #plan;
  /** @type {Tab[]} */
  #tabs = [];
  #numbers = 0;
  /** What a tab that is gone had sent: `number text`. */
  #gone = new Set();
  #begin = 0;
  /** @type {Promise<void> | undefined} */
  #restart;
  /** @type {Set<Promise<void>>} */
  #ends = new Set();
  #id = '';
  /** @type {Set<Promise<void>>} comparisons under way */
  #looking = new Set();
  /** @type {object[]} what was found on the way */
  #found = [];
  /** @type {Map<number, string>} where each tab has its events from */
  #sources = new Map();
  /** Since when there are more streams than there should be; 0: there are not. */
  #crowded = 0;
  /** When the workers were ended last. */
  #ended = 0;
  /** @type {any} */
  #context;
  /** @type {Words | undefined} */
  #words;

  /** @param {World} world @param {import('./plan.mjs').Plan} plan */
  constructor(world, plan) {
    this.#world = world;
    this.#plan = plan;
  }

  /** @returns {Promise<object[]>} violations */
  async play() {
    const { browser, server } = this.#world;
    this.#id = (await call(server, 'POST', '/session', { title: 'Chaos' })).id;
    this.#words = new Words(server, this.#id);
    this.#context = await browser.newContext();
    await this.#context.exposeFunction('report', (/** @type {any} */ found) => this.#told(found));
    const watch = this.#world.keeper ? setInterval(() => this.#count(), 100) : undefined;
    try {
      for (let count = 0; count < this.#plan.tabs; count += 1) await this.#open();
      for (const tab of this.#tabs) await tab.call('ready');
      this.#begin = Date.now();
      for (const step of this.#plan.steps) {
        await sleep(Math.max(0, this.#begin + step.at - Date.now()));
        await this.#step(step);
      }
      return await this.#rest();
    } finally {
      clearInterval(watch);
      this.#words.close();
      await this.#calm().catch(() => undefined);
      await this.#context.close();
      // A worker of this scene must not be counted in the next.
      if (this.#world.keeper) await waitFor(() => this.#world.proxy.stats().streams.now === 0, { message: 'the end of the streams' });
    }
  }

  async #open() {
    this.#numbers += 1;
    this.#tabs.push(await Tab.open(this.#context, this.#world.site.url, this.#numbers, this.#world.options, this.#id));
  }

  /** @param {Step} step */
  async #step({ at, do: name, tab: pick, ...how }) {
    const tab = this.#tabs[pick % Math.max(1, this.#tabs.length)];
    const acts = this.#acts(tab, how);
    const line = `${String(Date.now() - this.#begin).padStart(5)} ms ${name} ${tab && name in TAB_ACTS ? `tab ${tab.number} ` : ''}${JSON.stringify(how)}`;
    const does = await acts[name]();
    this.actions.push(does === false ? `${line} (not now)` : line);
    if (does !== false && !(name in BY_PROXY)) this.done[name] = (this.done[name] ?? 0) + 1;
  }

  /** @param {Tab | undefined} tab @param {any} how @returns {Record<string, () => any>} `false`: it cannot be done now */
  #acts(tab, how) {
    const { proxy, server } = this.#world;
    const awake = tab !== undefined && !tab.frozen;
    const reachable = awake && !tab.offline;
    /** @param {(on: boolean) => unknown} fault */
    const lasts = async (fault) => {
      await fault(true);
      this.#later(how.ms, () => fault(false));
    };
    return {
      prompt: () => awake && tab.call('send', how.text),
      note: () => awake && tab.call('send', how.text, true),
      abort: () => awake && void tab.call('abort').catch(() => undefined),
      drop: () => proxy.drop(),
      cut: () => proxy.cutStreamAfter(how.bytes),
      end: () => proxy.endStreams(),
      mute: () => lasts((on) => proxy.mute(on, how.end)),
      heartbeats: () => lasts((on) => proxy.heartbeatsOnly(on)),
      buffer: () => lasts((on) => proxy.buffer(on)),
      slow: () => proxy.slow(how),
      duplicate: () => lasts((on) => proxy.duplicate(on)),
      status: () => proxy.status(how.match, how.code, how.body, how.headers, how.times),
      refuse: () => lasts((on) => proxy.refuse(on)),
      lose: () => proxy.lose(how),
      chunk: () => lasts((on) => proxy.chunk(on ? how.bytes : 0)),
      kill: () => {
        if (this.#restart) return false;
        this.#restart = server.restart({ signal: 'SIGKILL', downtime: how.downtime });
        void this.#restart.then(() => {
          this.#restart = undefined;
        }, () => undefined);
        return true;
      },
      reload: async () => {
        if (!reachable) return false;
        this.#forget(tab);
        await tab.reload();
      },
      closeTab: async () => {
        if (tab === undefined || this.#tabs.length < 2) return false;
        this.#tabs.splice(this.#tabs.indexOf(tab), 1);
        this.#forget(tab);
        await tab.close();
      },
      openTab: () => this.#tabs.length < MOST_TABS && this.#open(),
      offline: () => reachable && lasts((on) => tab.cutOff(on)),
      stopWorker: () => {
        this.#ended = Date.now();
        return tab?.stopWorkers();
      },
      freeze: () => awake && lasts((on) => tab.freeze(on)),
    };
  }

  /** @param {any} found */
  #told(found) {
    if (found.kind === 'source') this.#sources.set(found.tab, found.source);
    else if (found.kind !== 'settled') this.reports.push(found);
    else {
      const look = this.#compare(found).catch(() => undefined);
      this.#looking.add(look);
      void look.then(() => this.#looking.delete(look));
    }
  }

  /** A tab calls itself settled: is it so? It throws when the server is away. @param {any} found */
  async #compare({ tab, at, asked, messages }) {
    const status = await call(this.#world.server, 'GET', '/session/status');
    // Busy now may be a turn that began since; it was told before the page asked, or the page could not know.
    const busy = status[this.#id] !== undefined && this.#words?.wasBusy(asked) === true;
    const history = await this.#history();
    await sleep(300);
    const writes = !isDeepStrictEqual(history, await this.#history());
    this.settled += 1;
    this.#found.push(...early(messages, { busy, history, writes }).map((each) => ({ ...each, tab, at: at - this.#begin, status: status[this.#id] })));
  }

  /** The keeper has one stream, and each tab that went round it its own. */
  #count() {
    const { now } = this.#world.proxy.stats().streams;
    const own = this.#tabs.filter(({ number }) => !['keeper', 'relay'].includes(this.#sources.get(number) ?? 'keeper'));
    if (now <= 1 + own.length) this.#crowded = 0;
    else if (this.#crowded === 0) this.#crowded = Date.now();
    else if (Date.now() - this.#crowded > OVERLAP) {
      this.#crowded = Infinity;
      this.#found.push({ kind: 'too many streams', at: Date.now() - this.#begin, streams: now, sources: Object.fromEntries(this.#sources) });
    }
  }

  /** @param {number} ms @param {() => unknown} job of a tab that may be closed by then */
  #later(ms, job) {
    const end = sleep(ms).then(() => job()).then(() => undefined, () => undefined);
    this.#ends.add(end);
    void end.then(() => this.#ends.delete(end));
  }

  /** @param {Tab} tab */
  #forget({ number }) {
    for (const { kind, tab, text } of this.reports) if (kind === 'sending' && tab === number) this.#gone.add(`${tab} ${text}`);
  }

  async #calm() {
    await Promise.all(this.#ends);
    this.#world.proxy.calm();
    await this.#restart;
  }

  async #rest() {
    await this.#calm();
    await sleep(Math.max(0, this.#ended + NOTICED - Date.now()));
    const calmed = Date.now();
    const { server } = this.#world;
    const views = [];
    const late = [];
    // Prompts that wait in a page are sent now; their turns end at the server, then in the pages.
    for (const tab of this.#tabs) await tab.call('settle', SETTLE).catch((error) => late.push({ tab, error }));
    this.recovery = Date.now() - calmed;
    await idle(server, this.#id);
    for (const tab of this.#tabs) await tab.call('settle', SETTLE).catch((error) => late.push({ tab, error }));
    if (late.length > 0) {
      const found = [];
      for (const { tab, error } of late) found.push({ kind: 'not settled', tab: tab.number, why: String(error), where: await tab.call('where').catch(String) });
      return [...found, ...this.#found, ...this.#judge(await this.#history(), [])];
    }
    await this.#open();
    const judgeTab = /** @type {Tab} */ (this.#tabs.at(-1));
    await judgeTab.call('ready');
    await judgeTab.call('settle', SETTLE);
    let history = await this.#history();
    const read = async () => {
      views.length = 0;
      for (const tab of this.#tabs) views.push({ name: tab === judgeTab ? 'fresh client' : `tab ${tab.number}`, messages: await tab.call('plain') });
    };
    await read();
    const after = await this.#history();
    // A server that writes after it went idle is no fault of the client: what counts is what it says in the end.
    if (!isDeepStrictEqual(history, after)) {
      history = await this.#stable();
      for (const tab of this.#tabs) await tab.call('settle', SETTLE);
      await read();
    }
    await Promise.all(this.#looking);
    const found = [...this.#found, ...this.#judge(history, views)];
    for (const tab of this.#tabs) this.reports.push({ tab: tab.number, at: Date.now(), ...(await tab.call('counted')) });
    for (const each of found) {
      const number = Number(/^tab (\d+)$/.exec(/** @type {any} */ (each).view ?? '')?.[1] ?? /** @type {any} */ (each).tab);
      const tab = this.#tabs.find((one) => one.number === number);
      if (tab) Object.assign(each, { where: await tab.call('where').catch(String) });
    }
    return found;
  }

  /** @param {any[]} history @param {import('./verdict.mjs').View[]} views */
  #judge(history, views) {
    const own = this.reports.map((each) => ({ ...each, at: each.at - this.#begin }));
    return judge({ reports: own, history, views, gone: this.#gone });
  }

  /** @returns {Promise<any[]>} */
  #history() {
    return call(this.#world.server, 'GET', `/session/${this.#id}/message`);
  }

  /** @returns {Promise<any[]>} */
  #stable() {
    return waitFor(async () => {
      const one = await this.#history();
      await sleep(500);
      return isDeepStrictEqual(one, await this.#history()) && one;
    }, { message: 'a history that stays' });
  }
}

/** Steps that the proxy counts, when they took effect. */
const BY_PROXY = Object.fromEntries(['drop', 'cut', 'end', 'mute', 'heartbeats', 'buffer', 'slow', 'duplicate', 'status', 'refuse', 'lose', 'chunk'].map((name) => [name, true]));
const TAB_ACTS = Object.fromEntries(['prompt', 'note', 'abort', 'reload', 'closeTab', 'offline', 'freeze'].map((name) => [name, true]));
