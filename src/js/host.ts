/**
 * What the wasm shell asks of JavaScript: requests with credentials, and a place to deliver answers.
 * Credentials never leave this file.
 * @module
 */
import { type Answer, bounded, End, Large, Late, straight, whole } from './answer.js';
import { base64, decode, encode } from './bytes.js';
import { SessionError } from './errors.js';
import { cookies, isByCookie } from './keeper/protocol.js';
import type { Auth, ClientOptions } from './types.js';

const JSON_TYPE = 'application/json';
/** The core takes it for a place where events are missing. It ends the event before it, wherever that was cut. */
const HOLE = encode('\n\ndata: {"type":"replay.hole","properties":{}}\n\n');
/** v2 sessions came with 1.16. */
const HAS_V2 = /"version":"1\.(1[6-9]|[2-9]\d)\./;
/** An answer that is not v1's is looked into at most this often, milliseconds. */
const PROBE_EVERY = 10_000;
/** `limits.requestTimeout`, by default. */
export const PATIENCE = 30_000;
/** `limits.answer`, by default. */
const ANSWER = 64 * 1024 * 1024;
/** Credentials of a stream: sooner than the core gives the stream up, and calls it held back. */
const STREAM_PATIENCE = 7_500;

/** The server's address, checked. */
export interface Base {
  /** Without a slash at the end. */
  readonly url: string;
  /** The server runs on this machine: it is there also when the browser says that there is no network. */
  readonly loopback: boolean;
}

/** Sends a request. `timeout`: so many milliseconds without anything that comes; 0: any time. */
export type Send = (method: string, path: string, body: Uint8Array | undefined, timeout: number) => Promise<Answer>;

/** Speaks another dialect with the server than the core does (`v2/v2.ts`). */
export interface Translation {
  readonly send: Send;
  /** Where the stream is. */
  stream(path: string): string;
  /** The session is a v2 one. */
  adopt(session: string): void;
  /** Whether the server speaks nothing else. */
  isSecond(): Promise<boolean>;
  /** A stream begins. */
  opened(): void;
  /** Bytes of the stream, as the core is to read them. */
  bytes(chunk: Uint8Array): Uint8Array;
  close(): void;
}

/** Adds the address and the credentials to requests. */
export class Requests {
  /** There is one once a v2 session or server was met. */
  translation: Translation | undefined;
  readonly base: string;
  readonly identity: string | undefined;
  #auth: ClientOptions['auth'];
  readonly #over = new End();
  /** Ends what only looks. What changes something goes on when its client is closed: the server may have begun it. */
  readonly reads = new End();
  /** The first credentials that there were. */
  #first: { name: string; value: string } | undefined;
  readonly #fetch: typeof fetch;
  readonly patience: number;
  readonly #most: number;
  readonly #feed: (bytes: Uint8Array) => void;
  readonly #crash: () => void;
  #speaking: Promise<Translation> | undefined;
  /** The server has answered as v1. */
  #met = false;
  #probed = Number.NEGATIVE_INFINITY;
  /** What the server says of itself; the core asks before it asks for a history. */
  #health: Promise<string | undefined> | undefined;
  #asking: Promise<Translation | undefined> | undefined;
  #owner: Promise<string | undefined> | undefined;

  /** `feed` takes what a translation adds to the stream; `crash` is called when its wasm breaks. */
  constructor(base: Base, options: ClientOptions, feed: (bytes: Uint8Array) => void, crash: () => void) {
    this.base = base.url;
    this.identity = options.identity;
    this.#auth = options.auth;
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.patience = options.limits?.requestTimeout ?? PATIENCE;
    this.#most = options.limits?.answer ?? ANSWER;
    this.#feed = feed;
    this.#crash = crash;
  }

  /** Opens the way to v2, and takes the session for one of v2. */
  async speak(session?: string): Promise<Translation> {
    this.#speaking ??= import('./v2/v2.js').then(({ translate }) => translate(this.#direct, this.#feed, this.#crash));
    try {
      this.translation = await this.#speaking;
    } catch (error) {
      this.#speaking = undefined;
      throw error;
    }
    if (session !== undefined) this.translation.adopt(session);
    return this.translation;
  }

