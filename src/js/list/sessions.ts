/**
 * A live list: asks the server, hears the core's events, tells its readers. What it shows is decided in `roll.ts`.
 * @module
 */
import type { LiveSessions } from '../api.js';
import { bound } from '../bound.js';
import type { SessionError } from '../errors.js';
import { Frames } from '../frames.js';
import { CONNECTING, UNLISTED } from '../initial.js';
import type { Link } from '../link.js';
import { type CheckNames, FURTHER } from '../options.js';
import type { ConnectionState, LiveQuery, LiveSessionsState } from '../types.js';
import { Roll } from './roll.js';
import { fieldsOf, requestsOf, sessionOf, sessionsOf } from './wire.js';

export { Roll } from './roll.js';
export { matches, searchable } from './words.js';

const PAGE = 50;
/** Sessions whose place is asked for at the same time. */
const LOOKING = 4;
/** Sessions whose place was asked for while their requests are open. Of more it is not asked: they are the server's own doing. */
const LOOKED = 1_000;
/** While somebody types, the server is asked once they stop, milliseconds. */
const TYPING = 150;
/** Between two tries, growing, milliseconds. */
const RETRY = { min: 1_000, max: 30_000 };
/** In the order of the core's `Heard`; the last one is the link's. */
const HEARD = ['again', 'connection', 'told', 'gone', 'status', 'asked', 'answered', 'closed'] as const;
/** Codes of servers that do not have a route. */
const LACKING = ['not_found', 'no_route', 'html_response', 'unsupported'];
const HINT = 'Look at what stands between the page and the server.';

/** What the core entry has already. */
interface Kit {
  readonly checkNames: CheckNames;
  /** The error of what is used after its end. */
  closed(): SessionError;
  known(error: unknown): unknown;
  refused(code: string, message: string, hint: string): SessionError;
  /** Makes errors of those that a connection holds. */
  withProblem(value: unknown): unknown;
}

interface Waiting {
  resolve(): void;
  reject(error: unknown): void;
}

/** What `client.sessions.live` gives. */
export class List implements LiveSessions {
  readonly ready: Promise<void>;
  readonly #link: Link;
  readonly #kit: Kit;
  readonly #roll: Roll;
  readonly #frames = new Frames(() => this.#tell());
  readonly #listeners = new Set<() => void>();
  readonly #ears = (kind: number, id: string, json: string): void => this.#hear(HEARD[kind], id, json);
  #waiting: Waiting[] = [];
  #connection = CONNECTING;
  #error: SessionError | undefined;
  /** Nothing was missed since the last answer. */
  #isFresh = false;
  /** The server is to be asked, and may be: there is a connection. */
  #isConnected = false;
  /** Grows with each question; an older answer counts no more. */
  #asked = 0;
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Sessions whose place was asked for: once. */
  readonly #looked = new Set<string>();
  /** Those of them that may be asked for again with the next event. */
  readonly #failed = new Set<string>();
  #looking = 0;
  #state: LiveSessionsState;
  /** What the listeners were told of last. */
  #told: LiveSessionsState;
  /** Something may have changed since the state was made. */
  #isStale = false;
  #isClosed = false;

