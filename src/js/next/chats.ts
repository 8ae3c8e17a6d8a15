/**
 * Which session belongs to a chat that its page has named by itself.
 * @module
 */

/**
 * Where a {@link createChatRoute} for `useChat` looks for the session of a chat. Several instances need one that they share.
 *
 * @example
 * ```ts
 * const chats: Chats = { get: (user, chat) => db.sessionOf(user, chat), set: (user, chat, session) => db.setSession(user, chat, session) };
 * ```
 */
export interface Chats {
  /** The session of a chat. */
  get(user: string, chat: string): string | undefined | Promise<string | undefined>;
  /** A chat has a session from here on. */
  set(user: string, chat: string, session: string): void | Promise<void>;
}

/** Chats that are remembered in memory; the oldest are forgotten. */
const MAX_CHATS = 10_000;

const PLACE = Symbol.for('opencode-session.chats');

/** In the memory of this process: in one place, because a framework may load the modules of each route anew. */
export function memoryChats(server: string): Chats {
  const shared = globalThis as { [PLACE]?: Map<string, string> };
  shared[PLACE] ??= new Map();
  const known = shared[PLACE];
  const key = (user: string, chat: string): string => JSON.stringify([server, user, chat]);
  return {
    get: (user, chat) => known.get(key(user, chat)),
    set: (user, chat, session) => {
      known.set(key(user, chat), session);
      const [oldest] = known.size > MAX_CHATS ? known.keys() : [];
      if (oldest !== undefined) known.delete(oldest);
    },
  };
}
