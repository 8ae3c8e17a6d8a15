import type { ChatSession, Client } from 'opencode-session';
import { isWorking } from './status-view.js';

/** Chats kept open in the background: going back to one is instant, and its unsent prompts are still there. */
const KEPT = 5;

/** The sessions of a client that this page holds open, least recently shown first. */
export class OpenSessions {
  private readonly sessions = new Map<string, ChatSession>();

  constructor(private readonly client: Client) {}

  open(id: string): ChatSession {
    const session = this.sessions.get(id) ?? this.client.openSession(id);
    this.adopt(session);
    return session;
  }

  /** Counts a session opened elsewhere as shown now. */
  adopt(session: ChatSession): void {
    this.sessions.delete(session.id);
    this.sessions.set(session.id, session);
    for (const [id, old] of this.sessions) {
      if (this.sessions.size <= KEPT) break;
      if (id !== session.id && !isNeeded(old)) this.drop(id);
    }
  }

  drop(id: string): void {
    this.sessions.get(id)?.close();
    this.sessions.delete(id);
  }
}

/** A prompt that is not stored yet exists only here. */
function isNeeded({ state }: ChatSession): boolean {
  return isWorking(state.status) || state.messages.some((message) => message.delivery === 'sending' || message.delivery === 'failed');
}
