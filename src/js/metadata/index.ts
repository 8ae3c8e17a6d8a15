/**
 * What an application knows of its sessions: whose they are, tags, and data of its own, in PostgreSQL or PGlite.
 * @module
 */
export { type Database, drizzleMetadata, migrate } from './drizzle.js';
export { MetadataError, type MetadataErrorCode } from './error.js';
export { listWithSessions, type RelayHooks, relayHooks, type WithSession } from './live.js';
export { memoryMetadata } from './memory.js';
export { type MetadataPlace, openMetadata, type OpenMetadata } from './open.js';
export { chatSessions } from './table.js';
export type { SessionRow, SessionRowChange, SessionRowQuery, Metadata, NewSessionRow } from './types.js';
