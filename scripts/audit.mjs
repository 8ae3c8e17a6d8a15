// `npm run audit [-- --offline]`: what the lock files bring in. Licences, sources, checksums, versions and scripts that run at install
// are judged here, without a network; `cargo deny` and `npm audit`, which know of reported weaknesses, are run where they can be had.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { crates, npmPackages, wrongChecksums, wrongCrates, wrongPackages } from './lib/supply.mjs';
import { root } from './lib/tools.mjs';

const CARGO_LOCKS = ['.', 'fuzz'];
const NPM_LOCKS = ['package-lock.json', 'scripts/reference/package-lock.json', 'benches/package-lock.json'];
/** For tools of development only: nothing of npm is in the published files, see `scripts/notices.mjs`. */
const NPM_LICENCES = ['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'MPL-2.0', 'BlueOak-1.0.0', 'CC0-1.0', 'Python-2.0', 'PSF-2.0', 'CC-BY-4.0'];
/** Packages that may run a script when they are installed. */
const SCRIPTS = ['esbuild', 'fsevents'];

const deny = readFileSync(`${root}/deny.toml`, 'utf8');
const listOf = (/** @type {string} */ key) => [...(new RegExp(`^${key} = \\[(.*)\\]$`, 'm').exec(deny)?.[1] ?? '').matchAll(/"([^"]+)"/g)].map(([, each]) => each);
/** @type {string[]} */
const wrong = [];

const allowed = new Set(listOf('allow'));
const sources = new Set(listOf('allow-registry').map((each) => `registry+${each}`));
const skipped = listOf('skip').map((each) => each.split(':'));
for (const folder of CARGO_LOCKS) {
  const { packages } = crates(folder === '.' ? ['--all-features'] : [], `${root}/${folder}`);
  const foreign = packages.filter(({ source }) => source !== null);
  // The fuzzer is built for fuzzing alone.
  const licences = folder === 'fuzz' ? new Set([...allowed, 'NCSA']) : allowed;
  wrong.push(...wrongCrates(foreign, { licences, sources, skipped }), ...wrongChecksums(readFileSync(`${root}/${folder}/Cargo.lock`, 'utf8')));
  console.log(`${folder}/Cargo.lock: ${foreign.length} crates`);
}
for (const file of NPM_LOCKS) {
  const all = npmPackages(file);
  wrong.push(...wrongPackages(all, { licences: new Set(NPM_LICENCES), scripts: SCRIPTS }).map((line) => `${file}: ${line}`));
  console.log(`${file}: ${all.length} packages`);
}
if (!process.argv.includes('--offline')) {
  tool('cargo deny check licenses bans sources', 'cargo', ['deny', '--all-features', 'check', 'licenses', 'bans', 'sources'], /no such command/);
  // Both ask for a list of reports, and say so when they cannot get it.
  tool('cargo deny check advisories', 'cargo', ['deny', 'check', 'advisories'], /no such command|failed to fetch|unable to fetch|could not (?:clone|fetch)|failed to open|error fetching/i);
  for (const file of NPM_LOCKS) tool(`npm audit (${file})`, 'npm', ['audit', '--audit-level=high', '--prefix', `${root}/${file.slice(0, -'package-lock.json'.length)}`], /audit endpoint returned an error|ENOTFOUND|ECONNREFUSED|ENOAUDIT|EAI_AGAIN|ETIMEDOUT|404|405|501/);
}
for (const line of wrong) console.error(`wrong: ${line}`);
console.log(wrong.length === 0 ? 'The lock files hold nothing that is not allowed.' : `${wrong.length} wrong`);
process.exitCode = wrong.length === 0 ? 0 : 1;

/** @param {string} name @param {string} command @param {string[]} args @param {RegExp} lacking what it says where it cannot do its work */
function tool(name, command, args, lacking) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8', timeout: 120_000 });
  const said = `${stdout ?? ''}${stderr ?? ''}`;
  if (status === 0) console.log(`${name}: nothing found`);
  else if (error !== undefined || lacking.test(said)) console.log(`${name}: NOT RUN, ${error?.message ?? said.split('\n').find((line) => lacking.test(line))?.trim().slice(0, 160)}`);
  else wrong.push(`${name}:\n${said.trim()}`);
}
