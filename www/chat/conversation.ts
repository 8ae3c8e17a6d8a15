import type { ChatSession, Message, PromptInput, SendOptions, SessionState } from 'opencode-session';
import type { Announcer } from './announcer.js';
import { Asks } from './asks.js';
import type { Composer } from './composer.js';
import { byId, setAttribute } from './dom.js';
import { MessageList } from './message-list.js';
import { Outgoing } from './outgoing.js';
import type { Scroller } from './scroller.js';
import { isWorking } from './status-view.js';

/** The parts of the page that a conversation draws into, or tells of what changed. */
export interface ConversationHost {
  readonly scroller: Scroller;
  readonly announcer: Announcer;
  readonly composer: Composer;
  /** The state beside the messages: title, status, connection, problems. */
  changed(state: SessionState): void;
  failed(error: unknown): void;
}

/** One open chat on the screen. */
export class Conversation {
  private readonly rows = byId('messages', HTMLElement);
  private readonly older = byId('older', HTMLElement);
  private readonly outgoing: Outgoing;
  private readonly list: MessageList;
  private readonly asks: Asks;
  private readonly stop: () => void;
  private last: SessionState | undefined;
  private loading = false;
  private open = true;

  constructor(
    readonly session: ChatSession,
    private readonly host: ConversationHost,
  ) {
    this.outgoing = new Outgoing(session, (key) => this.list.refresh(key));
    this.list = new MessageList(this.rows, this.outgoing);
    this.asks = new Asks(byId('asks', HTMLElement), session, host.composer, (error) => host.failed(error));
    host.scroller.toBottom();
    this.stop = session.subscribe(() => this.render());
    // The state says why as well; without this the rejection would be reported as nobody's.
    session.ready.catch(() => undefined);
    this.render();
  }

  send(prompt: PromptInput, options: SendOptions): void {
    this.host.scroller.toBottom();
    this.outgoing.send(prompt, options);
  }

  async abort(): Promise<void> {
    if (!this.last || !isWorking(this.last.status)) return;
    await this.session.abort().catch((error: unknown) => this.host.failed(error));
  }

  async loadOlder(): Promise<void> {
    if (this.loading || !this.open || !this.last?.hasOlder) return;
    this.setLoading(true);
    try {
      await this.session.loadOlder();
    } catch (error) {
      this.host.failed(error);
    }
    this.setLoading(false);
  }

  /** Takes the chat off the screen. The session stays open: it may be shown again. */
  leave(): void {
    this.open = false;
    this.stop();
    this.rows.replaceChildren();
    this.asks.clear();
    this.older.hidden = true;
  }

  private render(): void {
    const state = this.session.state;
    const before = this.last;
    if (state === before) return;
    this.last = state;
    const messages = shownMessages(state);
    if (this.list.prepends(messages)) this.host.scroller.keepingPlace(this.rows, () => this.list.show(messages));
    else this.list.show(messages);
    this.list.refreshWaiting();
    setAttribute(this.older, 'hidden', !state.hasOlder);
    this.asks.show(state);
    this.announce(before, state);
    this.host.changed(state);
  }

  private announce(before: SessionState | undefined, state: SessionState): void {
    if (!before) return;
    if (isWorking(before.status) && state.status.type === 'idle') this.host.announcer.say(`Answer complete. ${lastAnswer(state.messages)}`);
    const asks = state.permissions.length + state.questions.length;
    if (asks > before.permissions.length + before.questions.length) this.host.announcer.say('The agent waits for your answer.');
  }

  private setLoading(loading: boolean): void {
    this.loading = loading;
    setAttribute(this.older, 'aria-busy', loading || undefined);
  }
}

/** Undone messages stay stored until the next prompt: they are not part of the chat any more. */
function shownMessages(state: SessionState): readonly Message[] {
  const from = state.session?.revert?.messageID;
  const end = from === undefined ? -1 : state.messages.findIndex((message) => message.info.id === from);
  if (end < 0) return state.messages;
  return state.messages.filter((message, index) => index < end || message.delivery === 'sending' || message.delivery === 'failed');
}

function lastAnswer(messages: readonly Message[]): string {
  const last = messages.at(-1);
  if (last?.info.role !== 'assistant') return '';
  return last.parts.filter((part) => part.type === 'text' && !part.synthetic).map((part) => part.text ?? '').join(' ');
}
