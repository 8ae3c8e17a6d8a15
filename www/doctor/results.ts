import type { CheckResult, CheckStart, Report } from 'opencode-session/doctor';
import { inLine } from '../../src/js/visible.js';
import { el, setText } from '../chat/dom.js';

const MARKS = { passed: '✓', failed: '✗', skipped: '⊘', running: '…' } as const;

/** The list of checks. What a server says is text, never markup. */
export class Results {
  readonly #list: HTMLElement;
  readonly #summary: HTMLElement;
  readonly #shown = new Map<string, HTMLElement>();

  constructor(list: HTMLElement, summary: HTMLElement) {
    this.#list = list;
    this.#summary = summary;
  }

  clear(): void {
    this.#shown.clear();
    this.#list.replaceChildren();
    this.#summary.textContent = '';
  }

  show(check: CheckStart | CheckResult): void {
    const running = check.status === 'running';
    const time = running ? '' : `${(check.time / 1_000).toFixed(2)} s`;
    const item = el(
      'li',
      { 'data-testid': `check-${check.name}`, 'data-status': check.status },
      el('h3', {}, el('span', {}, MARKS[check.status]), el('span', {}, check.title), el('span', {}, time)),
      running ? undefined : el('p', {}, inLine(check.detail)),
      running || check.remedy === undefined ? undefined : el('p', { class: 'remedy' }, inLine(`→ ${check.remedy}`)),
    );
    const shown = this.#shown.get(check.name);
    if (shown === undefined) this.#list.append(item);
    else shown.replaceWith(item);
    this.#shown.set(check.name, item);
  }

  end({ passed, failed, skipped, time }: Report): void {
    this.#summary.textContent = `${passed} passed, ${failed} failed, ${skipped} skipped, ${(time / 1_000).toFixed(1)} s`;
  }

  /** The options could not be used. */
  refuse(error: unknown): void {
    const { message, hint } = error as { message?: string; hint?: string };
    setText(this.#summary, inLine([message ?? 'The doctor could not begin.', hint].filter(Boolean).join(' ')));
  }
}
