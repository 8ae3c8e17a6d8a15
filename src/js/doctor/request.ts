/**
 * The doctor's own requests: each ends in time, none follows a redirect, and no answer is read without end.
 * @module
 */
import { type Answer, bounded, Redirected, straight, whole } from '../answer.js';
import { header } from '../host.js';
import type { Auth } from '../types.js';
import { type Ask, failed, type Told } from './types.js';

/** Largest answer that is read, bytes. */
const ANSWER = 8 * 1024 * 1024;

/** Asks one server. */
export class Requests {
  readonly #base: string;
  readonly #patience: number;
  /** Sent only when the server asks for it. */
  readonly #spare: Auth | undefined;
  #auth: Auth | undefined;

  constructor(base: string, patience: number, auth: Auth | undefined, spare: Auth | undefined) {
    this.#base = base;
    this.#patience = patience;
    this.#auth = auth;
    this.#spare = spare;
  }

  /** What is sent now. */
  get auth(): Auth | undefined {
    return this.#auth;
  }

  ask(path: string, { patience = this.#patience, ...rest }: Ask = {}): Promise<Told> {
    const stop = new AbortController();
    return bounded(patience, async (late) => {
      late.addEventListener('abort', () => stop.abort());
      let left = ANSWER;
      const answer = await whole(await this.open(path, stop.signal, rest), stop.signal, (bytes) => {
        left -= bytes;
        if (left >= 0) return;
        stop.abort();
        throw failed('too_large', `An answer of the server is larger than ${ANSWER / 1_048_576} MiB.`, 'Check that the address is the server, and what stands between.');
      });
      return told(answer);
    });
  }

  /** An answer whose body the caller reads. */
  async open(path: string, signal: AbortSignal, ask: Ask = {}): Promise<Response> {
    const response = await this.#send(path, signal, ask);
    if (response.status !== 401 || ask.anonymous || this.#auth !== undefined || this.#spare === undefined) return response;
    response.body?.cancel().catch(() => undefined);
    this.#auth = this.#spare;
    return this.#send(path, signal, ask);
  }

  async #send(path: string, signal: AbortSignal, { anonymous, headers, ...init }: Ask): Promise<Response> {
    const sent = new Headers(headers as Record<string, string>);
    if (this.#auth !== undefined && !anonymous) {
      const { name, value } = header(this.#auth);
      sent.set(name, value);
    }
    const { method = 'GET', body } = init;
    const given = body === undefined ? {} : { body };
    const response = await fetch(this.#base + path, {
      method, ...given, headers: sent, signal, redirect: 'manual', credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer',
    });
    try {
      return straight(response);
    } catch (error) {
      if (!(error instanceof Redirected)) throw error;
      throw failed('redirected', `${this.#base} sends on to another address.`, 'Take the final address: redirects are not followed.');
    }
  }
}

function told({ status, headers, body }: Answer): Told {
  return { status, ok: status >= 200 && status < 300, headers, json: () => JSON.parse(new TextDecoder().decode(body)) as unknown };
}
