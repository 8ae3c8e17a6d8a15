import type { Client, ListedSession, LiveSessions, LiveSessionsState } from 'opencode-session';
import { inLine } from '../../src/js/visible.js';
import { byId, el, place, setAttribute, setText } from './dom.js';

/** The list of chats, newest first and live, with a search over their titles. */
export class SessionList {
  private readonly list = byId('sessions', HTMLElement);
  private readonly note = byId('sessions-note', HTMLElement);
  private readonly more = byId('sessions-more', HTMLButtonElement);
  private readonly search = byId('search', HTMLInputElement);
  private readonly rows = new Map<string, Row>();
  private live: LiveSessions | undefined;
  private client: Client | undefined;
  private current = '';

  /** `onResult` gets undefined when the list could be read. */
  constructor(private readonly onResult: (error: unknown) => void) {
    this.search.addEventListener('input', () => void this.live?.search(this.search.value).catch(() => undefined));
    this.search.addEventListener('keydown', (event) => {
      // Escape empties the field here; it must not stop the running answer as well.
      if (event.key === 'Escape' && this.search.value !== '') event.stopPropagation();
    });
    this.more.addEventListener('click', () => void this.loadMore());
  }

  async use(client: Client): Promise<void> {
    this.client = client;
    this.live?.close();
    this.live = undefined;
    try {
      const live = await client.sessions.live({ search: this.search.value });
      if (client !== this.client) return live.close();
      this.live = live;
      live.subscribe(() => this.show(live.state));
      this.show(live.state);
    } catch (error) {
      if (client === this.client) this.onResult(error);
    }
  }

  setCurrent(id: string): void {
    this.current = id;
    for (const row of this.rows.values()) row.mark(id);
  }

  private async loadMore(): Promise<void> {
    this.more.disabled = true;
    // What went wrong is in the state.
    await this.live?.loadMore().catch(() => undefined);
    this.more.disabled = false;
  }

  private show({ sessions, search, status, hasMore, error, connection }: LiveSessionsState): void {
    const ids = new Set(sessions.map(({ id }) => id));
    for (const id of this.rows.keys()) if (!ids.has(id)) this.rows.delete(id);
    place(this.list, sessions.map((session) => this.row(session).node));
    setAttribute(this.list, 'data-status', status);
    const none = search === '' ? 'No chats yet.' : `No chat is called “${search}”.`;
    setText(this.note, sessions.length === 0 && status === 'live' ? none : '');
    this.more.hidden = !hasMore;
    // A lost connection has a place of its own on the page, and mends itself.
    const lost = error !== undefined && error === connection.error && connection.phase !== 'closed';
    if (status === 'live' || (error !== undefined && !lost)) this.onResult(lost ? undefined : error);
  }

  private row(session: ListedSession): Row {
    const row = this.rows.get(session.id) ?? new Row(session.id);
    this.rows.set(session.id, row);
    row.show(session);
    row.mark(this.current);
    return row;
  }
}

class Row {
  readonly node = el('li');
  private readonly link: HTMLAnchorElement;
  private readonly title = el('span', { class: 'session-title' });
  private readonly state = el('span', { class: 'session-state' });
  private readonly time = el('time');
  private shown: ListedSession | undefined;

  constructor(private readonly id: string) {
    this.link = el('a', { href: `#${id}`, 'data-testid': 'session-item', 'data-id': id }, this.title, this.state, this.time);
    this.node.append(this.link);
  }

  show(session: ListedSession): void {
    if (session === this.shown) return;
    this.shown = session;
    const { title, status, requests, time } = session;
    setText(this.title, inLine(title) || 'Untitled');
    setAttribute(this.title, 'title', inLine(title));
    const working = status.type === 'idle' ? '' : 'Working';
    setText(this.state, requests > 0 ? 'Waits for you' : working);
    setAttribute(this.link, 'data-status', requests > 0 ? 'waiting' : status.type);
    setAttribute(this.time, 'datetime', new Date(time.updated).toISOString());
    setText(this.time, shortTime(time.updated));
  }

  mark(current: string): void {
    setAttribute(this.link, 'aria-current', this.id === current ? 'page' : undefined);
  }
}

function shortTime(time: number): string {
  const date = new Date(time);
  const today = date.toDateString() === new Date().toDateString();
  return today ? date.toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' }) : date.toLocaleDateString([], { day: 'numeric', month: 'short' });
}