  constructor(link: Link, query: LiveQuery = {}, kit: Kit) {
    kit.checkNames('live', query, FURTHER.live);
    const { search = '', limit = PAGE, roots = true } = query;
    this.#link = link;
    this.#kit = kit;
    this.#roll = new Roll(Math.max(1, Math.trunc(limit)) || PAGE, roots, search.trim());
    this.#state = Object.freeze({ ...UNLISTED, search: this.#roll.text });
    this.#told = this.#state;
    this.ready = this.#answered();
    const { core, lists } = link;
    lists.add(this.#ears);
    core.lookout(link.now(), true);
    bound(this, kit.known);
  }

  get state(): LiveSessionsState {
    if (this.#isStale) this.#make();
    return this.#state;
  }

  readonly getSnapshot = (): LiveSessionsState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    // The same function subscribed twice is told twice, and stopped one by one.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  };

  async loadMore(n?: number): Promise<boolean> {
    this.#open();
    if (this.#roll.more(n === undefined ? this.#roll.page : Math.max(1, Math.trunc(n)))) {
      const answered = this.#answered();
      this.#load();
      await answered;
    }
    this.#touch();
    return this.state.hasMore;
  }

  async search(text: string): Promise<void> {
    this.#open();
    if (text.trim() === this.#roll.text) return;
    const answered = this.#roll.search(text.trim()) ? this.#answered() : undefined;
    this.#touch();
    if (answered === undefined) return;
    this.#later(TYPING);
    await answered;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { isClosed, lists } = this.#link;
    lists.delete(this.#ears);
    if (lists.size === 0 && !isClosed) this.#link.core.lookout(this.#link.now(), false);
    this.#frames.cancel();
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#isConnected = false;
    this.#listeners.clear();
    this.#answer(this.#kit.closed());
    this.#state = Object.freeze({ ...this.state, status: 'closed' });
  }

  #hear(what: (typeof HEARD)[number] | undefined, id: string, json: string): void {
    let value: unknown;
    try {
      value = json === '' ? undefined : JSON.parse(json);
    } catch {
      // The core does not read all of it. What it said is asked for.
      if (this.#isConnected) this.#later(0);
      return;
    }
    switch (what) {
      case 'again':
        this.#roll.directory = id;
        this.#isConnected = true;
        this.#tries = 0;
        // Not from inside the core, which is the caller.
        return this.#later(0);
      case 'connection':
        this.#connection = this.#kit.withProblem(value) as ConnectionState;
        if (!['syncing', 'live', 'polling'].includes(this.#connection.phase)) this.#leave();
        break;
      case 'told': {
        const info = sessionOf(value);
        if (info === undefined) return;
        this.#roll.told(info);
        break;
      }
      case 'gone':
        this.#roll.gone(id);
        break;
      case 'status':
        this.#roll.status(id, value);
        break;
      case 'asked':
        for (const request of requestsOf([{ ...fieldsOf(value), sessionID: id }])) this.#roll.asked(id, request.id);
        break;
      case 'answered':
        this.#roll.answered(id);
        break;
      case 'closed':
        return value === undefined ? this.close() : this.#signedOut(this.#kit.withProblem(value) as ConnectionState);
      default:
    }
    for (const id of this.#failed) this.#looked.delete(id);
    this.#failed.clear();
    this.#touch();
  }

  /** Nothing of what the person saw is shown any more. */
  #signedOut(connection: ConnectionState): void {
    const listeners = [...this.#listeners];
    const { error } = connection;
    this.#answer(error);
    this.close();
    this.#state = Object.freeze({ sessions: [], hasMore: false, search: '', status: 'closed', connection, ...(error && { error }) });
    this.#call(listeners);
  }

  /** Until there is a connection again, nothing is asked and nothing is sure. */
  #leave(): void {
    this.#isFresh = false;
    this.#isConnected = false;
    this.#asked += 1;
    clearTimeout(this.#timer);
    const { error, phase } = this.#connection;
    if (phase === 'closed' && error !== undefined) this.#answer(error);
  }

  #later(wait: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#load(), wait);
  }

  /** Asks the server. What was asked before counts no more. */
  #load(): void {
    this.#asked += 1;
    clearTimeout(this.#timer);
    if (!this.#isConnected) return;
    const asked = this.#asked;
    const question = this.#roll.ask();
    const query = new URLSearchParams({ limit: String(question.limit + 1) });
    if (question.roots) query.set('roots', 'true');
    if (question.search !== '') query.set('search', question.search);
    const get = (path: string): Promise<unknown> => this.#link.call(0, 'GET', path);
    const optional = (path: string): Promise<unknown> => get(path).catch((error: SessionError) => {
      if (LACKING.includes(error.code)) return undefined;
      throw error;
    });
    Promise.all([
      get(`/session?${query}`),
      optional('/session/status'),
      optional('/permission'),
      optional('/question'),
    ]).then(([list, statuses, ...requests]) => {
      if (asked !== this.#asked) return;
      const sessions = sessionsOf(list, question.most);
      if (sessions === undefined) throw this.#kit.refused('bad_response', 'The answer is not a list of sessions.', HINT);
      if (this.#roll.answer(question, { sessions, statuses: fieldsOf(statuses), requests: requestsOf(...requests) })) return this.#load();
      this.#isFresh = true;
      this.#tries = 0;
      this.#error = undefined;
      this.#touch();
      this.#answer();
    }).catch((error: SessionError) => {
      if (asked === this.#asked) this.#fail(error);
    });
  }

  #fail(error: SessionError): void {
    this.#error = error;
    this.#isFresh = false;
    // Who waits goes on waiting for what may work later. The rest is asked for slowly: what stood between may be gone.
    this.#later(error.retryable ? Math.min(RETRY.min * 2 ** this.#tries, RETRY.max) : RETRY.max);
    if (!error.retryable) this.#answer(error);
    this.#tries += 1;
    this.#touch();
  }

  /** Requests of sessions whose place is not known yet: each is asked for once, and a few at a time. */
  #lookUp(): void {
    const strays = this.#roll.strays();
    if (this.#looked.size >= LOOKED) {
      const open = new Set(strays);
      for (const id of this.#looked) if (!open.has(id)) this.#looked.delete(id);
    }
    for (const id of strays) {
      if (this.#looking >= LOOKING || this.#looked.size >= LOOKED || !this.#isConnected) return;
      if (this.#looked.has(id)) continue;
      this.#looked.add(id);
      this.#looking += 1;
      this.#link.call(0, 'GET', `/session/${encodeURIComponent(id)}`).then(
        (answer) => {
          const info = sessionOf(answer);
          if (info !== undefined) this.#roll.learn(info);
        },
        (error: SessionError) => {
          if (error.retryable) this.#failed.add(id);
        },
      ).finally(() => {
        this.#looking -= 1;
        // The next ones are asked for in the next frame.
        this.#touch();
      });
    }
  }

  /** A promise of the next answer. */
  #answered(): Promise<void> {
    const promise = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
    // The state tells of a failure, too.
    promise.catch(() => undefined);
    return promise;
  }

  #answer(error?: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve, reject } of waiting) error === undefined ? resolve() : reject(error);
  }

  /** Who reads sees the change at once; who listens is told in the next frame. */
  #touch(): void {
    this.#isStale = true;
    this.#frames.request();
  }

  #make(): void {
    this.#isStale = false;
    const { sessions, hasMore } = this.#roll.read();
    const status = !this.#roll.isAnswered ? 'loading' : this.#isFresh ? 'live' : 'stale';
    const error = this.#error ?? this.#connection.error;
    const next: LiveSessionsState = {
      sessions, hasMore, search: this.#roll.text, status, connection: this.#connection, ...(error !== undefined && { error }),
    };
    const keys = Object.keys({ ...this.#state, ...next }) as (keyof LiveSessionsState)[];
    if (keys.some((key) => next[key] !== this.#state[key])) this.#state = Object.freeze(next);
  }

  #tell(): void {
    this.#lookUp();
    if (this.#isFresh && this.#roll.refill()) {
      this.#isFresh = false;
      this.#load();
    }
    if (this.state === this.#told) return;
    this.#told = this.state;
    this.#call([...this.#listeners]);
  }

  /** One that throws does not keep the others from being told. */
  #call(listeners: (() => void)[]): void {
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        this.#link.log(3, 'listener_failed', `A listener threw: ${error instanceof Error ? error.name : typeof error}.`);
        if (typeof reportError === 'function') reportError(error);
      }
    }
  }

  #open(): void {
    if (this.#link.isClosed) throw this.#link.end;
    if (this.#isClosed) throw this.#kit.closed();
  }
}
