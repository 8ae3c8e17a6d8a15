// A short run of the hostile server: what is held, what nobody handles, and that it is live again. How long it stands still depends
// on the machine: `npm run hostile` tells that.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostile, MOST } from './hostile.mjs';

const KINDS = ['bytes', 'odd', 'reset', 'cut', 'giant', 'event unknown', 'event permissions', 'event sessions'];
/** Runs of ten seconds, until each kind of wrong has been done: a slow machine does less in each. */
const RUNS = 9;

for (const place of ['node', 'chromium']) {
  test(`a server that does everything wrong at once harms nothing, in ${place}`, () => harmsNothing(place));
}

async function harmsNothing(place) {
  const seen = new Set();
  for (let seed = 1; seed === 1 || (seed <= RUNS && KINDS.some((kind) => !seen.has(kind))); seed += 1) {
    const { memory, troubles, done, codes } = await hostile(seed, 10_000, place);
    assert.deepEqual(troubles, []);
    assert.ok(memory < MOST.memory, `${memory} MiB held`);
    for (const kind of KINDS) if (done[kind] > 0) seen.add(kind);
    for (const code of Object.keys(codes)) seen.add(`code ${code}`);
  }
  assert.deepEqual(KINDS.filter((kind) => !seen.has(kind)), []);
  assert.ok(seen.size > KINDS.length + 3, [...seen].join(', '));
}
