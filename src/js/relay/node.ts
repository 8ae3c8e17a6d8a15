/**
 * A relay under `node:http`, and what is built on it.
 * @module
 */
import { type Decision, type Desk, turned } from './desk.js';
import { denied } from './errors.js';
import type { Reader } from './hub.js';
import type { Relay } from './index.js';
import { attached, HEADERS, PADDING } from './stream.js';

const DESK = Symbol.for('opencode-session.relay.desk');

/**
 * What is read of an `IncomingMessage`.
 *
 * @example
 * ```ts
 * const line = ({ method, url }: NodeRequest) => `${method} ${url}`;
 * ```
 */
export interface NodeRequest extends AsyncIterable<Uint8Array> {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly rawHeaders: readonly string[];
}

/**
 * What is done with a `ServerResponse`.
 *
 * @example
 * ```ts
 * const refuse = (response: NodeResponse) => response.writeHead(403, {});
 * ```
 */
export interface NodeResponse {
  readonly destroyed: boolean;
  /** Begins the answer. */
  writeHead(status: number, headers: Record<string, string | string[]>): unknown;
  /** Adds to its body; gives whether it takes more at once. */
  write(piece: Uint8Array): boolean;
  /** Ends it. */
  end(): unknown;
  /** Ends the connection. */
  destroy(): unknown;
  /** Listens for the end of the connection, and for the moment at which it takes more. */
  on(event: 'close' | 'drain', listener: () => void): unknown;
  /** Listens no more. */
  off(event: 'close' | 'drain', listener: () => void): unknown;
}

/**
 * What `createServer`, Express and others take.
 *
 * @example
 * ```ts
 * const listener: Listener = toNodeListener(relay);
 * ```
 */
export type Listener = (request: NodeRequest, response: NodeResponse) => void;

/**
 * The relay as a listener. Put no body parser and no compression before it.
 *
 * @example
 * ```ts
 * createServer(toNodeListener(relay)).listen(3_000);
 * ```
 */
export function toNodeListener(relay: Relay): Listener {
  const desk = (relay as unknown as { [DESK]: Desk })[DESK];
  return (request, response) => {
    const gone = new AbortController();
    // Not the request's: that one ends with its body.
    response.on('close', () => gone.abort());
    answered(desk, request, response, gone.signal).catch(() => response.destroy());
  };
}

async function answered(desk: Desk, request: NodeRequest, response: NodeResponse, signal: AbortSignal): Promise<void> {
  let own: Request;
  try {
    own = asked(request, signal);
  } catch {
    // What no web-standard request can be, is none of ours.
    return write(denied('route_denied'), response);
  }
  const decision = await desk.decide(own);
  return decision instanceof Response ? write(decision, response) : stream(decision, response);
}

function asked(request: NodeRequest, signal: AbortSignal): Request {
  const headers = new Headers();
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const [name = '', value = ''] = request.rawHeaders.slice(at, at + 2);
    if (!name.startsWith(':')) headers.append(name, value);
  }
  const { method = 'GET', url = '/' } = request;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  // The host is not read from here: see `origin.ts`. An address that is whole (of a proxy) has none of ours.
  const address = new URL(url.startsWith('/') ? `http://localhost${url}` : 'http://localhost/');
  return new Request(address, { method, headers, signal, ...(hasBody && { body: bodyOf(request), duplex: 'half' }) } as RequestInit);
}

function bodyOf(request: NodeRequest): ReadableStream<Uint8Array> {
  const pieces = request[Symbol.asyncIterator]();
  return new ReadableStream({
    pull: async (controller) => {
      const { done, value } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: async () => {
      await pieces.return?.();
    },
  });
}

async function write(answer: Response, response: NodeResponse): Promise<void> {
  const cookies = answer.headers.getSetCookie();
  response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), ...(cookies.length > 0 && { 'set-cookie': cookies }) });
  if (answer.body === null) return void response.end();
  for await (const piece of answer.body as unknown as AsyncIterable<Uint8Array>) {
    if (response.destroyed) return;
    if (!response.write(piece)) await drained(response);
  }
  response.end();
}

function drained(response: NodeResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

/** Straight to the socket: a web stream between would cost once more for each event. */
async function stream({ opening, headers }: Exclude<Decision, Response>, response: NodeResponse): Promise<void> {
  if (response.destroyed) return;
  let reader: Reader | number | undefined;
  const first: Uint8Array[] = [PADDING];
  reader = attached(opening, {
    write: (bytes) => {
      if (reader !== undefined) return response.write(bytes);
      first.push(bytes);
      return true;
    },
    end: () => response.end(),
  });
  if (typeof reader === 'number') return write(turned(reader), response);
  const own = reader;
  response.writeHead(200, { ...HEADERS, ...headers });
  response.on('close', () => own.leave());
  response.on('drain', () => own.drained());
  for (const bytes of first) response.write(bytes);
}
