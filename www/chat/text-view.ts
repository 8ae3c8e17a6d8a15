import { visible } from '../../src/js/visible.js';
import { el } from './dom.js';
import { codeBlock } from './markdown/code-block.js';

/**
 * Growing text as a person wrote it, pre-wrapped, with fenced code in blocks of its own. Added text is appended to the last text node;
 * what is on the screen is not touched, so that a selection in it stays.
 */
export class TextView {
  readonly node = el('div', { class: 'text', dir: 'auto' });
  private shown = '';
  private ended = false;
  /** Start of a line that may become a fence: shown only when it is clear. */
  private held = '';
  private lineStart = true;
  /** The fence that opened the block we are in. */
  private fence = '';
  private run = '';
  /** What stands before the run: whether a joiner joins is seen from both sides. */
  private before = '';
  private target: Text | undefined;

  /** `fences: false` shows fences as they are, for text whose beginning is not known. */
  constructor(private readonly options: { readonly fences: boolean } = { fences: true }) {}

  /** `ended`: nothing more is coming, so a held line is shown too. */
  show(text: string, ended: boolean): void {
    if (text === this.shown && (this.ended || !ended)) return;
    if (this.ended || !text.startsWith(this.shown)) this.clear();
    this.feed(text.slice(this.shown.length));
    this.shown = text;
    if (ended) this.finish();
  }

  private clear(): void {
    this.node.replaceChildren();
    this.shown = this.held = this.fence = this.run = this.before = '';
    this.ended = false;
    this.lineStart = true;
    this.target = undefined;
  }

  private feed(delta: string): void {
    let rest = this.held + delta;
    this.held = '';
    while (rest !== '') {
      const end = rest.indexOf('\n');
      const line = end < 0 ? rest : rest.slice(0, end);
      if (this.lineStart && this.options.fences) {
        if (end < 0 && this.mayBeFence(line)) {
          this.held = rest;
          break;
        }
        if (end >= 0 && this.isFence(line)) {
          this.toggle(line);
          rest = rest.slice(end + 1);
          continue;
        }
      }
      this.run += end < 0 ? rest : rest.slice(0, end + 1);
      this.lineStart = end >= 0;
      rest = end < 0 ? '' : rest.slice(end + 1);
    }
    this.flush();
  }

  private finish(): void {
    this.ended = true;
    const line = this.held;
    this.held = '';
    if (this.fence === '' || !this.isFence(line)) this.run += line;
    this.flush();
  }

  private mayBeFence(line: string): boolean {
    return this.fence === '' ? /^ {0,3}(?:`{0,2}|`{3,}[^`]*)$/.test(line) : /^ {0,3}(?:`+[ \t\r]*)?$/.test(line);
  }

  private isFence(line: string): boolean {
    if (this.fence === '') return /^ {0,3}`{3,}[^`]*$/.test(line);
    const ticks = /^ {0,3}(`{3,})[ \t\r]*$/.exec(line)?.[1];
    return ticks !== undefined && ticks.length >= this.fence.length;
  }

  private toggle(line: string): void {
    this.flush();
    this.target = undefined;
    if (this.fence !== '') {
      this.fence = '';
      return;
    }
    const [, ticks = '```', language = ''] = /^ *(`+)\s*(\S*)/.exec(line) ?? [];
    this.fence = ticks;
    const block = codeBlock('', language);
    this.target = document.createTextNode('');
    block.querySelector('code')?.replaceChildren(this.target);
    this.node.append(block);
  }

  private flush(): void {
    // What the next character decides about waits for it.
    const waits = this.ended ? '' : (OPEN.exec(this.run)?.[0] ?? '');
    const run = this.run.slice(0, this.run.length - waits.length);
    this.run = waits;
    if (run === '') return;
    const added = visible(run, this.before);
    this.before = run.slice(-4);
    if (this.target) return this.target.appendData(added);
    this.target = document.createTextNode(added);
    this.node.append(el('p', { class: 'prose', dir: 'auto' }, this.target));
  }
}

/** The end of a text that may go on: the first half of a line end or of a character, a joiner, or a sign for what stands on both its sides. */
export const OPEN = /(?:\r|\u200c|\u200d|\ufe0f|[\ud800-\udbff])$/;
