import type { Todo } from 'opencode-session';
import { el, setAttribute, setText } from './dom.js';
import { fieldsOf, textOf } from './fields.js';

/** The agent's to-do list, folded to how far it is. */
export class TodoView {
  private readonly summary = el('summary');
  private readonly list = el('ul');
  private last: readonly Todo[] = [];

  constructor(private readonly node: HTMLElement) {
    node.append(el('details', {}, this.summary, this.list));
  }

  show(todos: readonly Todo[]): void {
    if (todos === this.last) return;
    this.last = todos;
    // Plugins write plans, too, and leave fields out.
    const plan = todos.map(fieldsOf).map(({ status = 'pending', content }) => ({ status: textOf(status), content: textOf(content) }));
    const open = plan.filter((todo) => todo.status !== 'completed' && todo.status !== 'cancelled');
    // A finished plan is history; it stays readable in the tool calls.
    setAttribute(this.node, 'hidden', open.length === 0);
    const current = open.find((todo) => todo.status === 'in_progress') ?? open[0];
    setText(this.summary, `Plan: ${todos.length - open.length} of ${todos.length} done${current ? `. ${current.content}` : ''}`);
    this.list.replaceChildren(...plan.map(({ status, content }) => el('li', { 'data-state': status },
      el('span', { class: 'sr' }, `${status.replaceAll('_', ' ')}: `), content)));
  }
}
