// From a block of a page to a module that can be checked and run.
import { examples } from './pages.mjs';

/** @typedef {import('./pages.mjs').Example} Example */

/**
 * A block that imports `createClient` is a whole module. Any other one is the inside of a function of the reader's: it stands in
 * braces behind what docs/README.md says that all examples have, and behind the page's own hidden setup.
 * @param {Example} example
 */
export function compose({ code, setup, check }) {
  if (/^import .*createClient.* from /m.test(code)) return `${code}\n${check}\nexport {};\n`;
  const [imports, rest] = split(code);
  const [more, before] = split(setup);
  return `${common()}${more}${imports}${before}\n{\n${rest}\n${check}\n}\nexport {};\n`;
}

/** What all examples have: the first TypeScript block of docs/README.md. */
export function common() {
  const found = examples('docs/README.md').find(({ kind }) => kind === 'ts');
  if (found === undefined) throw new Error('docs/README.md does not say what all examples have');
  return found.code;
}

/** Where the examples' addresses lead when they are run. @param {string} code @param {Record<string, string>} addresses */
export function located(code, addresses) {
  for (const [written, real] of Object.entries(addresses)) code = code.replaceAll(written, real);
  return code;
}

/** A name for the files of an example. @param {Example} example */
export const nameOf = ({ page, line }) => `${page.replace(/\.md$/, '').replace(/\W+/g, '-')}-${line}`;

/** @param {string} code @returns {[string, string]} imports, and what is left */
function split(code) {
  const imports = code.match(/^import .*;\n?/gm) ?? [];
  return [imports.map((line) => `${line.trimEnd()}\n`).join(''), code.replace(/^import .*;\n?/gm, '')];
}
