import type { Part, ToolState } from 'opencode-session';
import { button, el, setAttribute, setText } from './dom.js';
import { fieldsOf, textOf } from './fields.js';
import { exact, inLine, plainOutput } from '../../src/js/visible.js';
import type { PartView } from './part-view.js';

/** Longest text shown at once; the rest is one button away, so that a huge output does not stall the page. */
const SHOWN_CHARS = 20_000;
/** Longest title in its line, which cannot be unfolded. */
const TITLE_CHARS = 500;

/** A tool call: its state in one line, input and output folded under it. */
export class ToolPart implements PartView {
  readonly node = el('details', { class: 'part tool' });
  private readonly name = el('span', { class: 'tool-name' });
  private readonly title = el('span', { class: 'tool-title' });
  private readonly state = el('span', { class: 'tool-state' });
  private readonly input = new Section('Input', exact);
  private readonly output = new Section('Output', plainOutput);
  private readonly error = new Section('Error', plainOutput);
  private readonly child = el('a', { class: 'tool-child', hidden: true }, 'Open the chat of this task');
  private last: ToolState | undefined;

  constructor() {
    this.node.append(el('summary', {}, this.name, this.title, this.state),
      this.input.node, this.output.node, this.error.node, this.child);
  }

  update(part: Part): void {
    if (part.state === this.last && part.state !== undefined) return;
    this.last = part.state;
    const state: State = fieldsOf(part.state);
    const status = textOf(state.status) || 'pending';
    setText(this.name, inLine(textOf(part.tool) || 'tool'));
    setAttribute(this.node, 'data-state', status);
    setText(this.state, STATES[status] ?? '');
    setText(this.title, inLine(titleOf(state)));
    this.input.show(formatInput(state.input));
    this.output.show(outputOf(state));
    this.error.show(textOf(state.error));
    this.linkChild(state);
  }

  private linkChild(state: State): void {
    const id = fieldsOf(state.metadata)['sessionId'];
    const known = typeof id === 'string' && /^ses_\w+$/.test(id);
    setAttribute(this.child, 'hidden', !known);
    setAttribute(this.child, 'href', known ? `#${id}` : undefined);
  }
}

/** What stands in it may be anything. */
type State = { readonly [name in keyof ToolState]?: unknown };

const STATES: Partial<Record<string, string>> = { pending: 'waiting', running: 'running', completed: 'done', error: 'failed' };

class Section {
  readonly node = el('section', { hidden: true });
  private readonly text = el('pre', { tabindex: 0, dir: 'ltr' });
  private readonly more = button('Show all', { class: 'more', hidden: true }, () => {
    this.whole = true;
    this.render();
  });
  private whole = false;
  private full = '';

  constructor(label: string, private readonly plain: (text: string) => string) {
    setAttribute(this.text, 'aria-label', label);
    setAttribute(this.text, 'role', 'region');
    this.node.className = `tool-${label.toLowerCase()}`;
    this.node.append(el('span', { class: 'label', 'aria-hidden': 'true' }, label), this.text, this.more);
  }

  show(text: string): void {
    if (text === this.full) return;
    this.full = text;
    this.render();
  }

  private render(): void {
    const cut = !this.whole && this.full.length > SHOWN_CHARS;
    setAttribute(this.node, 'hidden', this.full === '');
    setAttribute(this.more, 'hidden', !cut);
    setText(this.text, this.plain(cut ? beginning(this.full, SHOWN_CHARS) : this.full));
    if (cut) setText(this.more, `Show all ${this.full.length.toLocaleString()} characters`);
  }
}

function titleOf(state: State): string {
  const title = titleText(state);
  // All of it is under the line.
  return title.length > TITLE_CHARS ? `${beginning(title, TITLE_CHARS)} …` : title;
}

function titleText(state: State): string {
  if (typeof state.title === 'string' && state.title !== '') return state.title;
  const input = fieldsOf(state.input);
  for (const field of ['description', 'command', 'filePath', 'pattern', 'url']) {
    const value = input[field];
    if (typeof value === 'string' && value !== '') return value;
  }
  return '';
}

function outputOf(state: State): string {
  if (state.output !== undefined) return textOf(state.output);
  // While a command runs, the server keeps what it printed so far in the metadata.
  const live = fieldsOf(state.metadata)['output'];
  return typeof live === 'string' ? live : '';
}

/** Arguments as a person would write them down: one per line, long texts under their name. */
function formatInput(input: unknown): string {
  if (typeof input !== 'object' || Array.isArray(input)) return textOf(input);
  return Object.entries(fieldsOf(input)).map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
    return text.includes('\n') && typeof value === 'string' ? `${name}:\n${text}` : `${name}: ${text}`;
  }).join('\n');
}

/** So many characters at most, and no half of one. */
function beginning(text: string, most: number): string {
  return text.slice(0, most).replace(/[\ud800-\udbff]$/, '');
}
