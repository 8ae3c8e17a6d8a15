import type { Part } from 'opencode-session';
import { setAttribute } from './dom.js';
import { NotePart } from './note-part.js';
import { FilePart } from './file-part.js';
import { ReasoningPart, TextPart } from './text-part.js';
import { ToolPart } from './tool-part.js';

/** One part on the screen. The node stays; `update` touches only what changed. */
export interface PartView {
  readonly node: HTMLElement;
  update(part: Part): void;
}

/** The view of a part, or undefined for parts that are bookkeeping and not for people. */
export function createPartView(part: Part, role: string): PartView | undefined {
  const view = viewFor(part, role);
  if (!view) return undefined;
  setAttribute(view.node, 'data-testid', 'part');
  setAttribute(view.node, 'data-type', part.type);
  setAttribute(view.node, 'data-part', part.id);
  updatePart(view, part);
  return view;
}

export function updatePart(view: PartView, part: Part): void {
  setAttribute(view.node, 'data-continuity', part.continuity);
  view.update(part);
}

function viewFor(part: Part, role: string): PartView | undefined {
  switch (part.type) {
    case 'text':
      return part.synthetic || part.ignored ? undefined : new TextPart(role === 'user');
    case 'reasoning':
      return new ReasoningPart();
    case 'tool':
      return new ToolPart();
    case 'file':
      return new FilePart();
    case 'agent':
    case 'subtask':
    case 'compaction':
    case 'retry':
      return new NotePart();
    default:
      // step-start, step-finish, snapshot, patch, and whatever a newer server adds.
      return undefined;
  }
}
