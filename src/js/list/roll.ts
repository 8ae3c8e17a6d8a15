/**
 * The rules of a live list, without I/O: what events and answers make of it. A stamp counts both as they come; what was
 * asked for before something changed loses against the change.
 * @module
 */
import type { ListedSession, SessionInfo } from '../types.js';
import { matches, searchable } from './words.js';

/** What is asked of the server. */
export interface Question {
  /** When it was asked. */
  readonly stamp: number;
  /** So many sessions, newest update first; one more tells that there are more. */
  readonly limit: number;
  /** So many of the answer are read, whatever comes. */
  readonly most: number;
  /** Text that is searched for. */
  readonly text: string;
  /** What of it the server is to search for. */
  readonly search: string;
  readonly roots: boolean;
}

/** What the server answered. */
export interface Answer {
  readonly sessions: readonly SessionInfo[];
  readonly statuses: { readonly [id: string]: unknown };
  readonly requests: readonly { readonly id: string; readonly sessionID: string }[];
}

type Status = ListedSession['status'];

interface Known {
  readonly info: SessionInfo;
  readonly stamp: number;
}

interface Request {
  readonly session: string;
  readonly isOpen: boolean;
  readonly stamp: number;
}

/** A place in the order of the list. */
type Place = Pick<SessionInfo, 'id' | 'time'>;

const IDLE: Status = Object.freeze({ type: 'idle' });
/** Servers before 1.2 give the newest made, not the newest changed: there all are asked for. */
const ALL = 1_000_000;
/** Sessions known, and shown at most: the newest updates. */
const MAX_KNOWN = 10_000;
/** Known beyond that before they are counted out. */
const SLACK = 1_000;
/** Parents remembered; the oldest are asked for again. */
const MAX_KIN = 5_000;
const MAX_GRAVES = 1_000;
/** Statuses that are known, and requests for a person; the oldest are asked for with the next question. */
const MAX_STATUSES = 10_000;
export const MAX_REQUESTS = 10_000;
/** A chain longer than this is a circle. */
const MAX_DEPTH = 32;

/** The sessions of one directory, as far as they are known, and which of them are shown. */
export class Roll {
  /** The server's name of the directory; empty while it is not known. */
  get directory(): string {
    return this.#directory;
  }

  set directory(directory: string) {
    this.#directory = directory;
    this.#read = undefined;
  }

  #directory = '';
  readonly #roots: boolean;
  /** Sessions in a page. */
  readonly page: number;
  #text = '';
  #stamp = 0;
  readonly #known = new Map<string, Known>();
  /** Removed sessions. Their turns may go on for a moment, and ids are not used again; the oldest are forgotten. */
  readonly #graves = new Map<string, number>();
  readonly #statuses = new Map<string, { readonly status: Status; readonly stamp: number }>();
  readonly #requests = new Map<string, Request>();
  /** Child and parent; the parent is empty where there is none. */
  readonly #kin = new Map<string, string>();
  /** What was answered: all sessions with `text` in the title that changed after `floor`. */
  #cover = { text: '', floor: Number.POSITIVE_INFINITY };
  #wanted: number;
  #limit: number;
  /** The last place that is shown. */
  #bottom: Place | undefined;
  readonly #listed = new Map<string, { info: SessionInfo; made: ListedSession }>();
  #shown: readonly ListedSession[] = Object.freeze([]);
  /** What {@link read} gave, until something changes: of ten thousand sessions it is not made twice. */
  #read: { sessions: readonly ListedSession[]; hasMore: boolean } | undefined;

  constructor(page: number, roots: boolean, text: string) {
    this.page = page;
    this.#roots = roots;
    this.#text = text;
    this.#wanted = page;
    this.#limit = page;
  }

