// A short run of the hostile server: what is held, what nobody handles, and that it is live again. How long it stands still depends
// on the machine: `npm run hostile` tells that.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostile, MOST } from './hostile.mjs';

test('a server that does everything wrong at once harms nothing', async () => {
  const { memory, troubles, done, codes } = await hostile(1, 10_000);
  assert.deepEqual(troubles, []);
  assert.ok(memory < MOST.memory, `${memory} MiB held`);
  // It was hostile indeed.
  for (const kind of ['bytes', 'odd', 'reset', 'cut', 'giant', 'event unknown', 'event permissions', 'event sessions']) assert.ok(done[kind] > 0, kind);
  assert.ok(Object.keys(codes).length > 3, JSON.stringify(codes));
});
