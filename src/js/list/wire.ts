/**
 * What servers say of sessions, made whole: forks and plugins leave fields out, and one session must not cost the list.
 * @module
 */
import type { SessionInfo } from '../types.js';
import { type Answer, MAX_REQUESTS } from './roll.js';

type Fields = { readonly [key: string]: unknown };

/** A session with what a list needs of it: the same object where nothing is missing; `undefined` for what is none. */
export function sessionOf(value: unknown): SessionInfo | undefined {
  if (!isObject(value) || typeof value['id'] !== 'string') return undefined;
  const times = isObject(value['time']) ? value['time'] : {};
  const created = numberOr(times['created'], 0);
  const updated = numberOr(times['updated'], created);
  const odd = ['directory', 'parentID', 'version'].filter((key) => key in value && typeof value[key] !== 'string');
  const isWhole = typeof value['title'] === 'string' && times['created'] === created && times['updated'] === updated;
  if (isWhole && odd.length === 0) return value as unknown as SessionInfo;
  const made: Record<string, unknown> = { ...value, title: typeof value['title'] === 'string' ? value['title'] : '', time: { ...times, created, updated } };
  for (const key of odd) delete made[key];
  return made as unknown as SessionInfo;
}

/** The first `most` sessions of a list; `undefined` for what is no list. */
export function sessionsOf(value: unknown, most: number): SessionInfo[] | undefined {
  return Array.isArray(value) ? value.slice(0, most).flatMap((each) => sessionOf(each) ?? []) : undefined;
}

/** What is asked of a person, of what is a list. */
export function requestsOf(...lists: readonly unknown[]): Answer['requests'] {
  return lists.flatMap((list) => (Array.isArray(list) ? list.slice(0, MAX_REQUESTS) : [])).filter((each) => isObject(each) && typeof each['id'] === 'string' && typeof each['sessionID'] === 'string');
}

/** An object, or nothing. */
export function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}
