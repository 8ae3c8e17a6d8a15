/**
 * Routes of a Next.js app: a chat endpoint, and a relay for pages that hold the session themselves.
 * @module
 */
import { createRelay, type RelayOptions } from '../relay/index.js';
import { answerOf } from './fault.js';
import { later } from './later.js';

export type { Access, Extra, RelayLimits, RelayOptions } from '../relay/index.js';
export { type ChatRoute, type ChatRouteOptions, createChatRoute } from './chat.js';
export type { Chats } from './chats.js';
export type { ChatEvent } from './events.js';

/**
 * Handlers of a route of the App Router that passes on all methods.
 *
 * @example
 * ```ts
 * const { GET, POST, PATCH, DELETE, OPTIONS }: RelayRoute = createRelayRoute(options);
 * ```
 */
export type RelayRoute = { readonly [method in 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'OPTIONS']: (request: Request) => Promise<Response> };

/**
 * Handlers for `app/api/opencode/[...path]/route.ts`. Give the page's client `/api/opencode` as its `baseUrl`.
 *
 * @example
 * ```ts
 * const { GET, POST, PATCH, DELETE, OPTIONS } = createRelayRoute({ upstream: 'http://127.0.0.1:4096', authorize: async () => ({ user: 'ada', sessions: 'all' }) });
 * ```
 */
export function createRelayRoute(options: RelayOptions): RelayRoute {
  const relay = later(() => createRelay(options));
  const handle = async (request: Request): Promise<Response> => {
    try {
      return await relay()(request);
    } catch (error) {
      return answerOf(error);
    }
  };
  return { GET: handle, POST: handle, PATCH: handle, DELETE: handle, OPTIONS: handle };
}
