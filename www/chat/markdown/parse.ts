import MarkdownIt, { type Token } from 'markdown-it';
import { addressOf } from './address.js';

export type { Token };

/** Levels of quotes, lists and their items inside one another: what lies deeper is shown as it is written. */
export const NEST = 24;
/** Characters of one paragraph, heading or cell that are searched for emphasis and links: a longer one is shown as it is written. */
const INLINE = 50_000;

// Markup stays text. Typographic changes are off: what is shown is what was said.
const markdown = new MarkdownIt({ html: false, linkify: true, typographer: false, maxNesting: 4 * NEST });
// Addresses that stand apart from their links would change what was shown long before.
markdown.disable('reference');
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
for (const schema of ['ftp:', '//']) markdown.linkify.add(schema, null);
markdown.validateLink = (address) => addressOf(address) !== undefined;
// An address is shown as it was said, not as it could also be written.
markdown.normalizeLinkText = (text) => text;

// Beyond its own limit the parser leaves out what it does not read.
markdown.block.ruler.before('table', 'deep', (state, start, end, silent) => {
  if (state.level < NEST || silent) return false;
  let line = start;
  while (line < end && (state.isEmpty(line) || (state.sCount[line] ?? 0) >= state.blkIndent)) line += 1;
  while (line > start + 1 && state.isEmpty(line - 1)) line -= 1;
  const token = state.push('plain', 'p', 0);
  token.content = state.getLines(start, line, state.blkIndent, false);
  token.map = [start, line];
  state.line = line;
  return true;
});

markdown.core.ruler.at('inline', ({ tokens, env, md, Token: Made }) => {
  for (const token of tokens) {
    if (token.type !== 'inline') continue;
    token.children = [];
    if (token.content.length <= INLINE) md.inline.parse(token.content, md, env, token.children);
    else token.children.push(Object.assign(new Made('text', '', 0), { content: token.content }));
  }
});

/** The blocks of a text, as a flat list. */
export function parse(source: string): Token[] {
  return markdown.parse(source, {});
}

/** What a single paragraph holds. */
export function parseInline(content: string): Token[] {
  return markdown.parseInline(content, {})[0]?.children ?? [];
}
