import type { Todo } from 'opencode-session';
import { el, setAttribute, setText } from './dom.js';

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
    const open = todos.filter((todo) => todo.status !== 'completed' && todo.status !== 'cancelled');
    // A finished plan is history; it stays readable in the tool calls.
    setAttribute(this.node, 'hidden', open.length === 0);
    const current = open.find((todo) => todo.status === 'in_progress') ?? open[0];
    setText(this.summary, `Plan: ${todos.length - open.length} of ${todos.length} done${current ? `. ${current.content}` : ''}`);
    // Plugins write plans, too, and leave fields out.
    this.list.replaceChildren(...todos.map(({ status = 'pending', content = '' }: Partial<Todo>) => el('li', { 'data-state': status },
      el('span', { class: 'sr' }, `${String(status).replaceAll('_', ' ')}: `), content)));
  }
}
