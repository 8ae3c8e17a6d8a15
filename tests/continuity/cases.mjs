// The cases: what happens to the page while an answer is on its way. Each gives how soon the page had shown all that was said so far.
import assert from 'node:assert/strict';
import { cpus, loadavg } from 'node:os';
import { sleep, waitFor } from '../support/wait.mjs';
import { assertLive, caughtUp, LAG } from './judge.mjs';
import { World } from './world.mjs';

/** With the keeper, a warm page shows all words so far this soon after its first script, milliseconds. */
export const SOON = 500;
/** The same for a page that is opened when none was there: the browser may have to start a process for it. */
const COLD = 2_000;
/**
 * The limits of a run on a machine that has its cores for it, which `npm run continuity` is for. Tests have others: what comes by the keeper
 * comes long before the end of an answer.
 */
const STRICT = { soon: SOON, cold: COLD, lag: LAG };
export const PATIENT = { soon: 10_000, cold: 10_000, lag: 10_000 };
/** How long a load is watched before the next thing happens to it. */
const WATCHED = SOON + 250;
const EVERY = 30;

/** @typedef {import('./world.mjs').Where} Where */
/** @typedef {{ cases: number, caught: number[] }} Seen */

/** Reloads at `count` moments: spread over a long answer, and at the turns of short ones. @param {Where} where @param {number} count @returns {Promise<Seen>} */
export function reloads(where, count) {
  return inWorld(where, async (world) => {
    const marked = MARKS.filter((_, at) => at < Math.floor(count * 0.4));
    const spread = count - marked.length;
    const tab = await world.tab();
    const gap = Math.ceil((WATCHED + 150) / EVERY);
    await world.prompt(`think 20 every ${EVERY} then words ${(spread + 1) * gap} every ${EVERY}`);
    for (let at = 1; at <= spread; at += 1) {
      const said = at * gap - 10;
      if (spoken(world.reference.parts) < said) await world.reference.moment((_, parts) => spoken(parts) >= said, `word ${said}`);
      await world.reload(tab);
      if (where.limits) await watched(where, world, tab);
    }
    await watched(where, world, tab);
    await world.settle(tab);
    for (const mark of marked) {
      const moment = world.reference.moment(mark.fits(), mark.name);
      await world.prompt(`think 10 every ${EVERY} then words 30 every ${EVERY}`);
      await moment;
      await world.reload(tab);
      await watched(where, world, tab);
      await world.settle(tab);
    }
    return world.loads.slice(1);
  });
}

/** Another tab is opened in the middle of an answer; the first one goes on. @param {Where} where @returns {Promise<Seen>} */
export function secondTab(where) {
  return inWorld(where, async (world) => {
    const first = await world.tab();
    await world.prompt(`think 20 every ${EVERY} then words 120 every ${EVERY}`);
    await world.reference.moment((_, parts) => spoken(parts) >= 40, 'word 40');
    const second = await world.tab();
    await watched(where, world, second);
    await world.settle(second);
    await world.settle(first);
    return world.loads.slice(0, 1);
  });
}

/** To another page and back, and the only tab closed for a while. @param {Where} where @returns {Promise<Seen>} */
export function away(where) {
  return inWorld(where, async (world) => {
    const first = await world.tab();
    await world.prompt(`think 20 every ${EVERY} then words 300 every ${EVERY}`);
    await world.reference.moment((_, parts) => spoken(parts) >= 30, 'word 30');
    await world.goto(first, world.site.away);
    await sleep(1_000);
    await first.goto(world.url);
    await watched(where, world, first);
    await world.shut(first);
    await sleep(3_000);
    const again = await world.tab();
    await watched(where, world, again);
    await world.settle(again);
    return world.loads.slice(1);
  }, 'cold');
}

/** The load has its time; where the limits are those of tests, as long as it needs. @param {Where} where @param {World} world @param {import('./world.mjs').Tab} tab */
async function watched({ keeper, limits }, world, tab) {
  await sleep(WATCHED);
  if (!keeper || !limits) return;
  await waitFor(async () => caughtUp(await tab.evaluate(() => recorder.report()), world.reference) !== undefined, { every: 100, message: 'all words so far' });
}

/** Processes that want to run for each core. */
export const pressure = () => (loadavg()[0] ?? 0) / cpus().length;

/** How many words of the newest text were said. @param {Map<string, import('./reference.mjs').Told>} parts */
const spoken = (parts) => [...parts.values()].findLast(({ type }) => type === 'text')?.marks.length ?? 0;

const part = (event, type) => event.type === 'message.part.updated' && event.properties.part.type === type;

/** Turns of an answer. `fits` makes the probe of one answer. */
const MARKS = [
  { name: 'the start of the text', fits: () => (event) => part(event, 'text') && event.properties.part.time?.start !== undefined },
  { name: 'the last words', fits: () => (_, parts) => [...parts.values()].at(-1)?.text.includes('w28 ') },
  { name: 'the end of the text', fits: () => (event) => part(event, 'text') && event.properties.part.time?.end !== undefined },
  { name: 'the prompt', fits: () => (event) => event.type === 'message.updated' && event.properties.info.role === 'user' },
  { name: 'the start of the answer', fits: () => (event) => event.type === 'message.updated' && event.properties.info.role === 'assistant' },
  { name: 'the first thought', fits: () => (event) => part(event, 'reasoning') },
  { name: 'the end of the thought', fits: () => (event) => part(event, 'reasoning') && event.properties.part.time?.end !== undefined },
  { name: 'the end of the turn', fits: () => (event) => event.type === 'session.idle' },
];

/** @param {Where} where @param {(world: any) => Promise<import('./site.mjs').Load[]>} job gives the loads that began while an answer was on its way */
async function inWorld(where, job, soon = 'soon') {
  const world = await World.open(where);
  try {
    const loads = await job(world);
    const caught = loads.map((load) => caughtUp(load, world.reference));
    if (where.keeper) {
      const limits = where.limits ?? STRICT;
      const limit = limits[soon] * Math.max(1, pressure() / 2);
      for (const [at, ms] of caught.entries()) {
        assert.ok(ms !== undefined && ms <= limit, `the load after moment ${at + 1} had shown all words after ${ms} ms, the limit is ${Math.round(limit)}: ${JSON.stringify(loads[at].states)}`);
        assertLive(loads[at], world.reference, ms, limits.lag);
      }
    }
    return { cases: loads.length, caught: caught.map((ms) => ms ?? Infinity) };
  } finally {
    await world.close();
  }
}
