// Each test of the outside suites is run here, or named in deviations.md with the reason; and no name is there for nothing.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ACTS } from './acts.mjs';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const json = (path) => JSON.parse(read(path));
const rows = [...read('../../deviations.md').matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$/gm)];
const listed = rows.map(([, name]) => name);

test('web-platform-tests', () => {
  const { files } = json('./originals.json');
  const { cases } = json('./cases.json');
  const vectors = json('../conformance/sse/wpt.json').cases.map(({ name }) => name.split(/,| \(/)[0]);
  const inBrowser = new Set([...cases.map(({ of }) => of), ...Object.keys(ACTS)]);
  const run = (file) => inBrowser.has(file) || vectors.includes(file.split('.')[0]);
  assert.deepEqual(files.filter((file) => !run(file) && !listed.includes(file)), [], 'neither run nor listed');
  assert.deepEqual([...inBrowser].filter((file) => !files.includes(file)), [], 'run, but no original');
  for (const [, file, what] of rows.filter(([, name]) => files.includes(name))) {
    if (what.trim().startsWith('not run')) assert.ok(!run(file), `${file} is run after all`);
    else if (what.trim() === 'run') assert.ok(inBrowser.has(file), `${file} is not run`);
  }
});

test('launchdarkly/sse-contract-tests', () => {
  const { different, without, run } = json('../contract/originals.json');
  assert.ok(run.length >= 95, `${run.length} tests`);
  assert.deepEqual([...different, ...without].filter((name) => !listed.includes(name)), [], 'neither run nor listed');
  assert.deepEqual(run.filter((name) => listed.includes(name)), [], 'listed, but run');
});

test('deviations.md names nothing else, and gives a reason each', () => {
  const { files } = json('./originals.json');
  const { different, without } = json('../contract/originals.json');
  const known = new Set([...files, ...different, ...without]);
  assert.ok(rows.length > 30);
  assert.deepEqual(listed.filter((name) => !known.has(name)), []);
  assert.equal(new Set(listed).size, listed.length, 'a name twice');
  for (const [, name, , why] of rows) assert.ok(why.trim().length >= 8, name);
});
