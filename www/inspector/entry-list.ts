import { inLine } from '../../src/js/visible.js';
import { el, setAttribute, setText } from '../chat/dom.js';
import { KINDS, type Kind, type Row } from './rows.js';

/** Lines in the page at once; a recording has more. */
const WINDOW = 400;
/** Lines that a page key walks. */
const PAGE = 15;

/** The list of entries: a list box of which only a window is in the page. */
export class EntryList {
  private all: readonly Row[] = [];
  private rows: readonly Row[] = [];
  private from = 0;
  private selected = -1;
  private readonly hidden = new Set<Kind>(['inside']);

  /** @param choose is told of the entry that was chosen */
  constructor(
    private readonly node: HTMLElement,
    private readonly note: HTMLElement,
    kinds: HTMLElement,
    private readonly choose: (entry: number) => void,
  ) {
    for (const [kind, label] of Object.entries(KINDS) as [Kind, string][]) {
      const box = el('input', { type: 'checkbox', 'data-testid': `kind-${kind}`, checked: !this.hidden.has(kind) });
      box.addEventListener('change', () => this.toggle(kind, box.checked));
      kinds.append(el('label', {}, box, label));
    }
    node.addEventListener('click', (event) => {
      const line = event.target instanceof Element ? event.target.closest('li') : null;
      if (line) this.go(Number(line.getAttribute('data-index')));
    });
    node.addEventListener('keydown', (event) => this.key(event));
  }

  show(rows: readonly Row[]): void {
    this.all = rows;
    this.selected = -1;
    this.filter(undefined);
  }

  /** Marks the line of an entry, or the nearest one before it that is listed. */
  select(entry: number): void {
    const found = this.rows.findLastIndex((row) => row.entry <= entry);
    this.selected = this.rows.length === 0 ? -1 : Math.max(0, found);
    if (this.selected < this.from || this.selected >= this.from + WINDOW) this.from = Math.max(0, this.selected - WINDOW / 2);
    this.draw();
    this.reveal(this.node.querySelector<HTMLElement>('[aria-selected="true"]'));
  }

  /** Scrolls the list, and nothing but the list. */
  private reveal(line: HTMLElement | null): void {
    if (!line) return;
    const top = line.offsetTop - this.node.offsetTop;
    const { scrollTop, clientHeight } = this.node;
    if (top < scrollTop) this.node.scrollTop = top;
    else if (top + line.offsetHeight > scrollTop + clientHeight) this.node.scrollTop = top + line.offsetHeight - clientHeight;
  }

  private toggle(kind: Kind, shown: boolean): void {
    if (shown) this.hidden.delete(kind);
    else this.hidden.add(kind);
    this.filter(this.rows[this.selected]?.entry);
  }

  private filter(entry: number | undefined): void {
    this.rows = this.all.filter(({ kind }) => !this.hidden.has(kind));
    this.from = 0;
    if (entry === undefined) this.draw();
    else this.select(entry);
  }

  private key(event: KeyboardEvent): void {
    const last = this.rows.length - 1;
    const to: Record<string, number> = {
      ArrowDown: this.selected + 1, ArrowUp: this.selected - 1, PageDown: this.selected + PAGE, PageUp: this.selected - PAGE, Home: 0, End: last,
    };
    const wanted = to[event.key];
    if (wanted === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.go(Math.min(last, Math.max(0, wanted)));
  }

  private go(index: number): void {
    const row = this.rows[index];
    if (row) this.choose(row.entry);
  }

  private draw(): void {
    const rows = this.rows.slice(this.from, this.from + WINDOW);
    this.node.replaceChildren(...rows.map((row, at) => line(row, this.from + at, this.from + at === this.selected)));
    setAttribute(this.node, 'aria-activedescendant', this.selected < 0 ? undefined : `entry-${this.rows[this.selected]?.entry}`);
    const part = rows.length < this.rows.length ? `, lines ${this.from + 1} to ${this.from + rows.length} are here; the keys walk on` : '';
    setText(this.note, `${this.rows.length} of ${this.all.length} entries are listed${part}.`);
  }
}

function line({ entry, at, title, tone, kind }: Row, index: number, selected: boolean): HTMLElement {
  return el(
    'li',
    { role: 'option', id: `entry-${entry}`, 'data-index': index, 'data-kind': kind, 'data-tone': tone, 'aria-selected': String(selected) },
    el('span', {}, String(entry)), el('span', {}, seconds(at)), el('span', { title: inLine(title) }, inLine(title)),
  );
}

/** Time since the beginning. */
export function seconds(at: number): string {
  return `${(at / 1_000).toFixed(3)} s`;
}
