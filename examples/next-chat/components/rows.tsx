'use client';
import { useConnection } from 'opencode-session/react';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import type { ChatRow } from '@/lib/rows';

interface Rows {
  /** The user's chats with their tags; `undefined` until they are there. */
  readonly rows: readonly ChatRow[] | undefined;
  /** Grows with each change of tags. */
  readonly revision: number;
  refresh(): void;
  /** Rejects when the server did not take them. */
  save(id: string, tags: readonly string[]): Promise<void>;
}

const Context = createContext<Rows>({ rows: undefined, revision: 0, refresh: () => undefined, save: async () => undefined });
export const useRows = (): Rows => useContext(Context);

/** The tags of the user's chats, for the list and for the open chat. */
export function RowsProvider({ children }: { children: ReactNode }) {
  const [revision, setRevision] = useState(0);
  const refresh = useCallback(() => setRevision((last) => last + 1), []);
  const rows = useFoundRows('', undefined, revision);
  const save = useCallback(async (id: string, tags: readonly string[]) => {
    const answer = await fetch(`/api/chats/${id}`, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ tags }) });
    if (!answer.ok) throw new Error(`The tags were not taken: ${answer.status}`);
    refresh();
  }, [refresh]);
  // They may have been changed on another device.
  useEffect(() => {
    addEventListener('focus', refresh);
    return () => removeEventListener('focus', refresh);
  }, [refresh]);
  const value = useMemo(() => ({ rows, revision, refresh, save }), [rows, revision, refresh, save]);
  return <Context value={value}>{children}</Context>;
}

/** Chats with a tag, or with a text in one of their tags; asked for again once the server is back. */
export function useFoundRows(text: string, tag: string | undefined, revision: number): readonly ChatRow[] | undefined {
  const [found, setFound] = useState<{ readonly key: string; readonly rows: readonly ChatRow[] }>();
  const isLive = useConnection().phase === 'live';
  const key = new URLSearchParams({ ...(text && { text }), ...(tag && { tag }) }).toString();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a revision is a reason to ask again.
  useEffect(() => {
    if (!isLive) return;
    const end = new AbortController();
    const load = async () => {
      const answer = await fetch(`/api/chats?${key}`, { signal: end.signal });
      if (answer.ok) setFound({ key, rows: await answer.json() });
    };
    // The page shows the chats without their tags then; that the server is away is told by the chat.
    load().catch(() => undefined);
    return () => end.abort();
  }, [key, isLive, revision]);
  return found?.key === key ? found.rows : undefined;
}
