/**
 * Between the public objects and the wasm core: promises for tokens, frames for changes.
 * @module
 */
import { type Answer, drain, Large, Redirected } from './answer.js';
import { decode, encode } from './bytes.js';
import type { Core } from './core/core.js';
import type { SessionError } from './errors.js';
import { Frames } from './frames.js';
import type { Instance } from './guard.js';
import { AuthError, type Base, known, Requests, refused, shaped } from './host.js';
import type { Journal } from './journal.js';
import type { KeptStream, StreamSink } from './keeper/protocol.js';
import { ATTACHMENTS } from './prompt.js';
import type { ClientOptions, ConnectionState, LogEntry } from './types.js';
import { problem, withProblem } from './view.js';

/** What a token is answered with. */
interface Waiting {
  resolve(value: unknown): void;
  reject(error: SessionError): void;
}

/** A session's side that draws and reads messages. */
export interface Drawn {
  /** There are changes to take. */
  stale: boolean;
  /** There are changes to tell. */
  untold: boolean;
  /** Takes them and tells the listeners. */
  draw(): void;
  /** The message at a position, after taking the changes. */
  message(index: number): unknown;
  /** The core is gone. `empties`: and nothing that it told is shown any more. */
  fail(error: SessionError, empties: boolean): void;
}

/** Is told what happens to sessions: `kind` as `Heard` in the core counts, or 7 when the client is closed. */
export type Hear = (kind: number, id: string, json: string) => void;

/** How long a reading of the clock may serve the chunks of a stream, milliseconds. */
const CLOCK = 5;
/** The two clocks differ by more than this, milliseconds, when the machine slept. */
const SLEPT = 1_000;
/** Bytes of the stream handed over at once. */
const PIECE = 65_536;
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** Owns the core of one client, and does the I/O that the core asks for: it is the core's `Host`. */
export class Link {
  readonly drawn = new Map<number, Drawn>();
  /** Lists of sessions: while there are any, the core looks out. */
  readonly lists = new Set<Hear>();
  /** Keeps what should outlive the page. */
  journal: Journal | undefined;
  /** Bytes of the files of one prompt. */
  readonly attachments: number;
  readonly requests: Requests;
  readonly #onLog: ClientOptions['onLog'];
  readonly #waiting = new Map<number, Waiting>();
  readonly #frames = new Frames(() => this.#draw());
  readonly keeper: KeptStream | undefined;
  /** For what comes by itself: a trap is told by the state, and not thrown out of a timer. */
  #core: Core | undefined;
  /** For callers. */
  #loud: Core | undefined;
  /** Why there is no core. */
  #end = closed();
  #token = 0;
  #leave: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stream: AbortController | undefined;
  #generation = 0;
  /** Milliseconds since 1970 when `performance.now` was 0: time that never goes back. */
  #epoch = Date.now() - performance.now();
  #clock: number | undefined;

