'use client';
import Link from 'next/link';
import type { ListedSession } from 'opencode-session';
import { useSessions } from 'opencode-session/react';
import { useEffect, useId, useMemo, useState } from 'react';
import { inLine } from '@/lib/exact';
import type { ChatRow } from '@/lib/rows';
import { useFoundRows, useRows } from './rows';

const PAGE = 30;
/** A search begins when nothing was typed for so long, milliseconds. */
const TYPED = 200;

interface Entry {
  readonly id: string;
  readonly title: string;
  readonly updated: number;
  readonly tags: readonly string[];
  readonly state: string;
}

/** The user's chats: live as the server has them, with their tags. Searched by title and by tag. */
export function ChatList({ current, onChosen }: { current: string | undefined; onChosen: () => void }) {
  const heading = useId();
  const [text, setText] = useState('');
  const [tag, setTag] = useState<string>();
  const search = useSettled(text.trim(), TYPED);
  const live = useSessions({ limit: PAGE });
  const titled = useSessions(search === '' ? { limit: PAGE } : { limit: PAGE, search });
  const { rows, revision, refresh } = useRows();
  const tagged = useFoundRows(search, tag, revision);
  // A session that came, here or on another device, has a row.
  const ids = live.state.sessions.map(({ id }) => id).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the ids are the reason.
  useEffect(refresh, [ids, refresh]);
  const tags = useMemo(() => [...new Set(rows?.flatMap((row) => row.tags))].sort((a, b) => a.localeCompare(b)), [rows]);
  const entries = useMemo(
    () => entriesOf({ live: live.state.sessions, titled: tag === undefined ? titled.state.sessions : [], rows: rows ?? [], tagged: search === '' && tag === undefined ? [] : (tagged ?? []) }),
    [live.state.sessions, titled.state.sessions, rows, tagged, search, tag],
  );
  return (
    <>
      <header className="side-head">
        <h2 id={heading}>Chats</h2>
        <Link href="/" className="button" onClick={onChosen}>New chat</Link>
      </header>
      <input type="search" className="search" aria-label="Search titles and tags" placeholder="Search" value={text} onChange={({ target }) => setText(target.value)} />
      {tags.length > 0 && (
        <fieldset className="tags" aria-label="Only chats with a tag">
          {tags.map((each) => (
            <button key={each} type="button" className="tag" aria-pressed={each === tag} onClick={() => setTag(each === tag ? undefined : each)}>{inLine(each)}</button>
          ))}
        </fieldset>
      )}
      <ul className="chats" aria-labelledby={heading}>
        {entries.map(({ id, title, tags: own, state }) => (
          <li key={id}>
            <Link href={`/chat/${id}`} prefetch={false} aria-current={id === current ? 'page' : undefined} onClick={onChosen}>
              <span className="chat-title">{inLine(title) || 'Chat'}</span>
              {state !== '' && <span className="chat-state">{state}</span>}
              {own.length > 0 && <span className="chat-tags">{own.map(inLine).join(', ')}</span>}
            </Link>
          </li>
        ))}
      </ul>
      <p className="hint" role="status">{noteOf(live.state.status, entries.length, search !== '' || tag !== undefined)}</p>
      {tag === undefined && titled.state.hasMore && <button type="button" onClick={() => void titled.loadMore(PAGE)}>Show more</button>}
    </>
  );
}

interface Found {
  readonly live: readonly ListedSession[];
  readonly titled: readonly ListedSession[];
  readonly rows: readonly ChatRow[];
  readonly tagged: readonly ChatRow[];
}

/** What was found by title and what was found by tag, each once, newest first; with the live state where it is known. */
function entriesOf({ live, titled, rows, tagged }: Found): Entry[] {
  const tagsOf = new Map([...rows, ...tagged].map(({ id, tags }) => [id, tags]));
  const sessions = new Map([...live, ...titled].map((session) => [session.id, session]));
  const ids = new Set([...titled.map(({ id }) => id), ...tagged.map(({ id }) => id)]);
  const byId = new Map(tagged.map((row) => [row.id, row]));
  return [...ids]
    .map((id): Entry => {
      const session = sessions.get(id);
      const row = byId.get(id);
      return { id, title: session?.title ?? row?.title ?? '', updated: session?.time.updated ?? row?.updated ?? 0, tags: tagsOf.get(id) ?? [], state: session ? stateOf(session) : '' };
    })
    .sort((a, b) => b.updated - a.updated);
}

function stateOf({ requests, status }: ListedSession): string {
  return requests > 0 ? 'waits for you' : status.type === 'idle' ? '' : 'works';
}

function noteOf(status: string, count: number, isSearch: boolean): string {
  if (count > 0) return '';
  if (status === 'loading') return 'Loading…';
  return isSearch ? 'Nothing was found.' : 'No chats yet.';
}

/** A value once it has not changed for a while. */
function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
