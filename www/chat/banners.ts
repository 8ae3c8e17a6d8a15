import { sentenceOf } from 'opencode-session/problem';
import { button, el } from './dom.js';
import type { Problem } from './problem.js';

/** What a banner offers beside its text. */
export interface BannerAction {
  readonly label: string;
  run(): void;
}

interface Shown {
  readonly problem: Problem;
  readonly node: HTMLElement;
}

/** Problems at the top of the page, one per cause; each says what went wrong and what to do. */
export class Banners {
  private readonly shown = new Map<string, Shown>();

  constructor(private readonly parent: HTMLElement) {}

  /** Shows, replaces or (with undefined) takes away the banner of one cause. */
  set(cause: string, problem: Problem | undefined, action?: BannerAction): void {
    const last = this.shown.get(cause);
    if (last && problem && same(last.problem, problem)) return;
    last?.node.remove();
    this.shown.delete(cause);
    if (problem) {
      const node = this.build(cause, problem, action);
      this.shown.set(cause, { problem, node });
      this.parent.append(node);
    }
    this.hideRepeats();
  }

  /** A server that is away fails every request: that is one problem to a person. */
  private hideRepeats(): void {
    const codes = new Set<string>();
    for (const { problem, node } of this.shown.values()) {
      node.hidden = codes.has(problem.code);
      codes.add(problem.code);
    }
  }

  private build(cause: string, problem: Problem, action: BannerAction | undefined): HTMLElement {
    // For the person first; then for who runs the page.
    const sentence = sentenceOf(problem);
    return el('div', { class: 'banner', 'data-testid': 'banner', 'data-code': problem.code },
      el('div', { class: 'banner-text' },
        el('p', {}, el('strong', {}, sentence)),
        el('p', { class: 'hint' }, sentence === problem.message ? problem.hint : `${problem.message} ${problem.hint}`.trim())),
      action && button(action.label, {}, () => action.run()),
      button('', { class: 'icon close', 'aria-label': 'Dismiss this message' }, () => {
        // Kept as shown, so that the same problem does not come back with the next frame.
        this.shown.get(cause)?.node.remove();
      }));
  }
}

function same(a: Problem, b: Problem): boolean {
  return a.code === b.code && a.message === b.message && a.hint === b.hint;
}