  /** What is to be asked to bring the list up to date. */
  ask(): Question {
    // What is shown stays, however it came.
    this.#wanted = Math.min(Math.max(this.#wanted, this.read().sessions.length), MAX_KNOWN);
    this.#limit = Math.max(this.#limit, this.#wanted);
    this.#change();
    return { stamp: this.#stamp, limit: this.#limit, most: Math.min(this.#limit, MAX_KNOWN) + 1, text: this.#text, search: searchable(this.#text), roots: this.#roots };
  }

  /** Takes the answer to the newest question. Gives whether another one has to be asked before the list is right. */
  answer(question: Question, answer: Answer): boolean {
    const sessions = answer.sessions.slice(0, question.most);
    this.#read = undefined;
    const more = sessions.length > question.limit;
    if (more && !sessions.some(isOrdered)) {
      this.#limit = ALL;
      return true;
    }
    const floor = more ? (sessions.at(-1) as SessionInfo).time.updated : Number.NEGATIVE_INFINITY;
    this.#merge(question, sessions, floor);
    this.#mergeStatuses(question.stamp, answer.statuses);
    this.#mergeRequests(question.stamp, answer.requests);
    this.#cover = { text: question.text, floor };
    this.#forget();
    this.#settle();
    return !this.isAnswered || this.#grow();
  }

  /** A session as it is now. */
  told(info: SessionInfo): void {
    this.learn(info);
    this.#change();
    if (this.#graves.has(info.id)) return;
    this.#put(info, this.#stamp);
    if (this.#known.size > MAX_KNOWN + SLACK) this.#forget();
  }

  /** It is gone. */
  gone(id: string): void {
    this.#change();
    this.#known.delete(id);
    this.#listed.delete(id);
    forgetOldest(this.#graves.set(id, this.#stamp), MAX_GRAVES);
    forgetOldest(this.#statuses.set(id, { status: IDLE, stamp: this.#stamp }), MAX_STATUSES);
    this.#setKin(id, '');
    for (const [request, { session }] of this.#requests) if (session === id) this.answered(request);
  }

  status(id: string, status: unknown): void {
    this.#change();
    this.#setStatus(id, status, this.#stamp);
  }

  /** A person is asked for something. */
  asked(session: string, request: string): void {
    this.#change();
    forgetOldest(this.#requests.set(request, { session, isOpen: true, stamp: this.#stamp }), MAX_REQUESTS);
  }

  answered(request: string): void {
    this.#change();
    forgetOldest(this.#requests.set(request, { session: '', isOpen: false, stamp: this.#stamp }), MAX_REQUESTS);
  }

  /** Sessions whose requests cannot be placed before they are asked for. */
  strays(): string[] {
    const found = new Set<string>();
    for (const session of this.#asking()) {
      const top = this.#above(session).at(-1) ?? session;
      if (this.#parent(top) === undefined) found.add(top);
    }
    return [...found];
  }

  /** Reads which session a session runs in. */
  learn({ id, parentID = '' }: { readonly id: string; readonly parentID?: string }): void {
    this.#read = undefined;
    if (!this.#graves.has(id)) this.#setKin(id, parentID);
  }

  get text(): string {
    return this.#text;
  }

  /** Searches for another text. Gives whether the server has to be asked. */
  search(text: string): boolean {
    this.#read = undefined;
    this.#text = text;
    this.#wanted = this.page;
    if (this.#limit < ALL) this.#limit = this.page;
    this.#settle();
    return !this.isAnswered;
  }

  /** Shows up to `count` more. Gives whether the server has to be asked. */
  more(count: number): boolean {
    this.#wanted = Math.min(this.read().sessions.length + count, MAX_KNOWN);
    this.#settle();
    return this.#grow();
  }

  /** After removals: fills the first page again. Gives whether the server has to be asked. */
  refill(): boolean {
    if (!this.isAnswered || this.read().sessions.length >= this.page) return false;
    this.#wanted = this.page;
    this.#settle();
    return this.#grow();
  }

  /** Whether the server has answered for this search. */
  get isAnswered(): boolean {
    const { text, floor } = this.#cover;
    // Where all is known, a narrower search is answered as well.
    return Number.isFinite(floor) ? text === this.#text : floor < 0 && matches(this.#text, text);
  }

  /** What is shown, and whether there is more. The same array while nothing changed. */
  read(): { readonly sessions: readonly ListedSession[]; readonly hasMore: boolean } {
    this.#read ??= this.#make();
    return this.#read;
  }

  #make(): { sessions: readonly ListedSession[]; hasMore: boolean } {
    const candidates = this.#candidates();
    const bottom = this.#bottom;
    const shown = bottom === undefined ? candidates : candidates.filter((info) => compare(info, bottom) <= 0);
    const waiting = this.#waiting();
    const sessions = shown.map((info) => this.#list(info, waiting.get(info.id) ?? 0));
    const same = sessions.length === this.#shown.length && sessions.every((each, at) => each === this.#shown[at]);
    if (!same) this.#shown = Object.freeze(sessions);
    const hasMore = sessions.length < MAX_KNOWN && (candidates.length > shown.length || (Number.isFinite(this.#cover.floor) && this.#limit < MAX_KNOWN));
    return { sessions: this.#shown, hasMore };
  }

  /** Of more than can be kept the oldest updates go; the list ends above them. */
  #forget(): void {
    if (this.#known.size <= MAX_KNOWN) return;
    const old = [...this.#known.values()].map(({ info }) => info).sort(compare).slice(MAX_KNOWN);
    for (const { id } of old) this.#known.delete(id);
    for (const id of this.#listed.keys()) if (!this.#known.has(id)) this.#listed.delete(id);
    const [first] = old;
    if (first !== undefined) this.#cover = { ...this.#cover, floor: Math.max(this.#cover.floor, first.time.updated) };
  }

  /** Something happened: what was asked for before loses against it. */
  #change(): void {
    this.#stamp += 1;
    this.#read = undefined;
  }

  /** The page ends with the last one that is wanted. What comes in above it later is shown as well. */
  #settle(): void {
    this.#read = undefined;
    const candidates = this.#candidates();
    this.#bottom = candidates.length > this.#wanted ? candidates[this.#wanted - 1] : undefined;
  }

  /** Whether a longer list has to be asked for. */
  #grow(): boolean {
    // What would not be kept is not asked for: most of it may be archived, and it would be asked for again and again.
    if (this.#cover.floor === Number.NEGATIVE_INFINITY || this.#limit >= MAX_KNOWN || this.#candidates().length >= this.#wanted) return false;
    this.#limit = Math.min(Math.max(this.#wanted, this.#limit * 2), MAX_KNOWN);
    this.#read = undefined;
    return true;
  }

  #candidates(): SessionInfo[] {
    const { floor } = this.#cover;
    const found: SessionInfo[] = [];
    for (const { info } of this.#known.values()) if (info.time.updated >= floor && this.#belongs(info)) found.push(info);
    return found.sort(compare);
  }

  #belongs(info: SessionInfo): boolean {
    // Servers take a session out of the archive by a time of zero.
    return !info.time.archived && this.#isOurs(info) && matches(info.title, this.#text);
  }

  #isOurs({ directory, parentID }: SessionInfo): boolean {
    const here = directory === undefined || this.directory === '' || directory === this.directory;
    return here && !(this.#roots && parentID);
  }

  #merge({ stamp, search }: Question, sessions: readonly SessionInfo[], floor: number): void {
    const there = new Set<string>();
    for (const info of sessions) {
      there.add(info.id);
      this.learn(info);
      if ((this.#graves.get(info.id) ?? 0) > stamp) continue;
      this.#graves.delete(info.id);
      if ((this.#known.get(info.id)?.stamp ?? 0) < stamp) this.#put(info, stamp);
    }
    for (const [id, known] of this.#known) {
      const { info } = known;
      const isCovered = info.time.updated >= floor && this.#isOurs(info) && matches(info.title, search);
      if (!there.has(id) && known.stamp < stamp && isCovered) this.#known.delete(id);
    }
  }

  #mergeStatuses(stamp: number, statuses: Answer['statuses']): void {
    for (const id of Object.keys(statuses).slice(0, MAX_STATUSES)) {
      if ((this.#statuses.get(id)?.stamp ?? 0) < stamp) this.#setStatus(id, statuses[id], stamp);
    }
    for (const [id, known] of this.#statuses) if (known.stamp < stamp) this.#statuses.delete(id);
  }

  #mergeRequests(stamp: number, requests: Answer['requests']): void {
    for (const { id, sessionID } of requests.slice(0, MAX_REQUESTS)) {
      if ((this.#requests.get(id)?.stamp ?? 0) < stamp) forgetOldest(this.#requests.set(id, { session: sessionID, isOpen: true, stamp }), MAX_REQUESTS);
    }
    for (const [id, known] of this.#requests) if (known.stamp < stamp) this.#requests.delete(id);
  }

  #put(info: SessionInfo, stamp: number): void {
    if (!this.#isOurs(info)) {
      this.#known.delete(info.id);
      return;
    }
    this.#known.set(info.id, { info, stamp });
  }

  #setStatus(id: string, status: unknown, stamp: number): void {
    const type = (status as Status | null)?.type;
    const known = type === 'busy' || type === 'retry' ? (status as Status) : IDLE;
    forgetOldest(this.#statuses.set(id, { status: known, stamp }), MAX_STATUSES);
  }

  #setKin(id: string, parent: string): void {
    this.#kin.delete(id);
    forgetOldest(this.#kin.set(id, parent), MAX_KIN);
  }

  #parent(id: string): string | undefined {
    const known = this.#known.get(id);
    return known === undefined ? this.#kin.get(id) : (known.info.parentID ?? '');
  }

  /** A session and those that it runs in, as far as that is known. */
  #above(id: string): string[] {
    const chain = [id];
    for (let parent = this.#parent(id); parent && chain.length < MAX_DEPTH; parent = this.#parent(parent)) chain.push(parent);
    return chain;
  }

  /**
   * The session of each open request. Servers drop what an aborted turn asked without a word: nothing is open of a session
   * that is idle.
   */
  *#asking(): Generator<string> {
    for (const { session, isOpen } of this.#requests.values()) {
      if (isOpen && (this.#statuses.get(session)?.status ?? IDLE) !== IDLE) yield session;
    }
  }

  /** How many requests wait in each session and below it. */
  #waiting(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const session of this.#asking()) {
      for (const id of this.#above(session)) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return counts;
  }

  #list(info: SessionInfo, requests: number): ListedSession {
    const status = this.#statuses.get(info.id)?.status ?? IDLE;
    const old = this.#listed.get(info.id);
    if (old?.made.requests === requests && isEqual(old.info, info) && isEqual(old.made.status, status)) return old.made;
    const made = Object.freeze({ ...info, status, requests });
    this.#listed.set(info.id, { info, made });
    return made;
  }
}

function forgetOldest(map: Map<string, unknown>, most: number): void {
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}

/** The newest update first. */
function compare(a: Place, b: Place): number {
  return b.time.updated - a.time.updated || b.time.created - a.time.created || (a.id < b.id ? -1 : Number(a.id !== b.id));
}

/** Whether a server that made this session gives the newest changed ones first: 1.2 and newer do. */
function isOrdered({ version = '' }: SessionInfo): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 1 || (major === 1 && minor >= 2);
}

/** Whether two values of JSON say the same; of what is nested deeper than `depth` that is not looked into. */
function isEqual(a: unknown, b: unknown, depth = 256): boolean {
  if (a === b) return true;
  if (depth === 0 || typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  const [first, second] = [Object.entries(a), b as { readonly [key: string]: unknown }];
  return first.length === Object.keys(b).length && first.every(([key, value]) => Object.hasOwn(second, key) && isEqual(value, second[key], depth - 1));
}
