/**
 * The JavaScript picture of one session: takes change sets from the core, and keeps identities where nothing changed.
 * @module
 */
import { SessionError } from './errors.js';
import { INITIAL } from './initial.js';
import type { Change, Message, MessageInfo, Part, SessionState } from './types.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type DraftMessage = Mutable<Omit<Message, 'parts'>> & { parts: Part[] };
type DraftPart = Mutable<Part>;

const EMPTY: readonly never[] = Object.freeze([]);
const CONTINUITY = ['settled', 'streaming', 'gapped', 'interrupted'] as const;
const DELIVERY = ['sending', 'sent', 'failed', 'queued', 'dropped'] as const;
/** In the order of the core's `Field`. */
const FIELDS = [
  'session', 'status', 'connection', 'permissions', 'questions', 'todos', 'hasOlder', 'continuity', 'error',
] as const;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const pieces = new TextDecoder('utf-8', { ignoreBOM: true });
const PIECE = 4096;

/** Builds {@link SessionState}s from change sets. The core calls its methods step by step; `publish` ends a set. */
export class View {
  state: SessionState = INITIAL;
  readonly #id: string;
  readonly #onBad: (what: string) => void;
  /** The list of this change set, copied at its first step. */
  #list: DraftMessage[] | undefined;
  #patch: Record<string, unknown> | undefined;
  /** Messages and parts made in this change set: they may be written to. */
  readonly #own = new Set<object>();
  /** Steps for readers of `changes()`; objects in `#told` stand in it as they will be at the end of the set. */
  #steps: Change[] | undefined;
  readonly #told = new Set<object>();

  constructor(id: string, onBad: (what: string) => void) {
    this.#id = id;
    this.#onBad = onBad;
  }

  /** From here on, `publish` gives the steps too. */
  record(on: boolean): void {
    this.#steps = on ? (this.#steps ?? []) : undefined;
  }

  /** Ends the change set: a new `state` if anything changed, and the steps to it. */
  publish(): readonly Change[] {
    const list = this.#list;
    const patch = this.#patch;
    if (list === undefined && patch === undefined) return EMPTY;
    const next: Mutable<SessionState> = { ...this.state, ...patch };
    if (list !== undefined) next.messages = list;
    for (const key of ['session', 'error'] as const) if (next[key] === undefined) delete next[key];
    this.state = next;
    this.#list = undefined;
    this.#patch = undefined;
    this.#own.clear();
    this.#told.clear();
    const steps = this.#steps;
    if (steps === undefined) return EMPTY;
    if (patch !== undefined) steps.push({ type: 'patch', fields: patch });
    this.#steps = [];
    return steps;
  }

