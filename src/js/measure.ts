/**
 * How much there is of a message, for lists that draw only what is in sight.
 * @module
 */
import type { Message, Part } from './types.js';

/**
 * What {@link measure} counts: enough to guess a height before a row is drawn.
 *
 * @example
 * ```ts
 * const height = (extent: Extent) => extent.lines * 22 + extent.blocks * 40;
 * ```
 */
export interface Extent {
  /** UTF-16 units of all visible text and reasoning. */
  readonly characters: number;
  /** Lines of it, each broken after `columns` units. */
  readonly lines: number;
  /** Parts that are drawn as a block of their own: tool calls, files, agents. */
  readonly blocks: number;
}

/** Of the newest width that was asked for. Messages are new objects when they change, so nothing here is ever stale. */
const known = new WeakMap<Message, { columns: number; extent: Extent }>();

/**
 * Counts a message's visible text and blocks. A message that did not change is not counted again, so that it may be called for each
 * row of each frame. Text that the server made (`synthetic`, `ignored`) does not count.
 *
 * @param columns how many characters fit into a line. Default 80.
 * @example
 * ```ts
 * const total = session.state.messages.reduce((sum, message) => sum + measure(message).lines, 0);
 * ```
 */
export function measure(message: Message, columns = 80): Extent {
  const found = known.get(message);
  if (found?.columns === columns) return found.extent;
  const extent = { characters: 0, lines: 0, blocks: 0 };
  for (const part of message.parts) add(extent, part, columns);
  known.set(message, { columns, extent });
  return extent;
}

function add(extent: { characters: number; lines: number; blocks: number }, part: Part, columns: number): void {
  if (part.type === 'tool' || part.type === 'file' || part.type === 'agent' || part.type === 'subtask') extent.blocks += 1;
  if ((part.type !== 'text' && part.type !== 'reasoning') || part.synthetic || part.ignored) return;
  for (const text of [part.text ?? '', part.tail ?? '']) {
    extent.characters += text.length;
    if (text === '') continue;
    for (let from = 0; from <= text.length; ) {
      const end = text.indexOf('\n', from);
      const length = (end < 0 ? text.length : end) - from;
      extent.lines += Math.max(1, Math.ceil(length / columns));
      from += length + 1;
    }
  }
}
