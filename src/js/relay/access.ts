/**
 * What somebody may see, asked of the relay's owner.
 * @module
 */
import { Refusal } from './errors.js';
import type { Access } from './options.js';
import type { Upstream } from './upstream.js';

/** Sessions of a list that are asked about at the same time. */
const LOOKS = 16;

/** Whether somebody may see a session, or one that it runs inside. */
export async function maySee({ sessions }: Access, session: string, upstream: Upstream): Promise<boolean> {
  if (sessions === 'all') return true;
  try {
    if (await owns(sessions, session)) return true;
    for (const id of (await upstream.lineage(session)).slice(1)) if (await owns(sessions, id)) return true;
    return false;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('hook_failed', error);
  }
}

/** @throws {Refusal} The same for what is not theirs and what is not there. */
export async function mustSee(access: Access, session: string, upstream: Upstream): Promise<void> {
  if (!(await maySee(access, session, upstream))) throw new Refusal('forbidden');
}

/** Those of a list that somebody may see. */
export async function seen<T>(access: Access, list: readonly T[], sessionOf: (each: T) => string, upstream: Upstream): Promise<T[]> {
  if (access.sessions === 'all') return [...list];
  const verdicts = new Map<string, boolean>();
  const ids = new Set(list.map(sessionOf))[Symbol.iterator]();
  const look = async (): Promise<void> => {
    for (let next = ids.next(); !next.done; next = ids.next()) verdicts.set(next.value, await maySee(access, next.value, upstream));
  };
  await Promise.all(Array.from({ length: LOOKS }, look));
  return list.filter((each) => verdicts.get(sessionOf(each)) === true);
}

async function owns(sessions: Exclude<Access['sessions'], 'all'>, id: string): Promise<boolean> {
  return typeof sessions === 'function' ? (await sessions(id)) === true : sessions.has(id);
}