  /** The core is gone: of a change set that it did not end nothing is shown. */
  fail(error: SessionError, empties: boolean): readonly Change[] {
    const { source, attempt } = this.state.connection;
    this.#list = undefined;
    this.#patch = { connection: { phase: 'closed', source, attempt, error } };
    if (this.#steps !== undefined) this.#steps = [];
    if (!empties) return this.publish();
    this.state = INITIAL;
    this.publish();
    return [{ type: 'reset', state: this.state }];
  }

  insertMessage(index: number, key: string): void {
    const info: MessageInfo = { id: key, sessionID: this.#id, role: 'assistant', time: { created: 0 } };
    const message: DraftMessage = { key, info, parts: [] };
    this.#own.add(message);
    this.#own.add(message.parts);
    this.#draft().splice(index, 0, message);
    this.#say(message, { type: 'insert-message', index, message });
  }

  removeMessage(index: number): void {
    this.#draft().splice(index, 1);
    this.#steps?.push({ type: 'remove-message', index });
  }

  moveMessage(from: number, to: number): void {
    const message = this.#message(from);
    const list = this.#draft();
    list.splice(from, 1);
    list.splice(to, 0, message);
    this.#steps?.push({ type: 'remove-message', index: from });
    this.#say(message, { type: 'insert-message', index: to, message });
  }

  insertPart(at: number, index: number): void {
    const message = this.#message(at);
    const part: DraftPart = { id: '', messageID: message.info.id, sessionID: this.#id, type: '', continuity: 'settled' };
    this.#own.add(part);
    this.#parts(message).splice(index, 0, part);
    if (!this.#told.has(message)) this.#say(part, { type: 'insert-part', message: at, index, part });
  }

  removePart(at: number, index: number): void {
    const message = this.#message(at);
    this.#parts(message).splice(index, 1);
    if (!this.#told.has(message)) this.#steps?.push({ type: 'remove-part', message: at, index });
  }

  whole(at: number, raw: Uint8Array): void {
    const told = this.#parse(raw) as { info: MessageInfo; parts?: DraftPart[] } | undefined;
    if (told === undefined) return;
    const message = this.#message(at);
    message.info = told.info;
    message.parts = told.parts ?? [];
    this.#own.add(message.parts);
    for (const part of message.parts as DraftPart[]) {
      mend(part);
      part.continuity = 'settled';
      this.#own.add(part);
    }
    this.#update(message, at);
  }

  info(at: number, raw: Uint8Array): void {
    const info = this.#parse(raw) as MessageInfo | undefined;
    if (info === undefined) return;
    const message = this.#message(at);
    message.info = info;
    this.#update(message, at);
  }

  delivered(at: number, delivery: number): void {
    const message = this.#message(at);
    message.delivery = DELIVERY[delivery] ?? 'sending';
    this.#update(message, at);
  }

  part(at: number, index: number, raw: Uint8Array): void {
    const told = this.#parse(raw) as DraftPart | undefined;
    if (told === undefined) return;
    mend(told);
    const message = this.#message(at);
    const parts = this.#parts(message);
    const old = parts[index];
    told.continuity = old?.continuity ?? 'settled';
    if (old !== undefined && this.#told.has(old)) {
      // A step already holds the old object: it becomes the new one in place.
      for (const key of Object.keys(old)) delete (old as Record<string, unknown>)[key];
      for (const key of Object.keys(told)) define(old, key, (told as Record<string, unknown>)[key]);
      return;
    }
    this.#own.add(told);
    parts[index] = told;
    this.#tell(message, at, index, told);
  }

  text(at: number, index: number, text: string): void {
    const message = this.#message(at);
    const part = this.#part(message, index);
    if (part === undefined) return;
    part.text = text;
    this.#tell(message, at, index, part);
  }

  append(at: number, index: number, text: string): void {
    this.#grow(at, index, 'text', text);
  }

  tail(at: number, index: number, text: string): void {
    this.#grow(at, index, 'tail', text);
  }

  meta(at: number, index: number, continuity: number, gap: number): void {
    const message = this.#message(at);
    const part = this.#part(message, index);
    if (part === undefined) return;
    part.continuity = CONTINUITY[continuity] ?? 'settled';
    delete part.gap;
    delete part.tail;
    if (part.continuity === 'gapped') part.gap = { at: gap };
    this.#tell(message, at, index, part);
  }

  field(field: number, json: Uint8Array): void {
    const name = FIELDS[field];
    if (name === undefined) return;
    const value = json.length === 0 ? undefined : this.#parse(json);
    this.#patch ??= {};
    this.#patch[name] = name === 'error' ? problem(value) : withProblem(value);
  }

  #grow(at: number, index: number, field: 'text' | 'tail', text: string): void {
    const message = this.#message(at);
    const part = this.#part(message, index);
    if (part === undefined) return;
    part[field] = (part[field] ?? '') + text;
    if (this.#steps !== undefined && !this.#told.has(message) && !this.#told.has(part)) {
      this.#steps.push({ type: 'append', message: at, index, field, text });
    }
  }

  #draft(): DraftMessage[] {
    this.#list ??= this.state.messages.slice() as DraftMessage[];
    return this.#list;
  }

  #message(at: number): DraftMessage {
    const list = this.#draft();
    let message = list[at] as DraftMessage;
    if (!this.#own.has(message)) {
      message = { ...message };
      this.#own.add(message);
      list[at] = message;
    }
    return message;
  }

  #parts(message: DraftMessage): DraftPart[] {
    if (!this.#own.has(message.parts)) {
      message.parts = message.parts.slice();
      this.#own.add(message.parts);
    }
    return message.parts as DraftPart[];
  }

  #part(message: DraftMessage, index: number): DraftPart | undefined {
    const parts = this.#parts(message);
    const old = parts[index];
    if (old === undefined || this.#own.has(old)) return old;
    const part = { ...old };
    this.#own.add(part);
    parts[index] = part;
    return part;
  }

  #tell(message: object, at: number, index: number, part: DraftPart): void {
    if (this.#steps === undefined || this.#told.has(message) || this.#told.has(part)) return;
    this.#say(part, { type: 'update-part', message: at, index, part });
  }

  #update(message: DraftMessage, at: number): void {
    if (!this.#told.has(message)) this.#say(message, { type: 'update-message', index: at, message });
  }

  #say(object: object, step: Change): void {
    if (this.#steps === undefined) return;
    this.#steps.push(step);
    this.#told.add(object);
  }

  #parse(raw: Uint8Array): unknown {
    try {
      return JSON.parse(raw.length > PIECE ? inPieces(raw) : decoder.decode(raw));
    } catch {
      this.#onBad('The server sent JSON that cannot be read; it is left out.');
      return undefined;
    }
  }
}

/** Engines decode short plain pieces several times faster than one long text with a few wide letters in it. */
function inPieces(raw: Uint8Array): string {
  let text = '';
  for (let at = 0; at < raw.length; at += PIECE) {
    text += pieces.decode(raw.subarray(at, at + PIECE), { stream: at + PIECE < raw.length });
  }
  return text;
}

/** Makes a {@link SessionError} of the core's JSON. */
export function problem(value: unknown): SessionError | undefined {
  return value === undefined ? undefined : new SessionError(value as ConstructorParameters<typeof SessionError>[0]);
}

/** A status or connection may hold errors. */
export function withProblem(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const made = value as Record<string, unknown>;
  for (const key of ['error', 'fallback']) {
    const error = made[key];
    if (typeof error === 'object' && error !== null && 'code' in error) made[key] = problem(error);
  }
  return made;
}

/** Like assignment, but `__proto__` becomes a plain field, as `JSON.parse` makes it. */
function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

/**
 * Half a surrogate pair that stays alone is U+FFFD while a text grows, since the core's text cannot hold it: so it is when the text is told
 * whole. At the end of an open text it is not shown before what follows tells whether it stays alone.
 */
function mend(part: DraftPart): void {
  const { text, time } = part;
  if (!text) return;
  const sure: string & { toWellFormed?(): string } = time && !time.end ? text.replace(/[\ud800-\udbff]$/, '') : text;
  part.text = sure.toWellFormed?.() ?? sure;
}
