/**
 * How long an answer may take, and which answers are not taken. All that runs a request runs it here.
 * @module
 */

/** An answer that is wholly there. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Nothing came in time. */
export class Late extends Error {
  override readonly name = 'TimeoutError';
}

/** The answer names another address. It is not gone to: a POST would become a GET, and credentials would go elsewhere. */
export class Redirected extends Error {
  readonly status: number;

  constructor(status: number) {
    super();
    this.status = status;
  }
}

/** More came than is taken. */
export class Large extends Error {}

/** What comes piece by piece may take so many limits in all: a byte now and then is no answer. */
export const LONGEST = 20;
/** Timers count no further, milliseconds. */
export const MOST = 2_000_000_000;

/** What ends many at once. No `AbortSignal`: Node warns of more than ten that wait for one. */
export class End {
  isOver = false;
  readonly #stops = new Set<() => void>();

  addEventListener(_type: 'abort', stop: () => void): void {
    this.#stops.add(stop);
  }

  removeEventListener(_type: 'abort', stop: () => void): void {
    this.#stops.delete(stop);
  }

  end(): void {
    this.isOver = true;
    for (const stop of this.#stops) stop();
  }
}

/**
 * Runs `job`, and gives it up when nothing came for `patience` milliseconds from now on, or since it called `heard` last;
 * also a job that does not heed its signal. 0: it may take any time. The signal ends with `whole`, too.
 */
export function bounded<T>(patience: number, job: (signal: AbortSignal, heard: () => void) => T | Promise<T>, whole?: Pick<End, 'addEventListener' | 'removeEventListener'>): Promise<T> {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  whole?.addEventListener('abort', abort);
  const end = performance.now() + patience * LONGEST;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return new Promise<T>((resolve, reject) => {
    const heard = (): void => {
      clearTimeout(timer);
      if (patience > 0 && !stop.signal.aborted) timer = setTimeout(late, Math.min(patience, end - performance.now(), MOST));
    };
    const late = (): void => {
      reject(new Late());
      abort();
    };
    heard();
    (async () => job(stop.signal, heard))().then(resolve, reject);
  }).finally(() => {
    clearTimeout(timer);
    whole?.removeEventListener('abort', abort);
  });
}

/** Refuses a redirect, also one that was followed. Browsers hide which one it was. */
export function straight(response: Response): Response {
  const { redirected, type, status } = response;
  const hidden = redirected || type === 'opaqueredirect';
  if (!hidden && (status < 300 || status > 399 || status === 304)) return response;
  response.body?.cancel().catch(() => undefined);
  throw new Redirected(hidden ? 302 : status);
}

/** Bytes of a body handed on at once. */
const PIECE = 65_536;
/** After so much work on what had come already, others have their turn, milliseconds. */
const TURN = 50;
/** Work since they had, of all bodies together: of several that come at once each would take as long. */
let busy = 0;
/** All wait for the same turn. */
let turning: Promise<void> | undefined;

/** Hands the pieces of a body on until it ends, or `signal` ends it. */
export async function drain({ body }: Response, signal: AbortSignal, take: (piece: Uint8Array<ArrayBuffer>) => void): Promise<void> {
  const reader = body?.getReader();
  if (reader === undefined) return;
  // The caller's own `fetch` may not heed the signal.
  const stop = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (let at = 0; at < value.length; at += PIECE) {
      // What comes faster than it can be read would keep the page from all else.
      while (busy >= TURN) {
        turning ??= turn();
        await turning;
      }
      if (signal.aborted) return;
      const begin = performance.now();
      try {
        take(value.length > PIECE ? value.subarray(at, at + PIECE) : value);
      } catch (error) {
        stop();
        throw error;
      }
      busy += performance.now() - begin;
    }
  }
}

/** Lets others go first. Not by a timer: hidden pages have one a second. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      busy = 0;
      turning = undefined;
      resolve();
    };
    port2.postMessage(0);
  });
}

/** The whole answer. `heard` is told how many bytes came; what it throws ends the reading. */
export async function whole(response: Response, signal: AbortSignal, heard: (bytes: number) => void): Promise<Answer> {
  const { status, headers } = response;
  heard(0);
  // Some hosts have no streams.
  if (!response.body) {
    const body = new Uint8Array(await response.arrayBuffer());
    heard(body.length);
    return { status, headers, body };
  }
  const pieces: Uint8Array[] = [];
  let size = 0;
  await drain(response, signal, (piece) => {
    heard(piece.length);
    pieces.push(piece);
    size += piece.length;
  });
  const body = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return { status, headers, body };
}
