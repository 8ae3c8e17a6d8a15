// What the lock files bring in: crates as `cargo metadata` tells them, and npm packages.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { root } from './tools.mjs';

/**
 * @typedef {object} Crate
 * @property {string} id
 * @property {string} name
 * @property {string} version
 * @property {string | null} license
 * @property {string | null} source `null`: of this repository
 * @property {string} manifest_path
 * @property {string[]} authors
 * @property {{ kind: string[] }[]} targets
 *
 * @typedef {{ id: string, deps: { pkg: string, dep_kinds: { kind: string | null }[] }[] }} Node
 * @typedef {{ packages: Crate[], resolve: { nodes: Node[], root: string } }} Metadata
 */

/** @param {string[]} args of `cargo metadata` @param {string} [folder] @returns {Metadata} */
export function crates(args, folder = root) {
  return JSON.parse(execFileSync('cargo', ['metadata', '--locked', '--format-version', '1', ...args], { cwd: folder, encoding: 'utf8', maxBuffer: 64 << 20, stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** The crates whose code stands in the wasm files: what is used at run time, without macros and what they are made of. @returns {Crate[]} */
export function shipped() {
  const { packages, resolve } = crates(['--filter-platform', 'wasm32-unknown-unknown', '--no-default-features', '--features', 'page,keeper,v2,provider']);
  const byId = new Map(packages.map((each) => [each.id, each]));
  const nodes = new Map(resolve.nodes.map((each) => [each.id, each]));
  const found = new Set();
  const walk = (/** @type {string} */ id) => {
    const crate = byId.get(id);
    if (found.has(id) || crate === undefined || crate.targets.some(({ kind }) => kind.includes('proc-macro'))) return;
    found.add(id);
    for (const { pkg, dep_kinds } of nodes.get(id)?.deps ?? []) if (dep_kinds.some(({ kind }) => kind === null)) walk(pkg);
  };
  walk(resolve.root);
  found.delete(resolve.root);
  return [...found].map((id) => /** @type {Crate} */ (byId.get(id))).sort((a, b) => a.name.localeCompare(b.name));
}

/** @typedef {{ version: string, license?: string, resolved?: string, integrity?: string, hasInstallScript?: boolean, link?: boolean }} Package */
/** @param {string} file a package-lock.json @returns {[string, Package][]} by folder */
export function npmPackages(file) {
  return Object.entries(JSON.parse(readFileSync(`${root}/${file}`, 'utf8')).packages).filter(([folder]) => folder !== '');
}

/** Whether an SPDX expression can be met with these licences alone. @param {string} expression @param {ReadonlySet<string>} allowed */
export function isLicensed(expression, allowed) {
  // Cargo's old form of OR.
  const tokens = expression.replaceAll('/', ' OR ').match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const either = () => {
    let value = both();
    while (tokens[at] === 'OR') {
      at += 1;
      value = both() || value;
    }
    return value;
  };
  const both = () => {
    let value = one();
    while (tokens[at] === 'AND') {
      at += 1;
      value = one() && value;
    }
    return value;
  };
  const one = () => {
    if (tokens[at] === '(') {
      at += 1;
      const value = either();
      if (tokens[at] !== ')') throw new Error(`no SPDX expression: ${expression}`);
      at += 1;
      return value;
    }
    const name = tokens[at] ?? '';
    at += 1;
    if (tokens[at] !== 'WITH') return allowed.has(name);
    at += 2;
    return allowed.has(`${name} WITH ${tokens[at - 1]}`);
  };
  const value = either();
  if (at !== tokens.length) throw new Error(`no SPDX expression: ${expression}`);
  return value;
}

/**
 * What is wrong with crates of others.
 * @param {Pick<Crate, 'name' | 'version' | 'license' | 'source'>[]} list
 * @param {{ licences: ReadonlySet<string>, sources: ReadonlySet<string>, skipped: string[][] }} allowed `skipped`: names and beginnings of versions that may be there beside others
 */
export function wrongCrates(list, { licences, sources, skipped }) {
  /** @type {string[]} */
  const wrong = list.length < 3 ? ['too few crates to be all'] : [];
  /** @type {Map<string, string[]>} */
  const versions = new Map();
  for (const { name, version, license, source } of list) {
    if (!license || !isLicensed(license, licences)) wrong.push(`${name} ${version}: its licence is ${license ?? 'not told'}`);
    if (!sources.has(source ?? '')) wrong.push(`${name} ${version}: comes from ${source}`);
    if (!skipped.some(([own, start = '']) => own === name && version.startsWith(start))) versions.set(name, [...(versions.get(name) ?? []), version]);
  }
  for (const [name, all] of versions) if (all.length > 1) wrong.push(`${name} is there ${all.length} times: ${all.join(', ')}`);
  return wrong;
}

/** Crates of others without a checksum. @param {string} lock the text of a Cargo.lock */
export function wrongChecksums(lock) {
  const all = lock.split('[[package]]').slice(1);
  return all.filter((each) => /^source = /m.test(each) && !/^checksum = "[0-9a-f]{64}"$/m.test(each)).map((each) => `no checksum of ${/name = "(.*)"/.exec(each)?.[1]}`);
}

/**
 * What is wrong with packages of npm.
 * @param {[string, Package][]} list @param {{ licences: ReadonlySet<string>, scripts: readonly string[] }} allowed `scripts`: packages that may run one when they are installed
 */
export function wrongPackages(list, { licences, scripts }) {
  /** @type {string[]} */
  const wrong = list.length < 3 ? ['too few packages to be all'] : [];
  for (const [folder, { version, license, resolved, integrity, hasInstallScript, link }] of list) {
    const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (link) continue;
    if (license === undefined || !isLicensed(license, licences)) wrong.push(`${name} ${version}: its licence is ${license ?? 'not told'}`);
    if (!/^sha512-/.test(integrity ?? '')) wrong.push(`no checksum of ${name} ${version}`);
    if (resolved !== undefined && !resolved.startsWith('https://')) wrong.push(`${name} ${version} comes from ${resolved}`);
    if (hasInstallScript && !scripts.includes(name)) wrong.push(`${name} ${version} runs a script when it is installed`);
  }
  return wrong;
}