  /** Whether a session that has nothing in v1, as the answer to this path says, has something in v2. */
  async isElsewhere(path: string): Promise<boolean> {
    const session = /^\/session\/(.+?)\/message\?/.exec(path)?.[1];
    if (session === undefined || this.#speaking !== undefined) return false;
    try {
      if (!HAS_V2.test((await this.#health) ?? '')) return false;
      const { body } = await this.#direct('GET', `/api/session/${session}/message?limit=1`, undefined, 10_000);
      if (!decode(body).startsWith('{"data":[{')) return false;
      await this.speak(decodeURIComponent(session));
      // What was asked beside it knows nothing of v2: all of it is asked again.
      this.#feed(HOLE);
      return true;
    } catch {
      return false;
    }
  }

  /** Sends a request, in the dialect that the server understands. */
  readonly send: Send = (...request) => {
    const sent = this.#translated(...request);
    if (request[1] === '/global/health') this.#health = sent.then(({ body }) => decode(body)).catch(() => undefined);
    return sent;
  };

  readonly #translated: Send = async (...request) => {
    const translation = await this.#speaking?.catch(() => undefined);
    if (translation !== undefined) return translation.send(...request);
    const answer = await this.#direct(...request);
    const second = await this.#second(answer, request[1] === '/global/health').catch(() => undefined);
    return second === undefined ? answer : second.send(...request);
  };

  /** Opens the event stream, until `signal`. */
  async open(path: string, position: string | undefined, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (position !== undefined) headers['last-event-id'] = position;
    const ask = (at: string): Promise<Response> =>
      this.#respond('GET', at, headers, undefined, signal, Math.min(this.patience, STREAM_PATIENCE));
    const translation = await this.#speaking?.catch(() => undefined);
    if (translation !== undefined) return ask(translation.stream(path));
    const response = await ask(path);
    const second = await this.#second(response).catch(() => undefined);
    if (second === undefined) return response;
    response.body?.cancel().catch(() => undefined);
    return ask(second.stream(path));
  }

  /** The way to a server of 2.x: those answer v1 routes with their web page, or with 405. */
  async #second({ headers, status }: Pick<Answer, 'headers' | 'status'>, health = false): Promise<Translation | undefined> {
    const good = status < 400 && /json|event-stream/.test(headers.get('content-type') ?? '');
    // What it says of itself counts for the server that is there now: it may have been replaced.
    this.#met = good || (this.#met && !health);
    if (this.#met || (status >= 400 && status !== 405)) return undefined;
    const now = performance.now();
    if (now > this.#probed + PROBE_EVERY) {
      this.#probed = now;
      this.#asking = this.speak().then(async (translation) => ((await translation.isSecond()) ? translation : undefined));
    }
    return this.#asking;
  }

  /** A second answer of `credentials` may be another one. */
  get mayRefresh(): boolean {
    return typeof this.#auth === 'function';
  }

  /** Sends a request as it is. */
  readonly #direct: Send = (method, path, body, timeout) =>
    bounded(timeout, async (signal, heard) => {
      let left = this.#most;
      return whole(await this.#respond(method, path, { accept: JSON_TYPE }, body, signal, this.patience), signal, (bytes) => {
        heard();
        left -= bytes;
        if (left < 0) throw new Large();
      });
    }, method === 'GET' ? this.reads : this.#over);

  /** A function for `auth` is asked again once when the server answers 401. */
  async #respond(
    method: string, path: string, own: Readonly<Record<string, string>>, body: Uint8Array | undefined, signal: AbortSignal, patience: number,
  ): Promise<Response> {
    const once = async (): Promise<Response> => {
      const headers: Record<string, string> = { ...own };
      if (body !== undefined) headers['content-type'] = JSON_TYPE;
      const auth = await this.credentials(patience);
      if (auth !== undefined) headers[auth.name] = auth.value;
      // Whoever asked has given it up: what is sent now would be sent twice.
      signal.throwIfAborted();
      if (this.#over.isOver) throw new AuthError();
      const credentials = cookies(this.identity, auth);
      const init: RequestInit = { method, headers, signal, credentials, cache: 'no-store', redirect: 'manual', referrerPolicy: 'no-referrer' };
      if (body !== undefined) init.body = body as Uint8Array<ArrayBuffer>;
      const response = straight(await this.#fetch(this.base + path, init));
      if (signal.aborted) response.body?.cancel().catch(() => undefined);
      return response;
    };
    const response = await once();
    return response.status === 401 && this.mayRefresh ? once() : response;
  }

  /** Cookies tell the server who asks. */
  get isByCookie(): boolean {
    return isByCookie({ base: this.base, auth: this.#auth, identity: this.identity });
  }

  /** From here on nothing is sent, also of what has begun, and no credentials are known. */
  end(): void {
    this.#over.end();
    if (this.#auth !== undefined) this.#auth = unknown;
    this.#first = undefined;
  }

  /** What is sent with each request; asked anew each time, and for so many milliseconds at most. */
  async credentials(patience = Math.min(this.patience, STREAM_PATIENCE)): Promise<{ name: string; value: string } | undefined> {
    const own = this.#auth;
    try {
      const auth = typeof own === 'function' ? await bounded(patience, () => own()) : own;
      if (auth === undefined) return undefined;
      const made = header(auth);
      this.#first ??= made;
      return made;
    } catch (error) {
      // What the function threw may hold a secret.
      throw error instanceof Late ? error : new AuthError();
    }
  }

  /** Whose the records of this client are: '' nobody's in particular; `undefined`: that cannot be told here. */
  owner(): Promise<string | undefined> {
    this.#owner ??= this.#whose();
    return this.#owner.catch((error: unknown) => {
      this.#owner = undefined;
      throw error;
    });
  }

  async #whose(): Promise<string | undefined> {
    const { base, identity } = this;
    const secret = identity ?? this.#first ?? (await this.credentials());
    return secret === undefined ? '' : (await import('./identity.js')).digest([base], [secret]);
  }

  /** What the core is told of a redirect: only here the address is known. */
  get sentOn(): string {
    return JSON.stringify({ message: `${this.base} sends on to another address, which is not followed.` });
  }
}

/** The `auth` option gave no usable credentials. */
export class AuthError extends Error {}

function unknown(): never {
  throw new AuthError();
}

/** Checks an `auth` that is no function. */
export function checkAuth(auth: ClientOptions['auth']): void {
  if (auth === undefined || typeof auth === 'function') return;
  try {
    header(auth);
  } catch {
    throw refused('bad_option', 'auth has none of the shapes that there are.', 'Pass { type: "basic", username, password }, { type: "bearer", token } or { type: "header", name, value }, or a function that gives one.');
  }
}

/** Checks `baseUrl`. One without a host is a page's own. */
export function checkBase(baseUrl: unknown): Base {
  let url: URL | undefined;
  try {
    const text = String(baseUrl);
    url = new URL(text, text[0] === '/' ? globalThis.location?.href : undefined);
  } catch {
    // Told below.
  }
  if (url?.username || url?.password) {
    throw refused(
      'credentials_in_url',
      'baseUrl holds credentials; they would end up in logs.',
      'Pass them in the auth option: { type: "basic", username, password }.',
    );
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash) {
    throw refused('bad_base_url', 'baseUrl is no http(s) address, or has a query or fragment.', 'Pass an address like "http://127.0.0.1:4096".');
  }
  const host = url.hostname;
  return {
    url: url.origin + url.pathname.replace(/\/+$/, ''),
    loopback: /^(127\.\d+\.\d+\.\d+$|0\.0\.0\.0$|\[::1?]$|(.+\.)?localhost$)/.test(host),
  };
}

/** An error about an option or argument. */
export function refused(code: string, message: string, hint: string, near: readonly string[] = [], retryable = false): SessionError {
  return new SessionError({ code, message, hint, retryable, ...(near.length > 0 && { near }) });
}

/** What callers are told where an argument was of the wrong type. */
export function known(error: unknown): unknown {
  if (error instanceof SessionError) return error;
  // Of a file with a class of its own.
  const { name, message } = (error ?? {}) as Error;
  return name === 'SessionError' ? new SessionError({ ...(error as SessionError), message }) : refused('bad_option', 'An argument is of the wrong type.', 'Compare the call with its type.');
}

/** An id as a piece of a path. What would name another path, or none, is refused. */
export function piece(id: unknown): string {
  if (typeof id !== 'string' || /^\.{0,2}$|\//.test(id)) throw refused('bad_option', 'That is no id.', 'Pass an id as the server told it.');
  return encodeURIComponent(id);
}

/** An answer of the right shape. */
export function shaped<T>(value: T, isRight: boolean): T {
  if (isRight) return value;
  throw refused('bad_response', 'The answer has another shape than it should.', "Check the server's version and any proxy in between.");
}

/** A file that is loaded when it is needed could not be. */
export function missing(file: string): SessionError {
  return refused('load_failed', `${file} could not be loaded.`, 'Serve it next to the script, and try again.');
}

/** The header that carries the credentials. */
export function header(auth: Auth): { name: string; value: string } {
  const made = unchecked(auth);
  // What no header can carry, fetch would call a network that is broken.
  new Headers([[made.name, made.value]]);
  return made;
}

function unchecked(auth: Auth): { name: string; value: string } {
  const secret = auth.type === 'basic' ? auth.password : auth.type === 'bearer' ? auth.token : auth.value;
  if (typeof secret !== 'string') throw new AuthError();
  switch (auth.type) {
    case 'basic':
      // A server reads the name up to the first colon.
      if (auth.username?.includes(':')) throw new AuthError();
      return { name: 'authorization', value: `Basic ${base64(encode(`${auth.username ?? 'opencode'}:${auth.password}`))}` };
    case 'bearer':
      return { name: 'authorization', value: `Bearer ${auth.token}` };
    case 'header':
      return { name: auth.name, value: auth.value };
    default:
      throw new AuthError();
  }
}
