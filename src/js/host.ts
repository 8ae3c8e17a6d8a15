/**
 * What the wasm shell asks of JavaScript: requests with credentials, and a place to deliver answers.
 * Credentials never leave this file.
 * @module
 */
import { SessionError } from './errors.js';
import type { Auth, ClientOptions } from './types.js';

/** The server's address, checked. */
export interface Base {
  /** Without a slash at the end. */
  readonly url: string;
  /** The server runs on this machine: it is there also when the browser says that there is no network. */
  readonly loopback: boolean;
}

/** Adds the address and the credentials to requests. */
export class Requests {
  readonly #base: string;
  readonly #auth: ClientOptions['auth'];
  readonly #fetch: typeof fetch;

  constructor(base: Base, options: ClientOptions) {
    this.#base = base.url;
    this.#auth = options.auth;
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  /** A second answer of `credentials` may be another one. */
  get mayRefresh(): boolean {
    return typeof this.#auth === 'function';
  }

  /** Sends a request. A function for `auth` is asked again once when the server answers 401. */
  async send(
    method: string,
    path: string,
    accept: string,
    body: Uint8Array | undefined,
    timeout: number,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const once = async (): Promise<Response> => {
      const headers: Record<string, string> = { accept };
      if (body !== undefined) headers['content-type'] = 'application/json';
      const auth = await this.credentials();
      if (auth !== undefined) headers[auth.name] = auth.value;
      const init: RequestInit = { method, headers, cache: 'no-store', referrerPolicy: 'no-referrer' };
      if (body !== undefined) init.body = body as Uint8Array<ArrayBuffer>;
      if (timeout > 0) init.signal = AbortSignal.timeout(timeout);
      else if (signal !== undefined) init.signal = signal;
      return this.#fetch(this.#base + path, init);
    };
    const response = await once();
    return response.status === 401 && this.mayRefresh ? once() : response;
  }

  /** The address for an `EventSource`: a password can only go into it as `auth_token`. */
  async url(path: string): Promise<string> {
    const auth = await this.credentials();
    const token = auth?.value.startsWith('Basic ') ? auth.value.slice(6) : undefined;
    if (token === undefined) return this.#base + path;
    return `${this.#base}${path}${path.includes('?') ? '&' : '?'}auth_token=${encodeURIComponent(token)}`;
  }

  /** What is sent with each request; asked anew each time. */
  async credentials(): Promise<{ name: string; value: string } | undefined> {
    try {
      const auth = typeof this.#auth === 'function' ? await this.#auth() : this.#auth;
      return auth === undefined ? undefined : header(auth);
    } catch {
      // What the function threw may hold a secret.
      throw new AuthError();
    }
  }
}

/** The `auth` option gave no usable credentials. */
export class AuthError extends Error {}

/** Checks an `auth` that is no function. */
export function checkAuth(auth: ClientOptions['auth']): void {
  if (auth === undefined || typeof auth === 'function') return;
  try {
    header(auth);
  } catch {
    throw refused('bad_option', 'auth is not usable.', 'Pass { type: "basic", password }, "bearer" with token, or "header".');
  }
}

/** Checks `baseUrl`. */
export function checkBase(baseUrl: unknown): Base {
  let url: URL;
  try {
    url = new URL(String(baseUrl));
  } catch {
    throw refused('bad_base_url', 'baseUrl is not a URL.', 'Pass an address like "http://127.0.0.1:4096".');
  }
  if (url.username !== '' || url.password !== '') {
    throw refused(
      'credentials_in_url',
      'baseUrl holds credentials; they would end up in logs.',
      'Pass them in the auth option: { type: "basic", username, password }.',
    );
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw refused('bad_base_url', `baseUrl starts with ${url.protocol}, not with http: or https:.`, 'Pass an http(s) address.');
  }
  if (url.search !== '' || url.hash !== '') {
    throw refused('bad_base_url', 'baseUrl has a query or fragment.', 'Pass only the address, and a path if there is one.');
  }
  const host = url.hostname;
  return {
    url: url.origin + url.pathname.replace(/\/+$/, ''),
    loopback: host === 'localhost' || host === '[::1]' || host.startsWith('127.'),
  };
}

/** An error about an option or argument. */
export function refused(code: string, message: string, hint: string): SessionError {
  return new SessionError({ code, message, hint });
}

/** The header that carries the credentials. */
export function header(auth: Auth): { name: string; value: string } {
  const secret = auth.type === 'basic' ? auth.password : auth.type === 'bearer' ? auth.token : auth.value;
  if (typeof secret !== 'string') throw new AuthError();
  switch (auth.type) {
    case 'basic':
      return { name: 'authorization', value: `Basic ${base64(`${auth.username ?? 'opencode'}:${auth.password}`)}` };
    case 'bearer':
      return { name: 'authorization', value: `Bearer ${auth.token}` };
    case 'header':
      return { name: auth.name, value: auth.value };
    default:
      throw new AuthError();
  }
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
