import { join } from 'node:path';
import { type OpenMetadata, openMetadata } from 'opencode-session/metadata';

/** Whose chats are whose, and their tags. Opened once, with its table made or brought up to date. */
export function metadata(): Promise<OpenMetadata> {
  if (process.env.DATABASE_URL) return openMetadata({ url: process.env.DATABASE_URL });
  return openMetadata({ dir: process.env.DATA_DIR ?? join(/* turbopackIgnore: true */ process.cwd(), '.data') });
}
