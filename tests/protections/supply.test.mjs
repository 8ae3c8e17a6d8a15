// What may come in with the lock files (`npm run audit`), and what runs at an install of the package: nothing.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isLicensed, wrongChecksums, wrongCrates, wrongPackages } from '../../scripts/lib/supply.mjs';

const HOME = 'registry+https://github.com/rust-lang/crates.io-index';
const ALLOWED = { licences: new Set(['MIT', 'Apache-2.0', 'Apache-2.0 WITH LLVM-exception', 'Unicode-3.0']), sources: new Set([HOME]), skipped: [['syn', '2']] };
const crate = (more) => ({ name: 'a', version: '1.0.0', license: 'MIT', source: HOME, ...more });
const GOOD = [crate(), crate({ name: 'b' }), crate({ name: 'syn', version: '2.0.1' }), crate({ name: 'syn', version: '3.0.1' })];

test('an expression of licences is met by those that are allowed', () => {
  for (const [expression, is] of [
    ['MIT', true], ['GPL-3.0', false], ['MIT OR GPL-3.0', true], ['MIT AND GPL-3.0', false], ['MIT/GPL-3.0', true], ['GPL-3.0 / MIT', true],
    ['(MIT OR GPL-3.0) AND Unicode-3.0', true], ['(MIT OR Apache-2.0) AND GPL-3.0', false], ['GPL-3.0 OR MIT AND GPL-2.0', false],
    ['Apache-2.0 WITH LLVM-exception', true], ['MIT WITH LLVM-exception', false], ['GPL-2.0 WITH Classpath-exception-2.0 OR MIT', true],
  ]) assert.equal(isLicensed(expression, ALLOWED.licences), is, expression);
  for (const odd of ['', '(MIT', 'MIT)', 'MIT Apache-2.0']) assert.throws(() => isLicensed(odd, ALLOWED.licences), /no SPDX expression/, odd);
});

test('a crate of another licence, from elsewhere, or there twice is found', () => {
  assert.deepEqual(wrongCrates(GOOD, ALLOWED), []);
  assert.deepEqual(wrongCrates([...GOOD, crate({ name: 'c', license: 'GPL-3.0' })], ALLOWED), ['c 1.0.0: its licence is GPL-3.0']);
  assert.deepEqual(wrongCrates([...GOOD, crate({ name: 'c', license: null })], ALLOWED), ['c 1.0.0: its licence is not told']);
  assert.deepEqual(wrongCrates([...GOOD, crate({ name: 'c', source: 'git+https://example.com/c' })], ALLOWED), ['c 1.0.0: comes from git+https://example.com/c']);
  assert.deepEqual(wrongCrates([...GOOD, crate({ version: '2.0.0' })], ALLOWED), ['a is there 2 times: 1.0.0, 2.0.0']);
  assert.deepEqual(wrongCrates([], ALLOWED), ['too few crates to be all']);
});

test('a crate or package without a checksum is found', () => {
  const entry = (sum) => `[[package]]\nname = "a"\nversion = "1.0.0"\nsource = "${HOME}"\n${sum}`;
  assert.deepEqual(wrongChecksums(`version = 4\n\n[[package]]\nname = "own"\nversion = "0.1.0"\n\n${entry(`checksum = "${'0'.repeat(64)}"\n`)}`), []);
  assert.deepEqual(wrongChecksums(entry('')), ['no checksum of a']);
  assert.deepEqual(wrongChecksums(entry('checksum = "0"\n')), ['no checksum of a']);
});

test('a package of another licence, from elsewhere, or with a script of its own is found', () => {
  const one = (name, more) => [`node_modules/${name}`, { version: '1.0.0', license: 'MIT', integrity: 'sha512-x', ...more }];
  const good = [one('a'), one('b'), one('c/node_modules/d', { hasInstallScript: true })];
  const allowed = { licences: ALLOWED.licences, scripts: ['d'] };
  assert.deepEqual(wrongPackages(good, allowed), []);
  for (const [more, said] of [
    [{ license: 'SSPL-1.0' }, 'x 1.0.0: its licence is SSPL-1.0'], [{ license: undefined }, 'x 1.0.0: its licence is not told'],
    [{ integrity: undefined }, 'no checksum of x 1.0.0'], [{ integrity: 'sha1-x' }, 'no checksum of x 1.0.0'],
    [{ resolved: 'git+ssh://example.com/x' }, 'x 1.0.0 comes from git+ssh://example.com/x'], [{ hasInstallScript: true }, 'x 1.0.0 runs a script when it is installed'],
  ]) assert.deepEqual(wrongPackages([...good, one('x', more)], allowed), [said]);
  assert.deepEqual(wrongPackages([], allowed), ['too few packages to be all']);
});

test('the package brings no others, and runs nothing when it is installed', () => {
  const papers = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  for (const kind of ['dependencies', 'optionalDependencies', 'bundleDependencies']) assert.equal(papers[kind], undefined, kind);
  // An optional peer is not installed for anybody.
  for (const peer of Object.keys(papers.peerDependencies)) assert.equal(papers.peerDependenciesMeta[peer]?.optional, true, peer);
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish']) assert.equal(papers.scripts[script], undefined, script);
});
