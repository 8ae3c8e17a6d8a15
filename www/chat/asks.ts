import type { ChatSession, PermissionRequest, QuestionRequest, SessionState } from 'opencode-session';
import type { Composer } from './composer.js';
import { place } from './dom.js';
import { permissionCard } from './permission-card.js';
import { questionCard } from './question-card.js';

/** What the agent waits for: permission and question cards, over the message field. */
export class Asks {
  private readonly cards = new Map<string, HTMLElement>();
  private permissions: readonly PermissionRequest[] = [];
  private questions: readonly QuestionRequest[] = [];

  constructor(
    private readonly parent: HTMLElement,
    private readonly session: ChatSession,
    private readonly composer: Pick<Composer, 'field' | 'focus'>,
    private readonly onError: (error: unknown) => void,
  ) {
    parent.replaceChildren();
  }

  show(state: SessionState): void {
    if (state.permissions === this.permissions && state.questions === this.questions) return;
    this.permissions = state.permissions;
    this.questions = state.questions;
    const hadFocus = this.parent.contains(document.activeElement);
    const open = new Set([...state.permissions, ...state.questions].map((request) => request.id));
    for (const id of this.cards.keys()) if (!open.has(id)) this.cards.delete(id);
    place(this.parent, [
      ...state.permissions.map((request) => this.card(request.id, () => this.permission(request))),
      ...state.questions.map((request) => this.card(request.id, () => this.question(request))),
    ]);
    this.moveFocus(hadFocus);
  }

  clear(): void {
    this.parent.replaceChildren();
  }

  private card(id: string, build: () => HTMLElement): HTMLElement {
    const card = this.cards.get(id) ?? build();
    this.cards.set(id, card);
    return card;
  }

  private permission(request: PermissionRequest): HTMLElement {
    return permissionCard(request, (reply) => this.tried(this.session.replyPermission(request.id, reply)));
  }

  private question(request: QuestionRequest): HTMLElement {
    return questionCard(request, {
      answer: (answers) => this.tried(this.session.answerQuestion(request.id, answers)),
      dismiss: () => this.tried(this.session.rejectQuestion(request.id)),
    });
  }

  private async tried(work: Promise<void>): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (error) {
      this.onError(error);
      return false;
    }
  }

  /** The card, not a button in it, gets the focus: a key meant for the message field must not allow anything. */
  private moveFocus(hadFocus: boolean): void {
    const first = this.parent.querySelector<HTMLElement>('.ask');
    if (!first) {
      if (hadFocus) this.composer.focus();
      return;
    }
    const active = document.activeElement;
    if (active !== null && active !== document.body && this.parent.contains(active)) return;
    const idle = active === null || active === document.body || (active === this.composer.field && this.composer.field.value === '');
    if (hadFocus || idle) first.focus({ preventScroll: true });
  }
}