  constructor(base: Base, options: ClientOptions, keeper?: KeptStream) {
    this.keeper = keeper;
    this.attachments = options.limits?.attachments ?? ATTACHMENTS;
    this.requests = new Requests(base, options, (bytes) => this.#core?.streamBytes(this.now(), this.#generation, bytes), () => this.crash());
    this.#onLog = options.onLog;
  }

  /** The core, once `start` gave it; after `close` every use is an error that says so. */
  get core(): Core {
    if (this.#core === undefined) throw this.#end;
    return this.#core;
  }

  /** The same for callers: a trap is thrown at them. */
  get loud(): Core {
    if (this.#loud === undefined) throw this.#end;
    return this.#loud;
  }

  /** The error of what is asked now that the core is gone. */
  get end(): SessionError {
    return this.#end;
  }

  get isClosed(): boolean {
    return this.#core === undefined;
  }

  start(core: Core, instance: Instance): void {
    this.#core = instance.guard(core, () => undefined);
    this.#loud = instance.guard(core, () => {
      throw this.#end;
    }, true);
    instance.users.add(this.crash);
    this.#leave = () => instance.users.delete(this.crash);
  }

  now(): number {
    return this.#epoch + performance.now();
  }

  /** Makes a token, hands it to `ask`, and gives the promise of its answer. */
  async wait<T>(ask: (core: Core, token: number) => void): Promise<T> {
    const core = this.loud;
    const { promise, token, reject } = this.pending<T>();
    try {
      ask(core, token);
    } catch (error) {
      reject(known(error) as SessionError);
    }
    return promise;
  }

  /** A promise and the token that the core answers it by. */
  pending<T>(): { promise: Promise<T>; token: number; reject(error: SessionError): void } {
    this.#token += 1;
    const token = this.#token;
    const promise = new Promise<T>((resolve, reject) => {
      if (this.isClosed) reject(this.#end);
      else this.#waiting.set(token, { resolve: resolve as (value: unknown) => void, reject });
    });
    const reject = (error: SessionError): void => {
      this.#waiting.get(token)?.reject(error);
      this.#waiting.delete(token);
    };
    return { promise, token, reject };
  }

  /** Calls the server; the answer is its JSON. `session`: handle of the session whose directory counts; 0: the client's. */
  async call<T>(session: number, method: string, path: string, body?: unknown): Promise<T> {
    const bytes = body === undefined ? undefined : encode(JSON.stringify(body));
    return this.answer((core, token) => core.call(this.now(), session, method, path, bytes, token));
  }

  /** Makes a token, hands it to `ask`, and gives the JSON that answers it. */
  async answer<T>(ask: (core: Core, token: number) => void): Promise<T> {
    const answer = await this.wait<Uint8Array>(ask);
    if (answer.length === 0) return undefined as T;
    try {
      return JSON.parse(decode(answer)) as T;
    } catch {
      return shaped(undefined as T, false);
    }
  }

  /** Calls the server for a list; some say `null` for one that has nothing in it. */
  async list<T>(path: string, session = 0): Promise<T[]> {
    const all = (await this.call<T[] | null>(session, 'GET', path)) ?? [];
    return shaped(all, Array.isArray(all));
  }

  close(): void {
    const core = this.#core;
    this.journal?.close();
    core?.close();
    this.#stop(closed());
    this.#frames.cancel();
    for (const hear of this.lists) hear(7, '', '');
    this.drawn.clear();
    // The core may be the caller right now; it is freed when it has returned.
    setTimeout(() => core?.free(), 0);
  }

  /** The wasm broke. Who waits is told, and so is the state; a new client gets wasm that is whole. */
  readonly crash = (): void => {
    const error = crash();
    this.#stop(error);
    this.log(3, error.code, error.message);
    this.#fail(1, error, false);
  };

  /** All ends at once, and states hold nothing but the error. */
  signOut(error: SessionError): void {
    const core = this.#core;
    this.requests.end();
    this.journal?.close();
    this.#stop(error);
    this.#end = error;
    this.#fail(7, error, true);
    setTimeout(() => core?.free(), 0);
  }

  #fail(kind: number, error: SessionError, empties: boolean): void {
    const { code, message, hint } = error;
    const connection = JSON.stringify({ phase: 'closed', source: 'event', attempt: 0, error: { code, message, hint } });
    for (const hear of this.lists) hear(kind, '', connection);
    for (const drawn of this.drawn.values()) drawn.fail(error, empties);
    this.#frames.request();
  }

  #stop(why: SessionError): void {
    if (this.#core === undefined) return;
    this.#core = undefined;
    this.#loud = undefined;
    this.#end = why;
    this.#leave?.();
    clearTimeout(this.#timer);
    this.closeStream();
    this.requests.reads.end();
    this.requests.translation?.close();
    for (const waiting of this.#waiting.values()) waiting.reject(why);
    this.#waiting.clear();
  }

  openStream(generation: number, path: string, way: number, position: string | undefined): void {
    this.closeStream();
    this.#stream = new AbortController();
    this.#generation = generation;
    this.requests.translation?.opened();
    const { signal } = this.#stream;
    const sink: StreamSink = {
      opened: (status, kind, retryAfter) =>
        this.#core?.streamOpened(this.now(), generation, status, kind, retryAfter, status > 299 && status < 400 ? this.requests.sentOn : ''),
      bytes: (chunk) => this.#take(generation, chunk),
      closed: (cause) => this.#core?.streamClosed(this.now(), generation, cause),
    };
    if (way === 0) void this.#read(path, position, signal, sink);
    else if (way === 1) import('./eventsource.js').then(({ listen }) => listen(this.requests, path, signal, sink)).catch(() => sink.closed(1));
    else if (this.keeper === undefined) queueMicrotask(() => sink.closed(4));
    else this.keeper.attach(this.requests, path, position, signal, sink).catch(() => sink.closed(4));
  }

  closeStream(): void {
    this.#stream?.abort();
    this.#stream = undefined;
  }

  request(id: number, method: string, path: string, body: Uint8Array | undefined, timeout: number): void {
    void this.#exchange(id, method, path, body, timeout);
  }

  arm(delay: number): void {
    clearTimeout(this.#timer);
    this.keeper?.rest(delay === Number.POSITIVE_INFINITY);
    if (delay === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => {
      this.#wake();
      this.#core?.timeout(this.now());
    }, Math.min(delay, 2_000_000_000));
  }

  /** The page is shown or hidden. */
  visible(visible: boolean): void {
    this.#wake();
    this.#core?.visible(this.now(), visible);
  }

  /** The page is put away (0), it or the network is back (1), the host says that there is no network (2). */
  online(word: 0 | 1 | 2): void {
    this.#wake();
    this.#core?.online(this.now(), word);
  }

  dirty(session: number): void {
    const drawn = this.drawn.get(session);
    if (drawn !== undefined) {
      drawn.stale = true;
      drawn.untold = true;
    }
    this.#frames.request();
    this.journal?.touch();
  }

  reply(token: number, kind: number, session: number, index: number, bytes: Uint8Array): void {
    const waiting = this.#waiting.get(token);
    this.#waiting.delete(token);
    switch (kind) {
      case 1:
        return waiting?.resolve(this.drawn.get(session)?.message(index));
      case 2:
        return waiting?.resolve(index === 1);
      case 3:
        return waiting?.resolve(bytes.slice());
      case 4:
        return waiting?.reject(problem(JSON.parse(decode(bytes))) ?? closed());
      default:
        return waiting?.resolve(undefined);
    }
  }

  /** What the core's `Heard` tells, for lists of sessions. */
  heard(kind: number, id: string, raw: Uint8Array): void {
    const json = decode(raw);
    for (const hear of this.lists) hear(kind, id, json);
  }

  log(level: number, code: string, message: string, sessionID?: string): void {
    if (this.#onLog === undefined) return;
    const connection = code === 'connection' ? (withProblem(JSON.parse(message)) as ConnectionState) : undefined;
    const entry: LogEntry = { level: LEVELS[level] ?? 'info', code, message, time: Date.now(), ...(connection && told(connection)) };
    const onLog = this.#onLog;
    // Not from inside the core, which may be the caller.
    queueMicrotask(async () => {
      try {
        await onLog(sessionID === undefined ? entry : { ...entry, sessionID });
      } catch {
        // A log receiver that throws must not end the stream, nor a process.
      }
    });
  }

  /** Reads the event stream. What comes after it was replaced is dropped by the core, which knows its generation. */
  async #read(path: string, position: string | undefined, signal: AbortSignal, sink: StreamSink): Promise<void> {
    try {
      const response = await this.requests.open(path, position, signal);
      const { headers, status } = response;
      sink.opened(status, headers.get('content-type') ?? '', headers.get('retry-after') ?? '');
      await drain(response, signal, sink.bytes);
    } catch (error) {
      if (error instanceof Redirected) return sink.opened(error.status, '', '');
      return sink.closed(failure(error));
    }
    sink.closed(0);
  }

  async #exchange(id: number, method: string, path: string, body: Uint8Array | undefined, timeout: number): Promise<void> {
    try {
      // A prompt is called posted in the journal before it is, so that a crash cannot hide it.
      if (method === 'POST' && path.includes('/prompt_async')) await this.journal?.written();
      // Whose end came meanwhile was told that it is not sent.
      if (this.isClosed) return;
      const ask = (): Promise<Answer> => this.requests.send(method, path, body, timeout);
      let answer = await ask();
      // An empty list.
      if (answer.body.length === 2 && (await this.requests.isElsewhere(path))) answer = await ask();
      const { headers, status } = answer;
      const header = (name: string): string => headers.get(name) ?? '';
      this.#core?.answered(
        this.now(), id, status, header('content-type'), header('x-next-cursor'), header('retry-after'), answer.body,
      );
      this.journal?.touch();
    } catch (error) {
      if (error instanceof Redirected) {
        this.#core?.answered(this.now(), id, error.status, '', '', '', encode(this.requests.sentOn));
        return;
      }
      this.#core?.failed(this.now(), id, failure(error));
    }
  }

  /** In pieces: a keeper may tell minutes at once, and wasm memory never shrinks. */
  #take(generation: number, chunk: Uint8Array): void {
    const bytes = this.requests.translation?.bytes(chunk) ?? chunk;
    for (let at = 0; at < bytes.length; at += PIECE) {
      // Most chunks are small, and a view of each would cost as much as reading it.
      const piece = bytes.length > PIECE ? bytes.subarray(at, at + PIECE) : bytes;
      this.#core?.streamBytes(this.#soon(), generation, piece);
    }
  }

  /** Time that the machine slept through has passed, also where `performance.now` stood still. */
  #wake(): void {
    const slept = Date.now() - this.now();
    if (slept > SLEPT) this.#epoch += slept;
  }

