// What is left of the clients of a page after their wasm trapped: it is told, it ends, and a new client works.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

test('a trap ends the clients that share the wasm, and says so', async () => {
  const scene = fileURLToPath(new URL('trap-scene.mjs', import.meta.url));
  const child = spawn(process.execPath, ['--wasm-max-mem-pages=320', scene], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const piece of child.stdout) text += piece;
  const ended = { close: 'ok', again: 'ok', neighbour: 'ok', subscribe: 'ok' };
  const crashed = Object.fromEntries(['health', 'send', 'older', 'reconnect', 'open', 'more'].map((name) => [name, 'crashed']));
  assert.deepEqual(JSON.parse(text), {
    waiting: { call: 'crashed', stored: 'crashed', done: 'crashed', settled: 'crashed' },
    state: 'closed',
    error: 'crashed',
    problem: 'This page has a problem. Reload it.',
    kept: 1,
    changes: 'closed',
    beside: 'crashed',
    list: 'crashed',
    after: { ...crashed, ...ended },
    logs: 1,
    fresh: 'live',
    streams: 1,
    troubles: [],
  });
});
