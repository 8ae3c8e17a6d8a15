/**
 * The table, as others see it.
 * @module
 */
import { chatSessions as table } from './schema.js';

/**
 * The table `chat_sessions`, a `pgTable` of Drizzle with the columns `id`, `userId`, `workspaceId`, `tags`, `custom` and `createdAt`. For
 * queries of your own that are typed, describe it in your own schema.
 *
 * @example
 * ```ts
 * const schema = { chatSessions };
 * ```
 */
export const chatSessions: object = table;
