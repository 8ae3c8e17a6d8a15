import type { Client, SessionInfo } from 'opencode-session';
import { byId, el, place, setAttribute, setText } from './dom.js';

/** Most chats shown; older ones are found by search. */
const LIMIT = 100;
const SEARCH_DELAY = 200;

/** The list of chats, newest first, with a search over their titles. */
export class SessionList {
  private readonly list = byId('sessions', HTMLElement);
  private readonly note = byId('sessions-note', HTMLElement);
  private readonly search = byId('search', HTMLInputElement);
  private readonly rows = new Map<string, Row>();
  private client: Client | undefined;
  private current = '';
  private asked = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `onResult` gets undefined when the list could be read. */
  constructor(private readonly onResult: (error: unknown) => void) {
    this.search.addEventListener('input', () => this.refreshSoon());
    this.search.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || this.search.value === '') return;
      // Escape empties the field here; it must not stop the running answer as well.
      event.stopPropagation();
      this.refreshSoon();
    });
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.refreshSoon();
    });
  }

  use(client: Client): void {
    this.client = client;
    void this.refresh();
  }

  setCurrent(id: string): void {
    this.current = id;
    for (const row of this.rows.values()) row.mark(id);
  }

  /** A newer description of one chat, from its own event stream. */
  update(info: SessionInfo): void {
    this.rows.get(info.id)?.show(info);
  }

  /** Several reasons in a row ask the server once. */
  refreshSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), SEARCH_DELAY);
  }

  private async refresh(): Promise<void> {
    const ask = ++this.asked;
    const search = this.search.value.trim();
    try {
      const found = await this.client?.sessions.list({ limit: LIMIT, roots: true, ...(search !== '' && { search }) });
      // Only the newest question counts: answers may overtake each other.
      if (!found || ask !== this.asked) return;
      this.show(found.filter((info) => info.time.archived === undefined), search);
      this.onResult(undefined);
    } catch (error) {
      if (ask === this.asked) this.onResult(error);
    }
  }

  private show(sessions: readonly SessionInfo[], search: string): void {
    const ids = new Set(sessions.map((info) => info.id));
    for (const id of this.rows.keys()) if (!ids.has(id)) this.rows.delete(id);
    place(this.list, sessions.map((info) => this.row(info).node));
    const none = search === '' ? 'No chats yet.' : `No chat is called “${search}”.`;
    setText(this.note, sessions.length === 0 ? none : '');
  }

  private row(info: SessionInfo): Row {
    const row = this.rows.get(info.id) ?? new Row(info.id);
    this.rows.set(info.id, row);
    row.show(info);
    row.mark(this.current);
    return row;
  }
}

class Row {
  readonly node = el('li');
  private readonly link: HTMLAnchorElement;
  private readonly title = el('span', { class: 'session-title' });
  private readonly time = el('time');

  constructor(private readonly id: string) {
    this.link = el('a', { href: `#${id}`, 'data-testid': 'session-item', 'data-id': id }, this.title, this.time);
    this.node.append(this.link);
  }

  show(info: SessionInfo): void {
    setText(this.title, info.title || 'Untitled');
    setAttribute(this.title, 'title', info.title);
    setAttribute(this.time, 'datetime', new Date(info.time.updated).toISOString());
    setText(this.time, shortTime(info.time.updated));
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