  /** The time, read once for chunks that come together. Timers of hidden pages sleep, so there it is read each time. */
  #soon(): number {
    if (this.#clock !== undefined) return this.#clock;
    const now = this.now();
    if (globalThis.document?.hidden !== true) {
      this.#clock = now;
      setTimeout(() => {
        this.#clock = undefined;
      }, CLOCK);
    }
    return now;
  }

  #draw(): void {
    for (const drawn of this.drawn.values()) if (drawn.untold) drawn.draw();
  }
}

/** Why a request failed, as the core's `failed` counts: 1 network, 2 time ran out, 3 no credentials, 5 too large. */
function failure(error: unknown): number {
  if (error instanceof AuthError) return 3;
  if (error instanceof Large) return 5;
  return error instanceof Error && error.name === 'TimeoutError' ? 2 : 1;
}

/** What an entry tells of the connection. */
function told(connection: ConnectionState): Partial<LogEntry> {
  const { phase, source, error, fallback } = connection;
  const cause = error ?? fallback;
  return { message: `${phase} (${source})${cause ? `: ${cause.message}` : ''}`, connection };
}

/** The error of all that lived in an instance of the wasm that trapped. */
function crash(): SessionError {
  return refused('crashed', 'The wasm broke off; all clients that share it have ended.', 'Make a new client, and report this.');
}

export function crashed(): never {
  throw crash();
}

/** The error of everything used after its end. */
export function closed(): SessionError {
  return refused('closed', 'The session or client is closed.', 'Open it again.');
}
