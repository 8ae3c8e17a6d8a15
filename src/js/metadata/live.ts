/**
 * Metadata beside the sessions themselves, and beside a relay.
 * @module
 */
import type { SessionRow, SessionRowQuery, Metadata } from './types.js';

/** Sessions that are asked for at the same time. */
const AT_ONCE = 8;

/**
 * A row with its session. `session` is `undefined` where the server could not be asked.
 *
 * @example
 * ```ts
 * const titleOf = ({ tags, session }: WithSession<SessionInfo>) => session?.title ?? tags.join();
 * ```
 */
export type WithSession<S> = SessionRow & { readonly session: S | undefined };

/**
 * Lists rows with their sessions as they are now. `find` gets a session by its id, as `client.sessions.get` does. A session that was
 * deleted elsewhere is not in the list, and its row is removed; where the server is not reached, rows come without their sessions.
 *
 * @example
 * ```ts
 * const metadata = await openMetadata();
 * const rows = await listWithSessions(metadata, { user: 'ada', tag: 'invoices' }, (id) => client.sessions.get(id));
 * ```
 */
export async function listWithSessions<S>(metadata: Metadata, query: SessionRowQuery, find: (id: string) => Promise<S>): Promise<WithSession<S>[]> {
  const rows = await metadata.list(query);
  const found: (WithSession<S> | undefined)[] = [];
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    found.push(
      ...(await Promise.all(
        rows.slice(at, at + AT_ONCE).map(async (row) => {
          try {
            return { ...row, session: await find(row.id) };
          } catch (error) {
            if (!isGone(error)) return { ...row, session: undefined };
            // The list does not depend on it: the next one tries again.
            await metadata.remove(row.id).catch(() => false);
            return undefined;
          }
        }),
      )),
    );
  }
  return found.filter((row) => row !== undefined);
}

/**
 * What `createRelay` needs so that each user reaches their own sessions and no others, and rows come and go with sessions.
 *
 * @example
 * ```ts
 * const { sessions, onCreate, onDelete }: RelayHooks = relayHooks(memoryMetadata());
 * const relay = createRelay({ upstream: baseUrl, authorize: () => ({ user: 'ada', sessions: sessions('ada') }), onCreate, onDelete });
 * ```
 */
export interface RelayHooks {
  /** For `Access.sessions`: which are this user's. */
  readonly sessions: (user: string) => (id: string) => Promise<boolean>;
  /** Makes the row. */
  readonly onCreate: (user: string, session: { readonly id: string }) => Promise<void>;
  /** Removes it. */
  readonly onDelete: (user: string, id: string) => Promise<void>;
}

/**
 * Ties metadata to a relay.
 *
 * @example
 * ```ts
 * const hooks = relayHooks(memoryMetadata());
 * ```
 */
export function relayHooks(metadata: Metadata): RelayHooks {
  return {
    sessions: (user) => (id) => metadata.owns(user, id),
    onCreate: async (user, { id }) => {
      await metadata.create({ id, userId: user });
    },
    onDelete: async (_user, id) => {
      await metadata.remove(id);
    },
  };
}

function isGone(error: unknown): boolean {
  const { code, status } = (error ?? {}) as { readonly code?: unknown; readonly status?: unknown };
  return code === 'session_not_found' || (code === 'not_found' && status === 404);
}
