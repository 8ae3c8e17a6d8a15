/**
 * The OpenCode server as a relay reaches it: its address and credentials come from the relay's owner alone.
 * @module
 */
import { type Answer, bounded, Large, LONGEST, MOST, Redirected, straight, whole } from '../answer.js';
import { decode } from '../bytes.js';
import { header } from '../host.js';
import type { Auth } from '../types.js';
import { Refusal } from './errors.js';

/** Sub-agents within sub-agents. */
const MAX_DEPTH = 32;
/** Sessions whose parent is remembered: it never changes. */
const MAX_PARENTS = 10_000;

/** Bounds of requests. */
export interface Patience {
  readonly answer: number;
  readonly requestTimeout: number;
}

/** What is sent to the server. */
export interface Question {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body?: Uint8Array<ArrayBuffer>;
}

/** One OpenCode server. */
export class Upstream {
  readonly base: string;
  readonly #auth: Auth | (() => Auth | Promise<Auth>) | undefined;
  readonly #patience: Patience;
  readonly #parents = new Map<string, string | undefined>();
  #directory: Promise<string> | undefined;

  constructor(base: string, auth: Auth | (() => Auth | Promise<Auth>) | undefined, patience: Patience) {
    this.base = base;
    this.#auth = auth;
    this.#patience = patience;
  }

  /** Opens the event stream of all directories. */
  async stream(signal: AbortSignal): Promise<Response> {
    return this.#send({ method: 'GET', path: '/global/event' }, 'text/event-stream', signal);
  }

  /** The whole answer. */
  ask(question: Question, signal?: AbortSignal): Promise<Answer> {
    return this.#bounded(async (own, heard) => {
      let left = this.#patience.answer;
      return whole(await this.#send(question, 'application/json', own), own, (bytes) => {
        heard();
        left -= bytes;
        if (left < 0) throw new Large();
      });
    }, signal);
  }

  /** The answer as it comes, for one that may be large and is not looked into. */
  async pass(question: Question, signal: AbortSignal): Promise<Response> {
    let left = this.#patience.answer;
    // Its body outlives the wait for its head: the browser ends it, or the longest time that an answer may take.
    const over = new AbortController();
    const done = (): void => {
      clearTimeout(longest);
      signal.removeEventListener('abort', stop);
    };
    const stop = (): void => {
      done();
      over.abort();
    };
    const longest = setTimeout(stop, Math.min(this.#patience.requestTimeout * LONGEST, MOST));
    // A body that nobody reads to its end keeps no process.
    (longest as { unref?: () => void }).unref?.();
    signal.addEventListener('abort', stop);
    try {
      const { status, headers, body } = await this.#bounded((own) => {
        own.addEventListener('abort', stop);
        return this.#send(question, 'application/json', over.signal).finally(() => own.removeEventListener('abort', stop));
      }, signal);
      if (body === null) {
        done();
        return new Response(null, { status, headers });
      }
      // At the speed of the browser: nothing is collected here.
      const counted = new TransformStream<Uint8Array, Uint8Array>({
        transform: (piece, controller) => {
          left -= piece.length;
          if (left < 0) throw new Large();
          controller.enqueue(piece);
        },
        flush: done,
      });
      return new Response(body.pipeThrough(counted), { status, headers });
    } catch (error) {
      done();
      throw error;
    }
  }

  /** JSON that is needed to decide something; `undefined` where the server says that it is not there. */
  async json(path: string): Promise<unknown> {
    const { status, body } = await this.ask({ method: 'GET', path });
    if (status === 404) return undefined;
    if (status !== 200) throw new Refusal('upstream_refused');
    try {
      return JSON.parse(decode(body));
    } catch {
      throw new Refusal('upstream_unreached');
    }
  }

  /** The session and those that it runs inside, from the inside out. */
  async lineage(session: string): Promise<string[]> {
    const found = [session];
    for (let id: string | undefined = session; found.length < MAX_DEPTH; found.push(id)) {
      if (!this.#parents.has(id)) {
        const info = (await this.json(`/session/${encodeURIComponent(id)}`)) as { parentID?: unknown } | undefined;
        // One that is not there may come to be.
        if (info === undefined) break;
        this.met(id, info.parentID);
      }
      id = this.#parents.get(id);
      if (id === undefined || found.includes(id)) break;
    }
    return found;
  }

  /** The server said inside which session one runs. */
  met(id: string, parentID: unknown): void {
    this.#parents.set(id, typeof parentID === 'string' ? parentID : undefined);
    const [oldest] = this.#parents.size > MAX_PARENTS ? this.#parents.keys() : [];
    if (oldest !== undefined) this.#parents.delete(oldest);
  }

  /** The server's own directory. */
  directory(): Promise<string> {
    this.#directory ??= this.json('/path').then((paths) => String((paths as { directory?: unknown } | undefined)?.directory ?? ''));
    this.#directory.catch(() => {
      this.#directory = undefined;
    });
    return this.#directory;
  }

  async #bounded<T>(job: (signal: AbortSignal, heard: () => void) => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await bounded(this.#patience.requestTimeout, job, signal);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (error instanceof Redirected) throw new Refusal('upstream_redirected');
      if (error instanceof Large) throw new Refusal('upstream_too_large');
      throw new Refusal((error as Error).name === 'TimeoutError' ? 'upstream_timeout' : 'upstream_unreached');
    }
  }

  async #send({ method, path, body }: Question, accept: string, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { accept };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const own = this.#auth;
    let auth: { name: string; value: string } | undefined;
    try {
      const made = typeof own === 'function' ? await own() : own;
      auth = made && header(made);
    } catch {
      // What it threw may hold a secret.
      throw new Refusal('upstream_refused');
    }
    if (auth !== undefined) headers[auth.name] = auth.value;
    const response = straight(await fetch(this.base + path, { method, headers, signal, redirect: 'manual', ...(body !== undefined && { body }) }));
    // A browser would ask its user for a password.
    if (response.status === 401 || response.status === 403) {
      response.body?.cancel().catch(() => undefined);
      throw new Refusal('upstream_refused');
    }
    return response;
  }
}
