import type { Message } from 'opencode-session';
import { MessageView, type Delivery } from './message-view.js';

/** The messages on the screen, keyed. An update costs what changed, not what there is. */
export class MessageList {
  private readonly views = new Map<string, MessageView>();
  private shown: readonly Message[] = [];
  /** Own prompts that wait for something: what that is may change while they do not. */
  private readonly waiting = new Set<string>();

  constructor(
    private readonly parent: HTMLElement,
    private readonly delivery: Delivery,
  ) {
    parent.replaceChildren();
  }

  /** Whether showing `messages` would put older ones before what is there now. */
  prepends(messages: readonly Message[]): boolean {
    return this.shown.length > 0 && messages[0]?.key !== this.shown[0]?.key;
  }

  show(messages: readonly Message[]): void {
    const old = this.shown;
    if (messages === old) return;
    this.shown = messages;
    // A delta changes one message near the end: everything equal before and after it is skipped by identity.
    const shorter = Math.min(old.length, messages.length);
    let start = 0;
    while (start < shorter && old[start] === messages[start]) start++;
    let same = 0;
    while (same < shorter - start && old[old.length - 1 - same] === messages[messages.length - 1 - same]) same++;
    this.replace(old.slice(start, old.length - same), messages.slice(start, messages.length - same), messages[messages.length - same]?.key);
  }

  /** Shows again what own prompts wait for. */
  refreshWaiting(): void {
    for (const key of this.waiting) this.refresh(key);
  }

  /** Shows again what the page, not the server, knows of a message. */
  refresh(key: string): void {
    const message = this.shown.findLast((one) => one.key === key);
    if (message) this.views.get(key)?.update(message);
  }

  private replace(old: readonly Message[], fresh: readonly Message[], beforeKey: string | undefined): void {
    const kept = new Set(fresh.map((message) => message.key));
    for (const { key } of old) {
      if (kept.has(key)) continue;
      this.views.get(key)?.node.remove();
      this.views.delete(key);
      this.waiting.delete(key);
    }
    let before: Node | null = (beforeKey !== undefined && this.views.get(beforeKey)?.node) || null;
    for (const message of fresh.toReversed()) {
      const node = this.viewOf(message).node;
      if (node.nextSibling !== before || node.parentNode !== this.parent) this.parent.insertBefore(node, before);
      before = node;
    }
  }

  private viewOf(message: Message): MessageView {
    const view = this.views.get(message.key) ?? new MessageView(this.delivery);
    this.views.set(message.key, view);
    view.update(message);
    if (message.delivery === 'sending' || message.delivery === 'queued') this.waiting.add(message.key);
    else this.waiting.delete(message.key);
    return view;
  }
}
