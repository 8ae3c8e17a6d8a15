// Whether something built is older than what it is built from.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} product a built file
 * @param {string[]} sources files and folders
 * @param {string[]} [generated] folders inside of them that the build itself writes
 */
export function isStale(product, sources, generated = []) {
  const built = changed(product);
  return built === 0 || sources.some((source) => newest(source, generated) > built);
}

/** @param {string} path @param {string[]} skip @returns {number} */
function newest(path, skip) {
  if (skip.includes(path)) return 0;
  const own = changed(path);
  if (own === 0 || !statSync(path).isDirectory()) return own;
  // Only files count: the build itself touches the times of folders.
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name), skip)));
}

/** @param {string} path */
function changed(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
