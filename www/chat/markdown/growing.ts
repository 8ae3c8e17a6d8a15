// What is not clear yet at the end of a text that grows: a mark is not shown before it is known what it marks, and what was begun is
// shown as if it were ended, so that little jumps when the rest comes.
import { parseInline, type Token } from './parse.js';

/** Longest line at the end that waits for the next character, in characters. */
const LINE = 1_000;
/** Longest paragraph whose open marks are closed for the time being, in characters. */
const OPEN_MARKS = 4_000;

/** Marks alone in a line, which become a list, a heading, a rule, a table or plain text. */
const MARKS = /^[ \t>]*(?:[-+*=#>_~`|:]+|\d{1,9}[.)]?|`{3,}[^`]*|~{3,}[^~]*)[ \t]*$/;
/** The box of a task. */
const BOX = /^[ \t>]*(?:[-+*]|\d{1,9}[.)])[ \t]+\[[ xX]?\]?[ \t]*$/;
const ROW = /^ {0,3}\|/;
const UNDER_HEADER = /^[ \t|:-]*$/;

/** The beginning of `source` whose meaning is clear. `isTable`: it ends with a table. */
export function clearPart(source: string, isTable: boolean): string {
  const lastAt = source.lastIndexOf('\n') + 1;
  const previousAt = source.lastIndexOf('\n', lastAt - 2) + 1;
  if (source.length - previousAt > LINE) return source;
  const last = source.slice(lastAt);
  const previous = lastAt === 0 ? '' : source.slice(previousAt, lastAt - 1);
  if (!isTable) {
    // A first row is one only with the line below it.
    if (ROW.test(last) && !ROW.test(previous)) return source.slice(0, lastAt);
    const beforeAt = source.lastIndexOf('\n', previousAt - 2) + 1;
    const before = previousAt === 0 ? '' : source.slice(beforeAt, previousAt - 1);
    if (ROW.test(previous) && !ROW.test(before) && UNDER_HEADER.test(last)) return source.slice(0, previousAt);
  }
  if (isTable && ROW.test(last)) return source;
  return MARKS.test(last) || BOX.test(last) ? source.slice(0, lastAt) : source;
}

/** Shows what was begun at the end of these tokens as if it were ended. */
export function closeMarks(tokens: readonly Token[], source: string): void {
  const at = tokens.findLastIndex(({ nesting }) => nesting >= 0);
  const token = tokens[at];
  if (token?.type !== 'inline' || token.content === '' || token.content.length > OPEN_MARKS || source.endsWith('\n\n')) return;
  const closed = withMarksClosed(token.content);
  if (closed !== undefined) token.children = closed;
}

function withMarksClosed(content: string): Token[] | undefined {
  // A link whose address is not whole is shown as its text.
  const [link = '', label = ''] = /!?\[([^[\]\n]{0,300})\]\([^()\s]{0,2000}(?:\s["']?[^"'()\n]{0,300}["']?)?$/.exec(content) ?? [];
  let text = link === '' ? content : content.slice(0, -link.length) + label;
  const { open, dangling } = openMarks(text);
  text = text.slice(0, text.length - dangling).trimEnd();
  const marks = open.reverse().join('');
  if (marks === '') return text === content ? undefined : parseInline(text);
  const plain = parseInline(text);
  const closed = parseInline(text + marks);
  // Taken only if it closes what was meant: then the opening marks are gone as well.
  return lengthOf(closed) <= lengthOf(plain) - marks.length ? closed : plain;
}

/** The marks that are open at the end, and the length of one at the very end that marks nothing yet. */
function openMarks(text: string): { open: string[]; dangling: number } {
  const open: string[] = [];
  const runs = [...text.matchAll(/\\.|`+|\*+|_+|~+/gs)];
  let from = 0;
  for (const [at, { 0: run, index }] of runs.entries()) {
    if (index < from || run.startsWith('\\')) continue;
    const before = text[index - 1] ?? ' ';
    const after = text[index + run.length];
    if (run.startsWith('`')) {
      const end = runs.slice(at + 1).find(([other]) => other === run);
      if (end === undefined) {
        if (after === undefined) return { open, dangling: run.length };
        return { open: [...open, run], dangling: 0 };
      }
      from = end.index + run.length;
    } else if (!/\s/.test(before) && open.at(-1) === run) open.pop();
    else if (after === undefined) return { open, dangling: run.length };
    else if (!/\s/.test(after) && /[\s\p{P}]/u.test(before) && run.length <= 3 && !(run.startsWith('~') && run.length !== 2)) open.push(run);
  }
  return { open, dangling: 0 };
}

function lengthOf(tokens: readonly Token[]): number {
  return tokens.reduce((length, { content }) => length + content.length, 0);
}
