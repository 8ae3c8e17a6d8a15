// npm run chaos -- [--server V] [--minutes N | --scenes N] [--seed S] [--from K] [--keeper] [--browser chromium]
import { parseArgs } from 'node:util';
import { planScene } from './plan.mjs';
import { sceneSeed } from './random.mjs';
import { Scene } from './scene.mjs';
import { startWorld } from './world.mjs';
import { NEWEST } from '../support/versions.mjs';

const SHOWN = 4000;

/**
 * @typedef {object} ChaosOptions
 * @property {string} [version]
 * @property {number} [minutes] scenes are begun as long as this
 * @property {number} [scenes] or so many
 * @property {number} [seed]
 * @property {number} [from] number of the first scene
 * @property {boolean} [keeper]
 * @property {string} [browser]
 * @property {(line: string) => void} [say]
 */

/** @param {ChaosOptions} options @returns {Promise<{ violations: number, faults: number, restarts: number, scenes: number, checks: number, gapped: number, settled: number, mostStreams: number, recovery: number[], counts: Record<string, number> }>} */
export async function chaos(options) {
  const { version = NEWEST, minutes = 1, scenes = Infinity, seed = Date.now() % 1_000_000, from = 0, keeper = false, browser, say = console.log } = options;
  const world = await startWorld({ version, script: 'tab.js', keeper, browser });
  const end = Date.now() + (scenes === Infinity ? minutes * 60_000 : Infinity);
  /** @type {Record<string, number>} */
  const done = {};
  let violations = 0;
  /** @type {number[]} */
  const recoveries = [];
  const looked = { checks: 0, gapped: 0, settled: 0 };
  let number = from;
  say(`chaos: server ${version}, seed ${seed}${keeper ? ', keeper' : ''}`);
  try {
    for (; number < from + scenes && Date.now() < end; number += 1) {
      const scene = new Scene(world, planScene(sceneSeed(seed, number), version, keeper));
      const found = await scene.play().catch((error) => [{ kind: 'the scene broke', why: error instanceof Error ? (error.stack ?? String(error)) : String(error) }]);
      for (const [name, count] of Object.entries(scene.done)) done[name] = (done[name] ?? 0) + count;
      for (const report of scene.reports) if (report.kind === 'checks') for (const name of /** @type {const} */ (['checks', 'gapped'])) looked[name] += report[name];
      looked.settled += scene.settled;
      violations += found.length;
      recoveries.push(scene.recovery);
      if (found.length === 0) continue;
      const rerun = `npm run chaos -- --server ${version} --seed ${seed} --from ${number} --scenes 1${keeper ? ' --keeper' : ''}`;
      say(`\nVIOLATION in scene ${number} of seed ${seed}, ${new Date().toISOString()}`);
      for (const each of found) say(JSON.stringify(each, undefined, 1).slice(0, SHOWN));
      say(`${scene.actions.join('\n')}\nrun again: ${rerun}\n`);
    }
    const counts = { ...world.proxy.stats().faults, ...faultsOf(done) };
    const faults = Object.values(counts).reduce((sum, each) => sum + each, 0);
    const result = { violations, faults, restarts: done.kill ?? 0, scenes: number - from, ...looked, mostStreams: world.proxy.stats().streams.most, recovery: recoveries.sort((a, b) => a - b), counts };
    for (const line of table(result, done)) say(line);
    return result;
  } finally {
    await world.close();
  }
}

/** @param {Record<string, number>} done */
function faultsOf({ kill = 0, reload = 0, closeTab = 0, offline = 0, freeze = 0, stopWorker = 0 }) {
  return { kill, reload, closeTab, offline, freeze, stopWorker };
}

/** @param {Awaited<ReturnType<typeof chaos>>} result @param {Record<string, number>} done */
function table({ violations, faults, restarts, scenes, checks, gapped, settled, mostStreams, recovery, counts }, { prompt = 0, note = 0, abort = 0, openTab = 0 }) {
  const kinds = Object.entries(counts).sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`);
  return [
    `scenes ${scenes}, prompts ${prompt + note}, aborts ${abort}, tabs opened in between ${openTab}, states checked ${checks}, parts shown with a hole ${gapped}, settled states checked ${settled}`,
    `faults ${faults}: ${kinds.join(', ')}`,
    `server restarts ${restarts}; settled after the faults: ${recovery[recovery.length >> 1] ?? 0} ms in the middle, ${recovery.at(-1) ?? 0} ms at most; streams at once at most ${mostStreams}`,
    `violations ${violations}`,
  ];
}

/** @param {string[]} args */
function options(args) {
  const string = /** @type {const} */ ({ type: 'string' });
  const { values } = parseArgs({ args, options: { server: string, minutes: string, scenes: string, seed: string, from: string, keeper: { type: 'boolean' }, browser: string } });
  const { server: version, keeper, browser } = values;
  /** @type {Record<string, number>} */
  const numbers = {};
  for (const name of /** @type {const} */ (['minutes', 'scenes', 'seed', 'from'])) {
    const given = values[name];
    if (given === undefined) continue;
    if (!(Number(given) >= 0)) throw new Error(`--${name} takes a number, not "${given}"`);
    numbers[name] = Number(given);
  }
  return { version, keeper, browser, ...numbers };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  try {
    const { violations } = await chaos(options(process.argv.slice(2)));
    process.exitCode = violations > 0 ? 1 : 0;
  } catch (error) {
    console.error(`npm run chaos: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 2;
  }
}
