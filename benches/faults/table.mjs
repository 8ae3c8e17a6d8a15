/** The table of README.md, between two marks. */
import { readFileSync, writeFileSync } from 'node:fs';

const MARKS = ['<!-- faults: begin -->', '<!-- faults: end -->'];
const README = new URL('../../README.md', import.meta.url);

/** @typedef {{ name: string, title: string, cells: Record<string, import('./oracle.mjs').Verdict> }} Row */

/** @param {Row[]} rows @param {{ name: string, title: string }[]} rivals */
export function markdown(rows, rivals) {
  const lines = [['fault', ...rivals.map(({ title }) => title)], ['---', ...rivals.map(() => '---')]];
  for (const { title, cells } of rows) lines.push([title, ...rivals.map(({ name }) => cells[name]?.cell ?? '')]);
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Puts the table into README.md. Rows that this run did not measure stay as they were. @param {string} table */
export function write(table) {
  const text = readFileSync(README, 'utf8');
  const [begin, end] = MARKS.map((mark) => text.indexOf(mark));
  if (begin < 0 || end < begin) throw new Error(`README.md has no lines ${MARKS.join(' and ')}`);
  const [head, line, ...fresh] = table.split('\n');
  const known = text.slice(begin + MARKS[0].length, end).trim().split('\n').filter((row) => row.startsWith('|'));
  // Another choice of columns: the older rows do not fit.
  const rows = known[0] === head ? merge(known.slice(2), fresh) : fresh;
  const body = [MARKS[0], head, line, ...rows, ''].join('\n');
  writeFileSync(README, text.slice(0, begin) + body + text.slice(end));
}

/** @param {string[]} known @param {string[]} fresh */
function merge(known, fresh) {
  const title = (row) => row.split('|')[1].trim();
  const left = new Map(fresh.map((row) => [title(row), row]));
  const rows = known.map((row) => {
    const found = left.get(title(row));
    left.delete(title(row));
    return found ?? row;
  });
  return [...rows, ...left.values()];
}
