import type { Part } from 'opencode-session';
import { el, setText } from './dom.js';
import { MarkdownView } from './markdown/markdown-view.js';
import { TextView } from './text-view.js';
import type { PartView } from './part-view.js';

/** An answer's text as Markdown, or a prompt's as it was written, with a visible mark where text was missed. */
export class TextPart implements PartView {
  readonly node = el('div', { class: 'part text-part' });
  private readonly body: PartText;

  constructor(isPrompt: boolean) {
    this.body = new PartText(isPrompt ? new TextView() : new MarkdownView());
    this.node.append(this.body.node);
  }

  update(part: Part): void {
    this.body.update(part);
  }
}

/** The model's thinking, folded. */
export class ReasoningPart implements PartView {
  readonly node = el('details', { class: 'part reasoning' });
  private readonly summary = el('summary');
  private readonly body = new PartText(new MarkdownView());

  constructor() {
    this.node.append(this.summary, this.body.node);
  }

  update(part: Part): void {
    setText(this.summary, this.title(part));
    this.body.update(part);
  }

  private title(part: Part): string {
    if (part.continuity === 'streaming') return 'Thinking…';
    const { start, end } = part.time ?? {};
    if (start === undefined || end === undefined || end - start < 1000) return 'Thought';
    return `Thought for ${Math.round((end - start) / 1000)} s`;
  }
}

/** The text of a part: one run, or its beginning, a mark and what came after the hole. */
class PartText {
  readonly node = el('div', { class: 'part-text' });
  private readonly mark = el('p', { class: 'gap', 'data-testid': 'gap' },
    '… some text was missed while disconnected; it appears when this part ends …');
  private readonly broken = el('p', { class: 'gap', 'data-testid': 'interrupted' }, '… the answer broke off here');
  private tail: TextView | undefined;

  constructor(private readonly head: TextView | MarkdownView) {
    this.node.append(this.head.node);
  }

  update(part: Part): void {
    const gapped = part.continuity === 'gapped';
    this.head.show(part.text ?? '', part.continuity !== 'streaming');
    if (gapped) this.showTail(part.tail ?? '');
    else this.hideTail();
    if (part.continuity === 'interrupted') this.node.append(this.broken);
    else this.broken.remove();
  }

  private showTail(text: string): void {
    if (!this.tail) {
      // A mark in the tail may open or close something: without the missed text nobody knows which.
      this.tail = new TextView({ fences: false });
      this.node.append(this.mark, this.tail.node);
    }
    this.tail.show(text, false);
  }

  private hideTail(): void {
    if (!this.tail) return;
    this.mark.remove();
    this.tail.node.remove();
    this.tail = undefined;
  }
}
