import type { Message, Part } from 'opencode-session';
import { button, el, place, setAttribute, setText } from './dom.js';
import { textOf } from './fields.js';
import { createPartView, updatePart, type PartView } from './part-view.js';
import type { Problem } from './problem.js';

/** What a message needs to know, and may do, about prompts sent from here. */
export interface Delivery {
  /** Why this prompt was not stored, when that is known. */
  reason(key: string): Problem | undefined;
  /** What this prompt waits for. */
  wait(message: Message): string | undefined;
  resend(message: Message): void;
  discard(message: Message): void;
}

/** One message on the screen. Parts that keep their identity are not touched. */
export class MessageView {
  readonly node = el('article', { class: 'message', 'data-testid': 'message', tabindex: -1 });
  private readonly head = el('h2', { class: 'head' });
  private readonly body = el('div', { class: 'body' });
  private readonly foot = el('div', { class: 'foot' });
  private readonly views = new Map<string, PartView | undefined>();
  private readonly lastParts = new Map<string, Part>();
  private last: Message | undefined;
  private lastReason: Problem | undefined;
  private lastWait: string | undefined;

  constructor(private readonly delivery: Delivery) {
    this.node.append(this.head, this.body, this.foot);
  }

  update(message: Message): void {
    const before = this.last;
    const reason = message.delivery === 'failed' ? this.delivery.reason(message.key) : undefined;
    const wait = this.delivery.wait(message);
    const isTold = reason === this.lastReason && wait === this.lastWait;
    if (message === before && isTold) return;
    this.last = message;
    if (message.parts !== before?.parts) this.updateParts(message.parts, message.info.role);
    if (message.info === before?.info && message.delivery === before?.delivery && isTold) return;
    this.lastReason = reason;
    this.lastWait = wait;
    setAttribute(this.node, 'data-role', message.info.role);
    setAttribute(this.node, 'data-key', message.key);
    setAttribute(this.node, 'data-delivery', message.delivery);
    setText(this.head, message.info.role === 'user' ? 'You' : nameOf(message));
    this.foot.replaceChildren(...footOf(message, reason, wait, this.delivery));
  }

  private updateParts(parts: readonly Part[], role: string): void {
    let moved = parts.length !== this.lastParts.size;
    for (const part of parts) {
      const last = this.lastParts.get(part.id);
      if (part === last) continue;
      const view = this.views.get(part.id);
      if (view && last?.type === part.type) {
        updatePart(view, part);
      } else {
        this.views.set(part.id, createPartView(part, role));
        moved = true;
      }
      this.lastParts.set(part.id, part);
    }
    if (moved) this.placeParts(parts);
  }

  private placeParts(parts: readonly Part[]): void {
    const ids = new Set(parts.map((part) => part.id));
    for (const id of this.lastParts.keys()) {
      if (ids.has(id)) continue;
      this.lastParts.delete(id);
      this.views.delete(id);
    }
    place(this.body, parts.flatMap((part) => this.views.get(part.id)?.node ?? []));
  }
}

function nameOf(message: Message): string {
  const agent = message.info.agent ?? message.info['mode'];
  return typeof agent === 'string' && agent !== '' ? agent : 'Assistant';
}

function footOf(message: Message, reason: Problem | undefined, wait: string | undefined, delivery: Delivery): Node[] {
  if (wait !== undefined) return [el('p', { class: 'sending', 'data-testid': 'wait' }, wait)];
  if (message.delivery === 'failed') return [failedBox(message, reason, delivery)];
  if (message.delivery === 'dropped') return [droppedBox(message, delivery)];
  if (message.info.role === 'user') return [];
  const nodes: Node[] = [];
  const { error, time, modelID } = message.info;
  if (error) nodes.push(errorNote(textOf(error.name), textOf(error.data?.message)));
  if (time.completed !== undefined) {
    const took = duration(time.completed - time.created);
    nodes.push(el('p', { class: 'meta' }, modelID === undefined ? took : `${modelID} · ${took}`));
  }
  return nodes;
}

function droppedBox(message: Message, delivery: Delivery): HTMLElement {
  return el('div', { class: 'failed', role: 'alert' },
    el('p', {}, el('strong', {}, 'Not answered. '), 'The server stopped before its turn.'),
    el('div', { class: 'row' }, button('Send again', { 'data-testid': 'resend' }, () => delivery.resend(message))));
}

function failedBox(message: Message, reason: Problem | undefined, delivery: Delivery): HTMLElement {
  return el('div', { class: 'failed', role: 'alert' },
    el('p', {}, el('strong', {}, 'Not sent. '), reason?.message ?? 'The server did not take this message.'),
    reason && reason.hint !== '' ? el('p', { class: 'hint' }, reason.hint) : undefined,
    el('div', { class: 'row' },
      button('Send again', { 'data-testid': 'resend' }, () => delivery.resend(message)),
      button('Discard', { class: 'quiet', 'data-testid': 'discard' }, () => delivery.discard(message))));
}

function errorNote(name: string, message: string): HTMLElement {
  if (name === 'MessageAbortedError') return el('p', { class: 'stopped' }, 'Stopped');
  return el('p', { class: 'message-error' }, message || name);
}

function duration(ms: number): string {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
