// npm run soak -- [--minutes 30] [--server V] [--seed S] [--keeper]: one page that is never reloaded, faults all the time, and nothing that grows.
import { parseArgs } from 'node:util';
import { call } from '../support/events.mjs';
import { sleep } from '../support/wait.mjs';
import { random } from './random.mjs';
import { idle, startWorld } from './world.mjs';
import { NEWEST } from '../support/versions.mjs';

const MB = 1 << 20;
const MOST_GROWTH = 5 * MB;
/** Sessions before the first measurement: caches and pools fill. */
const WARM = 6;
const TURNS = 3;
const SAMPLE = 60_000;

/** @typedef {{ minute: string, heap: number, wasm: number, timers: number, listeners: number }} Sample */

/**
 * @param {{ version?: string, minutes?: number, seed?: number, keeper?: boolean, say?: (line: string) => void }} options
 * @returns {Promise<string[]>} what is wrong
 */
export async function soak({ version = NEWEST, minutes = 30, seed = 1, keeper = false, say = console.log }) {
  const world = await startWorld({ version, script: 'soak.js', keeper });
  try {
    const { proxy, server, browser, site, options } = world;
    const page = await (await browser.newContext()).newPage();
    const said = [];
    page.on('pageerror', (error) => said.push(`uncaught: ${error.message}`));
    await page.goto(site.url);
    await page.waitForFunction(() => 'soak' in globalThis);
    const devtools = await page.context().newCDPSession(page);
    const ask = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) => page.evaluate(([name, args]) => globalThis.soak[name](...args), /** @type {const} */ ([name, args]));
    const baseline = await ask('start', options);
    const begin = Date.now();
    const roll = random(seed);
    let sessions = 0;
    let turns = 0;
    const wrong = [];

    let fault = '';
    const play = async () => {
      const { id } = await call(server, 'POST', '/session', { title: 'Soak' });
      sessions += 1;
      await ask('open', id);
      for (let turn = 0; turn < TURNS; turn += 1) {
        const done = ask('say', `words ${roll.int(10, 40)} every ${10 + turn}`);
        await sleep(roll.int(100, 600));
        fault = trouble(proxy, roll);
        const wait = sleep(roll.int(300, 1200)).then(() => proxy.calm());
        const shown = await done;
        await wait;
        turns += 1;
        await idle(server, id);
        const stored = (await call(server, 'GET', `/session/${id}/message`)).map((/** @type {any} */ { info, parts }) => [info.id, ...parts.map((/** @type {any} */ part) => [part.id, part.text])]);
        if (plain(shown) !== plain(stored)) wrong.push(`session ${id}, turn ${turn}, after ${fault}: settled, and the state is not the history: ${differ(shown, stored)}`);
      }
    };

    /** Always in the same state: one new session, nothing said in it. @returns {Promise<Sample>} */
    const measure = async () => {
      proxy.calm();
      await ask('closeSessions');
      const { id } = await call(server, 'POST', '/session', { title: 'Soak' });
      await ask('open', id);
      await sleep(1000);
      for (let round = 0; round < 3; round += 1) await devtools.send('HeapProfiler.collectGarbage');
      const { usedSize } = await devtools.send('Runtime.getHeapUsage');
      const { wasm, timers, listeners } = await ask('held');
      return { minute: ((Date.now() - begin) / 60_000).toFixed(1), heap: usedSize, wasm, timers, listeners: listeners.length };
    };

    for (let count = 0; count < WARM; count += 1) await play();
    const first = await measure();
    const samples = [first];
    say(`soak: server ${version}, ${minutes} minutes, seed ${seed}${keeper ? ', keeper' : ''}`);
    say(row(['minute', 'sessions', 'turns', 'heap MB', 'wasm MB', 'timers', 'listeners', 'faults']));
    const show = (/** @type {Sample} */ { minute, heap, wasm, timers, listeners }) =>
      say(row([minute, sessions, turns, (heap / MB).toFixed(2), (wasm / MB).toFixed(2), timers, listeners, sum(proxy.stats().faults)]));
    show(first);
    const end = begin + minutes * 60_000;
    for (let next = Date.now() + SAMPLE; Date.now() < end; ) {
      await play();
      if (Date.now() < next && Date.now() < end) continue;
      next = Date.now() + SAMPLE;
      const sample = await measure();
      samples.push(sample);
      show(sample);
    }

    const last = /** @type {Sample} */ (samples.at(-1));
    // The allocator keeps its largest size, which the first third of a run may still find.
    const warm = samples[Math.floor(samples.length / 3)] ?? first;
    const { streams } = proxy.stats();
    const { wrong: shown, checks } = await ask('found');
    await ask('closeSessions');
    await ask('closeClient');
    await sleep(1000);
    const after = await ask('held');
    const growth = last.heap - first.heap;
    say(`heap grew ${(growth / MB).toFixed(2)} MB, wasm ${((last.wasm - warm.wasm) / MB).toFixed(2)} MB (after warm-up); streams opened ${streams.total}, at once at most ${streams.most}; states checked ${checks}`);
    say(`after close: timers ${after.timers} (before ${baseline.timers}), frames ${after.frames}, listeners ${after.listeners.length} (before ${baseline.listeners.length}), streams ${proxy.stats().streams.now}`);

    if (growth >= MOST_GROWTH) wrong.push(`the heap grew by ${(growth / MB).toFixed(2)} MB`);
    if (last.wasm > warm.wasm) wrong.push(`the wasm memory grew from ${warm.wasm} to ${last.wasm}`);
    if (streams.most > 1) wrong.push(`${streams.most} streams at once`);
    for (const name of /** @type {const} */ (['timers', 'frames'])) if (after[name] > baseline[name]) wrong.push(`${after[name]} ${name} are left, ${baseline[name]} before`);
    if (after.listeners.join() !== baseline.listeners.join()) wrong.push(`listeners left: ${after.listeners.join(' ')}; before: ${baseline.listeners.join(' ')}`);
    if (!keeper && proxy.stats().streams.now > 0) wrong.push('a stream is open after close');
    if (checks === 0) wrong.push('nothing was shown');
    wrong.push(...shown.filter((/** @type {any} */ { kind }) => kind !== 'shrunk').map((/** @type {unknown} */ found) => JSON.stringify(found)), ...said);
    for (const line of wrong) say(`WRONG: ${line.slice(0, 1500)}`);
    say(`wrong: ${wrong.length}`);
    return wrong;
  } finally {
    await world.close();
  }
}

