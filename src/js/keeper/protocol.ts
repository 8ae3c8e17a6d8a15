/**
 * What pages and the keeper say to each other. Both sides check what they get: any script of the origin can post.
 * @module
 */

/** Grows with each change that an older side would not understand. */
export const PROTOCOL = 3;

/** One credential header. */
export interface AuthHeader {
  readonly name: string;
  readonly value: string;
}

/** Who reads. */
export type Whose = Pick<Target, 'auth' | 'who'>;

/** Where a stream comes from. Targets that differ in anything share nothing. */
export interface Target {
  /** Address of the server, without a slash at the end. */
  readonly base: string;
  /** Path and query of the stream. */
  readonly path: string;
  readonly auth: AuthHeader | undefined;
  /** Who reads, where the client says so: only then cookies are sent. */
  readonly identity?: string | undefined;
  /** A name for the person, made of the credentials; '' for nobody in particular. */
  readonly who: string;
}

/** Whether cookies go with a request: they say who asks, so never unless the client says who that is. */
export function cookies(identity: string | undefined, auth: AuthHeader | undefined): RequestCredentials {
  if (identity === undefined) return 'omit';
  return auth === undefined ? 'include' : 'same-origin';
}

/** Whether requests may carry cookies, which a browser has once for all its pages: whoever they name is one person at a time. */
export function isByCookie({ base, auth, identity }: { base: string; auth?: unknown; identity?: string | undefined }): boolean {
  const page = globalThis.location as Location | undefined;
  return page !== undefined && identity !== undefined && (auth === undefined || new URL(base).origin === page.origin);
}

/** What a reader of a stream is told. */
export interface StreamSink {
  /** The stream was answered. */
  opened(status: number, contentType: string, retryAfter: string): void;
  /** Bytes of the stream; they belong to the sink. */
  bytes(chunk: Uint8Array): void;
  /** The stream is over: 0 clean end, 1 network, 2 timeout, 3 credentials, 4 this source cannot be used. */
  closed(cause: number): void;
}

/** Who knows the credentials of requests. */
export interface Credentials {
  /** A second answer may be another one. */
  readonly mayRefresh: boolean;
  /** What is sent with each request; rejects when there are none to be had. */
  credentials(): Promise<AuthHeader | undefined>;
  /** A name for the person who has them; '' for nobody in particular. */
  owner(): Promise<string | undefined>;
}

/** The stream that is held for all pages. */
export interface KeptStream {
  /** Opens the stream, in place of any older one, until `signal`. Refused credentials are asked for once more. */
  attach(requests: Credentials, path: string, position: string | undefined, signal: AbortSignal, sink: StreamSink): Promise<void>;
  /** See {@link StreamSource.rest}. */
  rest(resting: boolean): void;
  /** Ends all streams of this person, whoever reads them. */
  forget(who: string): Promise<void>;
}

/** Where a stream can be had. */
export interface StreamSource {
  /** Opens the stream, in place of any older one. `position`: the last `id` that was seen. */
  open(path: string, whose: Whose, position: string | undefined, sink: StreamSink): void;
  /** Lets go of the stream; nothing more is told. `open` may follow. */
  close(): void;
  /** Nobody looks and nothing is expected: no timers from here on, until it is called with `false`. */
  rest(resting: boolean): void;
  /** See {@link KeptStream.forget}. */
  forget(who: string): Promise<void>;
}

/** Receives what a caller should know. Levels: 0 debug, 1 info, 2 warn, 3 error. */
export type Log = (level: number, code: string, message: string) => void;

/** From a page to the worker, with a port for the answer. */
export type Request =
  | { type: 'attach'; id: string; target: Target; position: string | undefined }
  | { type: 'ping'; id: string }
  | { type: 'forget'; base: string; who: string }
  | { type: 'other'; protocol: unknown };

/** From the keeper to a page; bytes go as plain buffers. */
export type Answer =
  | { type: 'here' }
  | { type: 'life'; lock: string }
  | { type: 'open'; status: number; contentType: string; retryAfter: string }
  | { type: 'close'; cause: number }
  | { type: 'known'; known: boolean }
  | { type: 'forgotten' }
  | { type: 'other' }
  | { type: 'broken' };

const LONGEST = 16_384;

/** Reads what a page posted. */
export function readRequest(data: unknown): Request | undefined {
  const fields = record(data);
  if (fields === undefined) return undefined;
  const { type, protocol } = fields;
  if (type !== 'attach' && type !== 'ping' && type !== 'forget') return undefined;
  if (protocol !== PROTOCOL) return { type: 'other', protocol };
  if (type === 'forget') {
    const base = text(fields['base']);
    const who = text(fields['who']);
    return base === undefined || who === undefined ? undefined : { type, base, who };
  }
  const id = text(fields['id']);
  if (id === undefined) return undefined;
  if (type === 'ping') return { type, id };
  const target = readTarget(fields);
  return target === undefined ? undefined : { type, id, target, position: text(fields['position']) };
}

/** Reads what the keeper posted. */
export function readAnswer(data: unknown): Answer | Uint8Array | undefined {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  const fields = record(data);
  switch (fields?.['type']) {
    case 'here':
    case 'forgotten':
    case 'other':
    case 'broken':
      return { type: fields['type'] };
    case 'open':
      return {
        type: 'open',
        status: whole(fields['status']),
        contentType: text(fields['contentType']) ?? '',
        retryAfter: text(fields['retryAfter']) ?? '',
      };
    case 'close':
      return { type: 'close', cause: whole(fields['cause']) };
    case 'known':
      return { type: 'known', known: fields['known'] === true };
    case 'life':
      return { type: 'life', lock: text(fields['lock']) ?? '' };
    default:
      return undefined;
  }
}

/** A name that no other reader has. */
export function uniqueId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** An object's fields. */
export function record(data: unknown): Record<string, unknown> | undefined {
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : undefined;
}

/** A string of sane length. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= LONGEST ? value : undefined;
}

function whole(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 65_536 ? value : 0;
}

function readTarget(fields: Record<string, unknown>): Target | undefined {
  const base = text(fields['base']);
  const path = text(fields['path']);
  if (base === undefined || path === undefined || !path.startsWith('/')) return undefined;
  let url: URL;
  try {
    url = new URL(base);
  } catch {
    return undefined;
  }
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return undefined;
  const identity = text(fields['identity']);
  if (identity === undefined && fields['identity'] !== undefined) return undefined;
  const who = text(fields['who']);
  if (who === undefined) return undefined;
  if (fields['auth'] === undefined) return { base, path, auth: undefined, identity, who };
  const auth = record(fields['auth']);
  const name = text(auth?.['name']);
  const value = text(auth?.['value']);
  return name === undefined || value === undefined ? undefined : { base, path, auth: { name, value }, identity, who };
}
