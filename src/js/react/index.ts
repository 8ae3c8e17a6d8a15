'use client';
/**
 * `opencode-session/react`: chats, lists and the connection as hooks, for React 18 and 19.
 * @module
 */
export type { Chat, ChatOptions, LaterMethods, Sending } from './chat.js';
export { useChatSession, useSuspenseChatSession } from './chat.js';
export type { SessionProviderProps } from './client.js';
export { SessionProvider, useClient } from './client.js';
export type { SessionList } from './hooks.js';
export { useConnection, useCountdown, useProblem, useSessions } from './hooks.js';
