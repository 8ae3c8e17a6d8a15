import type { SessionStatus } from 'opencode-session';
import { Countdown } from './countdown.js';
import { el, setAttribute, setText } from './dom.js';

/** What the session is doing, in one line over the message field. */
export class StatusView {
  private readonly spinner = el('span', { class: 'spinner', 'aria-hidden': 'true', hidden: true });
  private readonly text = el('span', { class: 'status-text', role: 'status' });
  private readonly wait = el('span', { class: 'status-wait', 'aria-hidden': 'true' });
  private readonly countdown = new Countdown();

  constructor(private readonly node: HTMLElement) {
    node.append(this.spinner, this.text, this.wait);
  }

  show(status: SessionStatus): void {
    setAttribute(this.node, 'data-status', status.type);
    setAttribute(this.spinner, 'hidden', !isWorking(status));
    setText(this.text, describe(status));
    if (status.type === 'retry') {
      this.countdown.start(status.next, (seconds) => setText(this.wait, seconds > 0 ? `Next try in ${seconds} s.` : 'Trying …'));
    } else {
      this.countdown.stop();
      setText(this.wait, '');
    }
  }
}

/** Whether there is a turn that can be stopped. */
export function isWorking(status: SessionStatus): boolean {
  return status.type === 'busy' || status.type === 'retry';
}

function describe(status: SessionStatus): string {
  switch (status.type) {
    case 'idle':
      return '';
    case 'busy':
      return 'Working …';
    case 'retry':
      return `The model's provider failed (try ${status.attempt}): ${status.message}.`.replace(/\.\.$/, '.');
    case 'error':
      return 'The last turn failed.';
  }
}
