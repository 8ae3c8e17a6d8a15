/**
 * Metadata in memory, for tests.
 * @module
 */
import * as check from './check.js';
import { MetadataError } from './error.js';
import type { SessionRow, SessionRowChange, SessionRowQuery, Metadata, NewSessionRow } from './types.js';

/**
 * Metadata that is gone with the process.
 *
 * @example
 * ```ts
 * const metadata = memoryMetadata();
 * await metadata.create({ id: 'ses_1', userId: 'ada' });
 * ```
 */
export function memoryMetadata(): Metadata {
  return new MemoryMetadata();
}

class MemoryMetadata implements Metadata {
  readonly #rows = new Map<string, SessionRow>();

  async create(session: NewSessionRow): Promise<SessionRow> {
    const row = check.newSession(session);
    const there = this.#rows.get(row.id);
    if (there !== undefined && there.userId !== row.userId) throw new MetadataError('metadata_taken', 'The session is of another user.');
    const made = there ?? { ...row, createdAt: new Date() };
    this.#rows.set(row.id, made);
    return structuredClone(made);
  }

  async get(id: string): Promise<SessionRow | undefined> {
    return structuredClone(this.#rows.get(check.name('id', id)));
  }

  async list(asked: SessionRowQuery): Promise<SessionRow[]> {
    const { user, workspace, tag, text, limit, before } = check.query(asked);
    const part = text?.toLowerCase();
    const has = ({ tags, workspaceId, custom }: SessionRow): boolean => part === undefined || [...tags, workspaceId ?? '', JSON.stringify(custom)].some((each) => each.toLowerCase().includes(part));
    const found = [...this.#rows.values()].filter(
      (row) => row.userId === user && (workspace === undefined || row.workspaceId === workspace) && (tag === undefined || row.tags.includes(tag)) && has(row) && (before === undefined || order(before, row) < 0),
    );
    return structuredClone(found.sort(order).slice(0, limit));
  }

  async update(id: string, changes: SessionRowChange): Promise<SessionRow | undefined> {
    const checked = check.change(changes);
    const row = this.#rows.get(check.name('id', id));
    if (row === undefined) return undefined;
    const made = { ...row, ...checked } as SessionRow;
    this.#rows.set(id, made);
    return structuredClone(made);
  }

  async remove(id: string): Promise<boolean> {
    return this.#rows.delete(check.name('id', id));
  }

  async owns(user: string, id: string): Promise<boolean> {
    return this.#rows.get(check.name('id', id))?.userId === check.name('user', user);
  }
}

/** Newest first. */
function order(a: Pick<SessionRow, 'id' | 'createdAt'>, b: Pick<SessionRow, 'id' | 'createdAt'>): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}
