/** A fence of a code block, with what stands after it. */
const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;
/** Goes on with a list, or is indented below something. */
const CONTINUES = /^(?:[ \t]|[-*+](?:[ \t]|$)|\d{1,9}[.)](?:[ \t]|$))/;
/** The address of a link that is used by name, `[name]: address`. A footnote has more to it than its line. */
const DEFINITION = /^ {0,3}\[(?!\^)[^\]\n]+\]:[ \t]*\S.*$/gm;
const FOOTNOTE = /^ {0,3}\[\^[^\]\n]+\]:/m;

/**
 * Splits Markdown at blank lines into pieces that can be rendered each for itself. All but the last stay as they are while the text
 * grows at its end, so that a long answer is not rendered anew with every word.
 */
export function blocksOf(text: string): string[] {
  if (FOOTNOTE.test(text)) return [text];
  const blocks: string[] = [];
  let lines: string[] = [];
  let fence: string | undefined;
  let isBlank = false;
  for (const line of text.split('\n')) {
    const found = FENCE.exec(line);
    if (fence === undefined && isBlank && lines.length > 0 && !CONTINUES.test(line) && line.trim() !== '') {
      blocks.push(lines.join('\n'));
      lines = [];
    }
    if (found) {
      const [, mark = '', info = ''] = found;
      if (fence === undefined && !(mark.startsWith('`') && info.includes('`'))) fence = mark;
      else if (fence !== undefined && mark.startsWith(fence) && info.trim() === '') fence = undefined;
    }
    isBlank = line.trim() === '';
    lines.push(line);
  }
  blocks.push(lines.join('\n'));
  const definitions = text.match(DEFINITION)?.join('\n');
  return definitions === undefined ? blocks : blocks.map((block) => `${block}\n\n${definitions}`);
}
