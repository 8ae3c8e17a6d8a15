// The table of protections (`npm run protections` takes each out) fits the code, the tests and SECURITY.md.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PROTECTIONS, without } from '../../scripts/lib/protections.mjs';
import { rows } from '../docs/pages.mjs';

const ROOT_URL = new URL('../../', import.meta.url);
const ROOT = fileURLToPath(ROOT_URL);
const read = (file) => readFileSync(ROOT + file, 'utf8');

test('each has a name of its own', () => {
  assert.equal(new Set(PROTECTIONS.map(({ name }) => name)).size, PROTECTIONS.length);
});

for (const protection of PROTECTIONS) {
  test(`"${protection.name}" stands once in its file, and its test is there`, () => {
    const text = read(protection.file);
    assert.notEqual(without(protection, text), text);
    const { file, name } = protection.test;
    // Titles may be put together from pieces, also of what the file imports; that the test is run is for the long run to say.
    const test = read(file);
    const all = [test, ...[...test.matchAll(/ from '(\.[^']+\.mjs)'/g)].map(([, path]) => readFileSync(new URL(path, new URL(file, ROOT_URL)), 'utf8'))].join('\n');
    const words = name.match(/[\w']{3,}/g) ?? [];
    for (const word of words) assert.ok(all.includes(word), `${file} has no test "${name}": it lacks "${word}"`);
    assert.ok(words.length > 0, name);
  });
}

/** The rows of SECURITY.md: rule and tests. */
const rules = new Map(rows(read('SECURITY.md')).filter(([first]) => /^\d+$/.test(first)).map(([number, , , tests]) => [Number(number), tests.split(', ')]));

test('SECURITY.md has a row for each rule, with tests that are there', () => {
  assert.deepEqual([...rules.keys()], Array.from({ length: 20 }, (_, at) => at + 1));
  for (const [rule, tests] of rules) for (const file of tests) assert.ok(/^tests\/.+\.(test\.mjs|rs)$/.test(file) && existsSync(ROOT + file), `rule ${rule}: ${file}`);
});

test('each rule has a protection that can be taken out, and its tests are those that notice', () => {
  for (const [rule, tests] of rules) {
    const noticing = PROTECTIONS.filter((each) => each.rules.includes(rule)).map((each) => each.test.file);
    assert.ok(noticing.length > 0, `rule ${rule} has none`);
    for (const file of noticing) assert.ok(tests.includes(file), `rule ${rule} does not name ${file}`);
  }
});

test('what is not promised is said', () => {
  for (const [file, words] of [['docs/auth.md', 'A page that knows the password gives it to whoever uses the page.'], ['SECURITY.md', 'A page that knows the password gives it away'], ['SECURITY.md', 'A vault is safe from a stolen disk, not from a script in the page.'], ['SECURITY.md', 'The journal is not encrypted.']]) {
    assert.ok(read(file).includes(words), `${file}: ${words}`);
  }
});
