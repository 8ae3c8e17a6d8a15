import { visible } from '../../../src/js/visible.js';
import { el } from '../dom.js';
import { Builder, blocksOf, type Block } from './build.js';
import { colourSoon } from './highlight.js';
import { clearPart, closeMarks } from './growing.js';
import { OpenFence } from './open-fence.js';
import { parse } from './parse.js';
import { patch, setData } from './patch.js';
import { OPEN } from '../text-view.js';

/** Longest end of a text, its last block, that is read again with each addition, in characters. */
export const EAGER = 16_384;
/** A longer one is read again when it has grown by this part of it: until then what was added is shown as it is written. */
const GROWN = 1 / 8;

/**
 * Growing Markdown. A block that another one follows is settled: it is not read again, and its elements stay. Of the last one only
 * what changed is touched.
 */
export class MarkdownView {
  readonly node = el('div', { class: 'text markdown' });
  private shown = '';
  private ended = false;
  /** Characters that the next one decides about. */
  private waits = '';
  /** What stands before them: whether a joiner joins is seen from both sides. */
  private before = '';
  /** The source behind the settled blocks, with what hides spelled out. */
  private source = '';
  /** How many of the elements are settled. */
  private settled = 0;
  private headings: number[] = [];
  private fence: { readonly lines: OpenFence; readonly text: Text } | undefined;
  /** Length of the source when it was read last, and of its part that is shown as blocks. */
  private readAt = 0;
  private drawn = 0;
  /** The end that is shown as it is written. */
  private raw: Text | undefined;

  /** `read`: reads blocks. */
  constructor(private readonly read: typeof parse = parse) {}

  /** `ended`: nothing more is coming. */
  show(text: string, ended: boolean): void {
    if (text === this.shown && (this.ended || !ended)) return;
    if (this.ended || !text.startsWith(this.shown)) this.restart();
    const added = this.spelled(text.slice(this.shown.length), ended);
    this.shown = text;
    this.ended = ended;
    this.source += this.fence ? this.toFence(this.fence, added) : added;
    if (!this.fence) this.draw();
  }

  /** What is shown stays until it is replaced. */
  private restart(): void {
    this.shown = this.waits = this.before = this.source = '';
    this.settled = this.readAt = this.drawn = 0;
    this.headings = [];
    this.fence = this.raw = undefined;
  }

  private spelled(added: string, ended: boolean): string {
    const text = this.waits + added;
    this.waits = ended ? '' : (OPEN.exec(text)?.[0] ?? '');
    const clear = text.slice(0, text.length - this.waits.length);
    const shown = visible(clear, this.before);
    this.before = (this.before + clear).slice(-4);
    return shown;
  }

  private draw(): void {
    const { length } = this.source;
    if (!this.ended && length > EAGER && length < this.readAt * (1 + GROWN)) return this.drawRaw();
    this.raw = undefined;
    let tokens = this.read(this.source);
    let shown = this.source;
    if (!this.ended) {
      shown = clearPart(this.source, tokens.at(-1)?.type === 'table_close');
      if (shown !== this.source) tokens = this.read(shown);
    }
    const blocks = blocksOf(tokens);
    const last = blocks.at(-1);
    if (!this.ended && last) {
      const fence = fenceOf(last, this.source);
      if (fence) return this.enter(fence, blocks, last);
      closeMarks(last.tokens, shown);
    }
    this.readAt = length;
    this.drawn = shown.length;
    this.put(blocks);
    if (!this.ended) this.settle(blocks, shown);
  }

  private put(blocks: readonly Block[]): void {
    const builder = new Builder([...this.headings]);
    patch(this.node, blocks.flatMap((block) => builder.build(block)), this.settled);
    const fresh = [...this.node.children].slice(this.settled);
    const codes = fresh.flatMap((node) => (node.matches('.code') ? [node] : [...node.querySelectorAll('.code')]));
    // The last one may still be written.
    for (const code of this.ended ? codes : codes.slice(0, -1)) if (code instanceof HTMLElement) colourSoon(code);
  }

  /** What stands before the last block whose beginning cannot change any more is not read again. */
  private settle(blocks: readonly Block[], source: string): void {
    const ends = lineEnds(source);
    const at = blocks.findLastIndex(({ type, line }) => line + (type === 'table_open' ? 1 : 0) < ends.length);
    const line = blocks[at]?.line ?? 0;
    if (at <= 0 || line === 0) return;
    this.pass(blocks.slice(0, at), (ends[line - 1] ?? 0) + 1);
  }

  private pass(blocks: readonly Block[], length: number): void {
    const builder = new Builder(this.headings);
    for (const { tokens } of blocks) for (const token of tokens) builder.passHeading(token);
    const until = this.settled + blocks.length;
    for (const node of [...this.node.children].slice(this.settled, until)) if (node instanceof HTMLElement && node.matches('.code')) colourSoon(node);
    this.settled = until;
    this.source = this.source.slice(length);
    this.readAt = Math.max(0, this.readAt - length);
    this.drawn = Math.max(0, this.drawn - length);
  }

  /** The last block is code, and goes on. */
  private enter({ lines, rest, token }: Fence, blocks: readonly Block[], last: Block): void {
    token.content = `${lines.text}\n`;
    this.put(blocks);
    const node = this.node.children[this.settled + blocks.length - 1];
    this.pass(blocks.slice(0, -1), 0);
    const code = node?.querySelector('code');
    if (lines.isOpen && code) {
      this.source = '';
      this.fence = { lines, text: onlyText(code) };
      return;
    }
    this.pass([last], 0);
    this.source = rest;
    this.readAt = this.drawn = 0;
    if (rest !== '') this.draw();
  }

  /** Gives what comes after the block. */
  private toFence({ lines, text }: NonNullable<MarkdownView['fence']>, added: string): string {
    const rest = lines.take(added, this.ended);
    setData(text, lines.text);
    if (lines.isOpen && !this.ended) return '';
    const block = this.node.children[this.settled];
    if (block instanceof HTMLElement) colourSoon(block);
    this.settled += 1;
    this.fence = undefined;
    this.readAt = this.drawn = 0;
    return rest;
  }

  private drawRaw(): void {
    if (!this.raw) {
      this.raw = document.createTextNode('');
      this.node.append(el('p', { class: 'prose' }, this.raw));
    }
    setData(this.raw, this.source.slice(this.drawn));
  }
}

type Fence = { readonly lines: OpenFence; readonly rest: string; readonly token: Block['tokens'][number] };

/** A block of code at the end that begins at the margin, with its first line whole. */
function fenceOf({ type, line, tokens: [token] }: Block, source: string): Fence | undefined {
  if (type !== 'fence' || token === undefined) return undefined;
  let start = 0;
  for (let at = 0; at < line; at += 1) start = source.indexOf('\n', start) + 1;
  const end = source.indexOf('\n', start);
  if (end < 0 || !source.startsWith(token.markup, start)) return undefined;
  const lines = new OpenFence(token.markup);
  return { lines, rest: lines.take(source.slice(end + 1), false), token };
}

/** The text of a block without colours. */
function onlyText(code: HTMLElement): Text {
  const { firstChild, childNodes } = code;
  if (childNodes.length === 1 && firstChild instanceof Text) return firstChild;
  const text = document.createTextNode(code.textContent ?? '');
  code.replaceChildren(text);
  return text;
}

function lineEnds(source: string): number[] {
  const ends: number[] = [];
  for (let at = source.indexOf('\n'); at >= 0; at = source.indexOf('\n', at + 1)) ends.push(at);
  return ends;
}
