/**
 * Input of metadata, checked before a database sees it.
 * @module
 */
import { MetadataError } from './error.js';
import type { SessionRowChange, SessionRowQuery, NewSessionRow } from './types.js';

/** Characters of an id. */
const NAME = 256;
const TAGS = 64;
const TAG = 128;
/** Characters of `custom` as JSON. */
const CUSTOM = 65_536;
const TEXT = 1_000;
const LIMIT = 50;
const MOST = 500;

/** A row without its time. */
export type Checked = Required<NewSessionRow>;

export function newSession(session: NewSessionRow): Checked {
  known('create', session, ['id', 'userId', 'workspaceId', 'tags', 'custom']);
  const { id, userId, workspaceId = null, tags = [], custom = {} } = session;
  return { id: name('id', id), userId: name('userId', userId), ...change({ workspaceId, tags, custom }) } as Checked;
}

export function change(changes: SessionRowChange): SessionRowChange {
  known('update', changes, ['workspaceId', 'tags', 'custom']);
  const { workspaceId, tags, custom } = changes;
  return {
    ...(workspaceId !== undefined && { workspaceId: workspaceId === null ? null : name('workspaceId', workspaceId) }),
    ...(tags !== undefined && { tags: labels(tags) }),
    ...(custom !== undefined && { custom: object(custom) }),
  };
}

export function query(asked: SessionRowQuery): SessionRowQuery & { readonly limit: number } {
  known('list', asked, ['user', 'workspace', 'tag', 'text', 'limit', 'before']);
  const { user, workspace, tag, text, limit = LIMIT, before } = asked;
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MOST)) throw bad(`limit is no whole number from 1 to ${MOST}.`);
  if (before !== undefined && !(before !== null && before.createdAt instanceof Date && Number.isFinite(before.createdAt.getTime()))) throw bad('before has no createdAt that is a date.');
  return {
    user: name('user', user),
    limit,
    ...(workspace !== undefined && { workspace: name('workspace', workspace) }),
    ...(tag !== undefined && { tag: words('tag', tag, TAG) }),
    ...(text !== undefined && text !== '' && { text: words('text', text, TEXT) }),
    ...(before !== undefined && { before: { id: name('before.id', before.id), createdAt: before.createdAt } }),
  };
}

export function name(of: string, value: unknown): string {
  return words(of, value, NAME);
}

function words(of: string, value: unknown, most: number): string {
  if (typeof value !== 'string' || value === '' || value.length > most) throw bad(`${of} is no text of 1 to ${most} characters.`);
  return storable(of, value);
}

/** PostgreSQL takes neither. */
function storable(of: string, text: string): string {
  if (text.includes('\0') || /[\uD800-\uDFFF]/u.test(text)) throw bad(`${of} has a character that cannot be stored.`);
  return text;
}

function labels(tags: unknown): string[] {
  if (!Array.isArray(tags) || tags.length > TAGS) throw bad(`tags is no list of at most ${TAGS}.`);
  return [...new Set(tags.map((tag) => words('a tag', tag, TAG)))];
}

function object(custom: unknown): { [key: string]: unknown } {
  if (typeof custom !== 'object' || custom === null || Array.isArray(custom)) throw bad('custom is no object.');
  let json: string;
  try {
    json = JSON.stringify(custom, (key, value) => {
      storable('custom', key);
      return typeof value === 'string' ? storable('custom', value) : value;
    });
  } catch (error) {
    throw error instanceof MetadataError ? error : bad('custom cannot be written as JSON.', error);
  }
  if (json === undefined || json.length > CUSTOM) throw bad(`custom is longer than ${CUSTOM} characters of JSON.`);
  const plain: unknown = JSON.parse(json);
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) throw bad('custom is no object.');
  return plain as { [key: string]: unknown };
}

function known(method: string, value: unknown, names: readonly string[]): void {
  if (typeof value !== 'object' || value === null) throw bad(`${method} takes an object.`);
  const odd = Object.keys(value).find((each) => !names.includes(each));
  if (odd !== undefined) throw bad(`${method} does not know "${odd.slice(0, 40)}": there are ${names.join(', ')}.`);
}

function bad(message: string, cause?: unknown): MetadataError {
  return new MetadataError('metadata_bad_input', message, cause);
}
