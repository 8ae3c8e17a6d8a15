/** A fence of a code block, with what stands after it. */
const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;
/** Goes on with a list, or may yet do so, or is indented below something. */
const CONTINUES = /^(?:[ \t]|[-*+](?:[ \t]|$)|\d{1,9}(?:[.)](?:[ \t]|$)|$))/;
/** The address of a link that is used by name, `[name]: address`. */
const DEFINITION = /^ {0,3}\[(?!\^)[^\]]+\]:[ \t]*\S/;
/** A footnote: it has more to it than its line, and is shown at the end. */
const FOOTNOTE = /^ {0,3}\[\^[^\]]+\]:/;

/**
 * Splits Markdown at blank lines into pieces that can be rendered each for itself. All but the last stay as they are while the text
 * grows at its end, so that a long answer is not rendered anew with every word.
 */
export function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  const definitions: string[] = [];
  let lines: string[] = [];
  let fence: string | undefined;
  let isBlank = false;
  for (const line of text.split('\n')) {
    const isEmpty = line.trim() === '';
    if (fence === undefined) {
      if (FOOTNOTE.test(line)) return [text];
      if (DEFINITION.test(line)) definitions.push(line);
      if (isBlank && !isEmpty && !CONTINUES.test(line)) {
        blocks.push(lines.join('\n'));
        lines = [];
      }
    }
    fence = fenceAfter(line, fence);
    isBlank = isEmpty;
    lines.push(line);
  }
  blocks.push(lines.join('\n'));
  if (definitions.length === 0) return blocks;
  // Each block has to know them; one that is a code block still would show them.
  const isCode = fence !== undefined;
  return blocks.map((block, at) => (isCode && at === blocks.length - 1 ? block : `${block}\n\n${definitions.join('\n')}`));
}

/** The mark of the code block that a line is in, begins or leaves behind. */
function fenceAfter(line: string, fence: string | undefined): string | undefined {
  const [, mark = '', info = ''] = FENCE.exec(line) ?? [];
  if (mark === '') return fence;
  if (fence === undefined) return mark.startsWith('`') && info.includes('`') ? undefined : mark;
  return mark.startsWith(fence) && info.trim() === '' ? undefined : fence;
}
