import type { Part } from 'opencode-session';
import { el, place, setAttribute, setText } from '../chat/dom.js';

/** What a reader shows, for the comparison with the server. */
export interface Shown {
  readonly text: string;
  /** It says itself that text is missing. */
  readonly gapped: boolean;
}

/** A reader may be this many characters behind: what is on its way. */
const NEAR = 60;

/** One reader: its phase, the verdict, its parts and the end of the text. */
export class View {
  private readonly phase = el('p', { class: 'phase', 'data-testid': 'phase' });
  private readonly verdict = el('p', { class: 'verdict', 'data-testid': 'verdict' });
  private readonly parts = el('ul', { class: 'parts', 'data-testid': 'parts', 'aria-label': 'Parts of the newest answer' });
  private readonly text = el('pre', { class: 'shown', 'data-testid': 'shown', role: 'group', tabindex: 0, 'aria-label': 'The text that is shown' });

  constructor(node: HTMLElement) {
    node.append(this.phase, this.verdict, this.parts, this.text);
  }

  /** @param server all text of the answers that the server has made so far */
  show(phase: string, shown: Shown, server: string, parts: readonly Part[] = []): void {
    setText(this.phase, phase);
    const { kind, words } = compare(shown, server);
    setAttribute(this.verdict, 'data-kind', kind);
    setText(this.verdict, words);
    setText(this.text, shown.text);
    // The end is where something happens.
    this.text.scrollTop = this.text.scrollHeight;
    this.showParts(parts.filter(({ type }) => type === 'text' || type === 'reasoning' || type === 'tool'));
  }

  private showParts(parts: readonly Part[]): void {
    const rows = parts.map((part, index) => {
      const row = this.parts.children[index] ?? el('li', { class: 'part-row' });
      setAttribute(row, 'data-continuity', part.continuity);
      setText(row, describe(part));
      return row;
    });
    place(this.parts, rows);
  }
}

/** How whole a part is, in words. */
function describe({ type, continuity, text = '', gap, tail = '' }: Part): string {
  if (continuity === 'gapped') return `${type}: gapped at ${gap?.at ?? text.length}, tail of ${tail.length} characters`;
  return `${type}: ${continuity}, ${text.length} characters`;
}

export function compare({ text, gapped }: Shown, server: string): { kind: string; words: string } {
  const [shown, said] = [text.trimEnd(), server.trimEnd()];
  const missing = said.length - shown.length;
  if (gapped) return { kind: 'gap', words: '◐ Says that text is missing; it comes when the part ends' };
  if (!said.startsWith(shown) && !shown.startsWith(said)) return { kind: 'wrong', words: '✕ Wrong: shown as whole, but the server said something else' };
  if (missing > NEAR) return { kind: 'behind', words: `… ${missing} characters behind the server` };
  return { kind: 'right', words: '✓ The same as the server' };
}
