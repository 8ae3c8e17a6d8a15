// `npm run notices [-- --check]`: writes THIRD-PARTY-NOTICES.md, the licences of all code of others that is in the published files.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { shipped } from './lib/supply.mjs';
import { root } from './lib/tools.mjs';

const FILE = `${root}/THIRD-PARTY-NOTICES.md`;
/** What is taken of each set of terms: one where there is a choice, and all that must be kept together. @type {Record<string, string[]>} */
const TAKEN = {
  'MIT': ['MIT'],
  'MIT OR Apache-2.0': ['MIT'],
  'Apache-2.0 OR MIT': ['MIT'],
  'Unlicense OR MIT': ['MIT'],
  '(MIT OR Apache-2.0) AND Unicode-3.0': ['MIT', 'Unicode-3.0'],
};
/** @type {Record<string, RegExp>} */
const TEXTS = { 'MIT': /^LICENSE-MIT$|^LICENSE(\.\w+)?$/i, 'Unicode-3.0': /^LICENSE-UNICODE$/i };
const OWN = readFileSync(`${root}/LICENSE-MIT`, 'utf8');
/** The text of MIT, which is the same for all, under a line that says whose. @param {string} whose */
const mit = (whose) => `Copyright (c) ${whose}\n\n${OWN.slice(OWN.indexOf('Permission')).trim()}`;
const RUST = mit('The Rust Project Contributors');

const foreign = imports();
if (foreign.length > 0) throw new Error(`the bundles import ${foreign.join(', ')}: say so in ${FILE}`);
const text = notices();
if (process.argv.includes('--check')) {
  if (!existsSync(FILE) || readFileSync(FILE, 'utf8') !== text) {
    console.error('THIRD-PARTY-NOTICES.md does not fit Cargo.lock: npm run notices writes it');
    process.exit(1);
  }
} else writeFileSync(FILE, text);

function notices() {
  const { channel } = /channel = "(?<channel>[^"]+)"/.exec(readFileSync(`${root}/rust-toolchain.toml`, 'utf8'))?.groups ?? {};
  const list = [
    ...shipped().map(({ name, version, license, manifest_path, authors }) => ({ name, version, terms: license ?? '', ...licence(name, license ?? '', dirname(manifest_path), authors) })),
    { name: "Rust's standard library", version: channel, terms: 'MIT OR Apache-2.0', taken: 'MIT', text: RUST },
  ];
  return [
    '# Notices of third parties',
    '',
    'Code of others in the published files: `dist/core_bg.wasm`, `dist/provider_bg.wasm`, and the wasm inside of `wasm-inline.js`, `keeper.js`, `leader.js` `v2.js` and `provider-inline.js`, with the glue in',
    'the scripts that load them (wasm-bindgen). No code of npm packages is in them. `npm run notices` writes this file from `Cargo.lock`.',
    '',
    '| what | version | licence | taken |',
    '| --- | --- | --- | --- |',
    ...list.map(({ name, version, terms, taken }) => `| ${name} | ${version} | ${terms} | ${taken} |`),
    ...list.flatMap(({ name, version, text }) => ['', `## ${name} ${version}`, '', '```text', text.trim().replace(/[ \t]+$/gm, ''), '```']),
    '',
  ].join('\n');
}

/** The licences that are taken, and their texts as the crate brings them. @param {string} name @param {string} terms @param {string} folder @param {string[]} authors */
function licence(name, terms, folder, authors) {
  const taken = TAKEN[terms];
  if (taken === undefined) throw new Error(`${name} has terms that are not known here: ${terms}`);
  const texts = taken.map((each) => {
    const file = readdirSync(folder).find((file) => TEXTS[each]?.test(file));
    // Some crates name the licence and bring no text of it.
    if (file === undefined && each === 'MIT' && authors.length > 0) return mit(authors.map((author) => author.replace(/ <.*/, '')).join(', '));
    if (file === undefined) throw new Error(`${name} brings no text of ${each}`);
    return readFileSync(join(folder, file), 'utf8').trim();
  });
  return { taken: taken.join(' and '), text: texts.join('\n\n') };
}

/** What the sources of the bundles import from elsewhere. */
function imports() {
  const { peerDependencies = {} } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  const sources = readdirSync(`${root}/src/js`, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts') && !/(^|[/\\])core[/\\]/.test(file));
  return sources.flatMap((file) => [...readFileSync(join(root, 'src/js', file), 'utf8').matchAll(/^(?:import|export)\b(?! type)[^'"\n]*from '([^.'][^']*)'|import\('([^.'][^']*)'\)/gm)])
    .map(([, one, two]) => one ?? two)
    // A peer is the user's own, and not in the bundles.
    .filter((name) => !name.startsWith('node:') && !Object.keys(peerDependencies).some((peer) => name === peer || name.startsWith(`${peer}/`)));
}
