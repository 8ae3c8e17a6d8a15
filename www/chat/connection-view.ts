import type { ConnectionState } from 'opencode-session';
import { Countdown } from './countdown.js';
import { button, el, setAttribute, setText } from './dom.js';

/** A dot, the phase in words, and the wait until the next try with a way to cut it short. */
export class ConnectionView {
  private readonly label = el('span', { class: 'connection-label', role: 'status' });
  // Outside the live region: a screen reader must not read every second.
  private readonly wait = el('span', { class: 'connection-wait', 'aria-hidden': 'true' });
  private readonly retry: HTMLButtonElement;
  private readonly countdown = new Countdown();

  constructor(
    private readonly node: HTMLElement,
    onRetry: () => void,
  ) {
    this.retry = button('Retry now', { 'data-testid': 'retry', hidden: true }, onRetry);
    node.append(el('span', { class: 'dot', 'aria-hidden': 'true' }), this.label, this.wait, this.retry);
  }

  show(state: ConnectionState): void {
    this.showPhase(state.phase, LABELS[state.phase]);
    setAttribute(this.node, 'title', state.error ? `${state.error.message} ${state.error.hint}` : TITLES[state.phase]);
    setAttribute(this.retry, 'hidden', !['waiting', 'offline', 'closed'].includes(state.phase));
    if (state.phase === 'waiting' && state.retryAt !== undefined) {
      this.countdown.start(state.retryAt, (seconds) => setText(this.wait, seconds > 0 ? `next try in ${seconds} s` : 'trying …'));
    } else {
      this.countdown.stop();
      setText(this.wait, '');
    }
  }

  /** No chat is open: nothing is known but whether the server answers. */
  showServer(phase: 'connecting' | 'reachable', label: string): void {
    this.countdown.stop();
    setText(this.wait, '');
    setAttribute(this.retry, 'hidden', true);
    setAttribute(this.node, 'title', undefined);
    this.showPhase(phase, label);
  }

  private showPhase(phase: string, label: string): void {
    setAttribute(this.node, 'data-phase', phase);
    setText(this.label, label);
  }
}

const LABELS: Record<ConnectionState['phase'], string> = {
  connecting: 'Connecting',
  syncing: 'Catching up',
  live: 'Live',
  polling: 'Polling',
  waiting: 'Disconnected',
  offline: 'Offline',
  closed: 'Disconnected',
};

const TITLES: Record<ConnectionState['phase'], string> = {
  connecting: 'Opening the event stream',
  syncing: 'The stream is open; the history is being loaded',
  live: 'Everything is shown as it happens',
  polling: 'No event stream here: the history is asked for again and again',
  waiting: 'The connection failed and will be tried again',
  offline: 'The browser says there is no network',
  closed: 'The connection is closed',
};
