/**
 * Reads the file of a recording, which may be anything.
 * @module
 */
import { SessionError } from '../errors.js';
import { CALLS, type CallEntry, type Entry, FORMAT, type Header, OUTPUTS } from './format.js';
import type { RecordingFile, RecordingSource } from './types.js';

/** Largest file that is read, bytes. */
const FILE = 256 * 1024 * 1024;
/** Entries of a file. */
const ENTRIES = 1_000_000;
/** Sessions that a file may have open at the same time; a client opens no more. */
const SESSIONS = 1_000;
/** Sessions that a file may open, one after the other. */
const OPENED = 10_000;

type Fields = { readonly [name: string]: unknown };

/**
 * Reads a recording.
 *
 * @throws {SessionError} `bad_recording` for what is none; the message says in which line.
 * @example
 * ```ts
 * const { header, entries } = await readRecording(await readFile('recording.jsonl'));
 * ```
 */
export async function readRecording(source: RecordingSource): Promise<RecordingFile> {
  if (typeof source === 'object' && 'header' in source) {
    count(source.entries);
    return source;
  }
  const size = typeof source === 'string' ? source.length : source instanceof Blob ? source.size : source.byteLength;
  if (size > FILE) throw tooLarge(`larger than ${FILE / 1_048_576} MiB`);
  const text = typeof source === 'string' ? source : await textOf(source);
  // One more than are read, so that a file of nothing but line ends is no list of them.
  const lines = text.split('\n', ENTRIES + 3);
  while (lines.at(-1)?.trim() === '') lines.pop();
  const header = checkHeader(lines[0] ?? '');
  const entries: Entry[] = [];
  let cut = false;
  for (let at = 1; at < lines.length; at += 1) {
    const entry = parse(lines[at] ?? '');
    const isLast = at === lines.length - 1 && !text.endsWith('\n');
    if (entry === undefined && isLast) cut = true;
    else if (entry === undefined || !isEntry(entry)) throw bad(`Line ${at + 1} of the file is no entry of a recording.`);
    else entries.push(entry as unknown as Entry);
  }
  count(entries);
  return { header, entries, cut };
}

/** Refuses more than a client ever does. */
function count(entries: readonly Entry[]): void {
  if (entries.length > ENTRIES) throw tooLarge(`of more than ${ENTRIES} entries`);
  let opened = 0;
  // By the handles that it says: a close of what is not open closes nothing.
  const open = new Set<unknown>();
  for (const entry of entries) {
    if (!('in' in entry)) continue;
    if (entry.in === 'open') {
      opened += 1;
      // One that gave no handle, or one that is open already, is never closed.
      open.add(typeof entry.r !== 'number' || open.has(entry.r) ? entry : entry.r);
    } else if (entry.in === 'closeSession') {
      open.delete(entry.a[0]);
    }
    if (open.size > SESSIONS || opened > OPENED) throw tooLarge(`of more than ${open.size > SESSIONS ? `${SESSIONS} sessions at the same time` : `${OPENED} sessions`}`);
  }
}

async function textOf(source: Blob | ArrayBuffer | Uint8Array): Promise<string> {
  const bytes = source instanceof Blob ? await source.arrayBuffer() : source;
  return new TextDecoder().decode(bytes);
}

function checkHeader(line: string): Header {
  const header = parse(line);
  const format = String(header?.['format'] ?? '');
  if (!format.startsWith('opencode-session-recording/')) throw bad('The file is no recording of opencode-session.');
  if (format !== FORMAT) throw bad(`The file is in another form (${format.slice(0, 60)}) than this version reads (${FORMAT}).`, 'Use the version of the package that made it.');
  const { build, started, host, text, options, seed } = header ?? {};
  const right = [build, host, options].every((each) => typeof each === 'string') && [started, seed].every(Number.isFinite);
  if (!right || (text !== 'keep' && text !== 'mask')) throw bad('The first line of the file is broken.');
  return header as unknown as Header;
}

function isEntry(entry: Fields): boolean {
  const { t, a } = entry;
  const timed = typeof t === 'number' && Number.isFinite(t);
  if (typeof entry['in'] === 'string') return timed && Array.isArray(a) && isDepth(entry['d'], 0) && isCall(entry as unknown as CallEntry);
  if (typeof entry['out'] === 'string') return Array.isArray(a) && isDepth(entry['d'], 1) && OUTPUTS.some((name) => name === entry['out']);
  const { log, end } = entry as { log?: unknown; end?: unknown };
  if (Array.isArray(log)) return timed && typeof log[0] === 'number' && typeof log[1] === 'string' && typeof log[2] === 'string';
  return timed && typeof end === 'string';
}

function isDepth(depth: unknown, least: number): boolean {
  return depth === undefined ? least === 0 : Number.isInteger(depth) && (depth as number) >= least;
}

/** The wasm is never called with anything but what it takes. */
function isCall({ in: name, a }: CallEntry): boolean {
  const kinds = Object.hasOwn(CALLS, name) ? CALLS[name] : undefined;
  return kinds !== undefined && a.length === kinds.length && a.every((value, at) => isKind(kinds[at] as string, value));
}

function isKind(kind: string, value: unknown): boolean {
  switch (kind) {
    case 'n':
      return typeof value === 'number';
    case 's':
      return typeof value === 'string';
    case 'f':
      return typeof value === 'boolean';
    case 'o':
      return value === null || isKind('b', value);
    default:
      return typeof value === 'string' || typeof (value as { base64?: unknown } | null)?.base64 === 'string';
  }
}

function parse(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function tooLarge(what: string): SessionError {
  return bad(`The file is ${what}.`, 'Record for a shorter time, or with a lower record.limit.');
}

function bad(message: string, hint = 'Choose a file that client.record() made.'): SessionError {
  return new SessionError({ code: 'bad_recording', message, hint });
}
