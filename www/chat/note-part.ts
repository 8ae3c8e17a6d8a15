import type { Part } from 'opencode-session';
import { el, setText } from './dom.js';
import type { PartView } from './part-view.js';

/** A part that is said in one line. */
export class NotePart implements PartView {
  readonly node = el('p', { class: 'part note' });

  update(part: Part): void {
    setText(this.node, describe(part));
  }
}

function describe(part: Part): string {
  switch (part.type) {
    case 'agent':
      return `@${part.name ?? 'agent'}`;
    case 'subtask':
      return typeof part['description'] === 'string' ? `Task: ${part['description']}` : 'Task for another agent';
    case 'compaction':
      return 'Older messages were summed up to save room';
    default:
      return 'The provider failed and was asked again';
  }
}
