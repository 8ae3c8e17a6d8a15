// What stands in the Markdown pages: examples with their hidden context, headings, links, tables.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * @typedef {object} Example
 * @property {string} page path of the page
 * @property {number} line of its first line
 * @property {string} kind what stands behind the fence: ts, js, tsx, html, sh, http …
 * @property {string} file name for the blocks beside it, when the fence gives one
 * @property {string} code
 * @property {string} setup the last `<!-- setup … -->` before it
 * @property {string} check the `<!-- check … -->` directly after it
 * @property {number} end where it ends in the page
 */

/** All pages of the repository, by path. */
export function pages() {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: ROOT, encoding: 'utf8' });
  return listed.split('\n').filter(Boolean).sort();
}

/** Those that are for users: their examples are run. */
export const userPages = () => pages().filter((path) => path === 'README.md' || path.startsWith('docs/'));

/** @param {string} path */
export const read = (path) => readFileSync(join(ROOT, path), 'utf8');

/**
 * The fenced blocks of a page, in order.
 * @param {string} page @param {string} [text] @returns {Example[]}
 */
export function examples(page, text = read(page)) {
  /** @type {Example[]} */
  const found = [];
  let setup = '';
  // A fence, or a comment for the examples; whichever begins first.
  for (const match of text.matchAll(/^```(\w*)(?: (\S+))?\n(.*?)^```$|^<!-- (setup|check)\b(.*?)-->$/gms)) {
    const [, kind, file = '', code, role, hidden] = match;
    const line = text.slice(0, match.index).split('\n').length;
    if (role === 'setup') setup = hidden.trim();
    else if (role === 'check') {
      const last = found.at(-1);
      const between = last && text.slice(last.end, match.index);
      if (between?.trim() !== '' || last.check) throw new Error(`${page}:${line}: this check does not follow its example`);
      last.check = hidden.trim();
    } else found.push({ page, line: line + 1, kind, file, code, setup, check: '', end: match.index + match[0].length });
  }
  const fences = text.match(/^ *(```|~~~)/gm)?.length ?? 0;
  if (fences !== found.length * 2) throw new Error(`${page}: a fence is not closed, or is indented`);
  return found;
}

/** The anchors of a page, as GitHub makes them. @param {string} text */
export function anchors(text) {
  const seen = new Map();
  const found = new Set();
  for (const [, title] of prose(text).matchAll(/^#{1,6} (.+?)\s*$/gm)) {
    const plain = title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/`/g, '');
    const base = plain.toLowerCase().replace(/[^\p{L}\p{N}\p{M}\p{Pc} -]/gu, '').replace(/ /g, '-');
    const count = seen.get(base) ?? 0;
    seen.set(base, count + 1);
    found.add(count === 0 ? base : `${base}-${count}`);
  }
  return found;
}

/** The targets of a page's links. @param {string} text */
export function links(text) {
  const plain = prose(text).replace(/(`+)[^`].*?\1/gs, '');
  const inline = [...plain.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)].map(([, target]) => target);
  const named = [...plain.matchAll(/^\[[^\]]+\]: *(\S+)/gm)].map(([, target]) => target);
  const html = [...plain.matchAll(/\b(?:href|src)="([^"]+)"/g)].map(([, target]) => target);
  return [...inline, ...named, ...html];
}

/** Rows of all tables of a page: cells without back quotes. @param {string} text @returns {string[][]} */
export function rows(text) {
  const lines = prose(text).split('\n').filter((line) => line.startsWith('|') && !/^\|[\s|:-]+\|$/.test(line));
  return lines.map((line) => line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/`/g, '')));
}

/** A page without its blocks and comments. @param {string} text */
const prose = (text) => text.replace(/^```.*?^```$/gms, '').replace(/<!--.*?-->/gs, '');