/** @param {import('../support/proxy.mjs').FaultProxy} proxy @param {ReturnType<typeof random>} roll @returns {string} the fault */
function trouble(proxy, roll) {
  /** @type {Record<string, () => void>} */
  const faults = {
    drop: () => proxy.drop(),
    cut: () => proxy.cutStreamAfter(roll.int(1, 3000)),
    end: () => proxy.endStreams(),
    mute: () => proxy.mute(true),
    heartbeats: () => proxy.heartbeatsOnly(true),
    buffer: () => proxy.buffer(true),
    refuse: () => proxy.refuse(true),
    chunk: () => proxy.chunk(roll.int(1, 30)),
    slow: () => proxy.slow({ match: 'snapshot', ms: roll.int(50, 500), times: 3 }),
    status: () => proxy.status(roll.pick(['stream', 'messages']), 503, 'busy'),
    lose: () => proxy.lose({ match: 'snapshot' }),
  };
  const name = roll.pick(Object.keys(faults));
  faults[name]();
  return name;
}

/** @param {unknown} messages */
const plain = (messages) => JSON.stringify(messages);

/** The first message that is not the same. @param {unknown[]} shown @param {unknown[]} stored */
function differ(shown, stored) {
  const at = stored.findIndex((each, index) => plain(each) !== plain(shown[index]));
  return at < 0 ? `${shown.length} messages for ${stored.length}` : `${plain(shown[at])} for ${plain(stored[at])}`;
}

/** @param {Record<string, number>} counts */
const sum = (counts) => Object.values(counts).reduce((all, each) => all + each, 0);

/** @param {unknown[]} cells */
const row = (cells) => cells.map((cell) => String(cell).padStart(9)).join(' ');

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const string = /** @type {const} */ ({ type: 'string' });
  try {
    const { values } = parseArgs({ options: { server: string, minutes: string, seed: string, keeper: { type: 'boolean' } } });
    const wrong = await soak({ version: values.server, minutes: Number(values.minutes ?? 30), seed: Number(values.seed ?? 1), keeper: values.keeper });
    process.exitCode = wrong.length > 0 ? 1 : 0;
  } catch (error) {
    console.error(`npm run soak: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 2;
  }
}
