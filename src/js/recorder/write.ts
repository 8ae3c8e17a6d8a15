/**
 * Makes the lines of a file from what was written down. Here everything secret goes.
 * @module
 */
import { base64, joined } from '../bytes.js';
import type { Bytes, Header, Value } from './format.js';
import { Scrubber } from './scrub.js';
import type { Raw, RawEntry } from './tape.js';

type RawCall = Extract<RawEntry, { in: string }>;
type RawOutput = Extract<RawEntry, { out: string }>;

/** Lines that are joined to one piece of the file. */
const BATCH = 1_000;
/** Answers to other paths are of no session: what they hold is the server's own affair. */
const SESSIONS = /^\/(?:session|permission|question|path|global\/health)(?:[/?]|$)/;
const encoder = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The file, in pieces. */
export function write(header: Header, entries: readonly RawEntry[]): string[] {
  const writer = new Writer(header, entries);
  const lines = [JSON.stringify(writer.header), ...entries.map((entry) => JSON.stringify(writer.entry(entry)))];
  const pieces: string[] = [];
  for (let at = 0; at < lines.length; at += BATCH) pieces.push(`${lines.slice(at, at + BATCH).join('\n')}\n`);
  return pieces;
}

class Writer {
  readonly header: Header;
  readonly #masked: boolean;
  readonly #scrubber: Scrubber;
  /** Pieces of streams by the entry that brought them. */
  readonly #pieces = new Map<RawEntry, Uint8Array>();
  /** Requests whose answers are of no session, or that the page asked for by itself. */
  readonly #foreign = new Set<unknown>();
  /** The call from outside that the entries belong to. */
  #call: RawCall | undefined;

  constructor(header: Header, entries: readonly RawEntry[]) {
    this.#masked = header.text === 'mask';
    this.#scrubber = new Scrubber(this.#masked);
    this.header = { ...header, options: this.#json(encoder.encode(header.options)) as string };
    this.#cutStreams(entries);
  }

  entry(entry: RawEntry): object {
    if ('in' in entry) {
      // What a call asks for follows it.
      if (entry.d === 0) this.#call = entry;
      const a = this.#callValues(entry);
      const { t, r, trap, d } = entry;
      return { t, in: entry.in, a, ...(d > 0 && { d }), ...(r !== undefined && { r }), ...(trap !== undefined && { trap }) };
    }
    if ('out' in entry) return { out: entry.out, a: this.#outputValues(entry), d: entry.d };
    if ('log' in entry) return { ...entry, log: [entry.log[0], entry.log[1], this.#message(entry.log[1], entry.log[2])] };
    return entry;
  }

  #callValues(entry: RawCall): Value[] {
    const { a } = entry;
    const bytes = (at: number, scrubbed: (raw: Uint8Array) => Bytes): Value[] => a.map((value, index) =>
      index === at && value instanceof Uint8Array ? scrubbed(value) : plain(value));
    switch (entry.in) {
      case 'streamBytes':
        return bytes(1, (raw) => text(this.#pieces.get(entry) ?? this.#scrubber.plain(raw)));
      case 'answered': {
        const isJson = String(a[2]).includes('json');
        const foreign = this.#foreign.has(a[0]);
        const [request, status, kind, place, retryAfter, body] = a as [Raw, Raw, string, string, string, Raw];
        const scrubbed = body instanceof Uint8Array ? (isJson ? this.#json(body, { foreign }) : text(this.#scrubber.plain(body))) : plain(body);
        return [plain(request), plain(status), this.#scrubber.contentType(kind), this.#scrubber.place(place), this.#scrubber.retryAfter(retryAfter), scrubbed];
      }
      case 'streamOpened': {
        const [stream, status, kind, retryAfter, body] = a as [Raw, Raw, string, string, string];
        return [plain(stream), plain(status), this.#scrubber.contentType(kind), this.#scrubber.retryAfter(retryAfter), body === '' ? '' : (this.#json(encoder.encode(body)) as string)];
      }
      case 'call':
        return [plain(a[0]), plain(a[1]), this.#scrubber.path(String(a[2])), this.#body(a[3], String(a[2])), plain(a[4])];
      case 'command':
        return bytes(2, (raw) => this.#json(raw, { slash: a[1] === 0 }));
      default:
        return a.map((value) => (value instanceof Uint8Array ? this.#json(value) : plain(value)));
    }
  }

  #outputValues({ out, a }: RawOutput): Value[] {
    switch (out) {
      case 'request': {
        const path = String(a[2]);
        if (this.#call?.in === 'call' || !SESSIONS.test(path)) this.#foreign.add(a[0]);
        return [plain(a[0]), plain(a[1]), this.#scrubber.path(path), this.#body(a[3], path), plain(a[4])];
      }
      case 'openStream':
        return [plain(a[0]), this.#scrubber.path(String(a[1])), plain(a[2]), typeof a[3] === 'string' ? this.#scrubber.name(a[3]) : plain(a[3])];
      case 'log':
        // It may quote the server, and the code says what it is. `connection` is JSON.
        return [plain(a[0]), plain(a[1]), this.#message(String(a[1]), String(a[2]))];
      case 'reply': {
        // An error quotes the answer that it is made of.
        const foreign = this.#call?.in === 'answered' && this.#foreign.has(this.#call.a[0]);
        return a.map((value) => (value instanceof Uint8Array ? this.#json(value, { foreign }) : plain(value)));
      }
      default:
        return a.map((value) => (value instanceof Uint8Array ? this.#json(value) : plain(value)));
    }
  }

  #message(code: string, message: string): string {
    if (!this.#masked) return this.#scrubber.sentence(message);
    const raw = encoder.encode(message);
    return (code === 'connection' ? this.#json(raw) : text(this.#scrubber.plain(raw))) as string;
  }

  #body(body: Raw, path: string): Value {
    return body instanceof Uint8Array ? this.#json(body, { slash: path.includes('/command') }) : null;
  }

  #json(raw: Uint8Array, kind = {}): Bytes {
    return text(this.#scrubber.json(raw, kind));
  }

  /** A secret may be cut by the pieces that a stream comes in: each stream is scrubbed as a whole. */
  #cutStreams(entries: readonly RawEntry[]): void {
    const streams = new Map<unknown, { isEvents: boolean; calls: RawCall[] }>();
    const stream = (generation: unknown): { isEvents: boolean; calls: RawCall[] } => {
      const found = streams.get(generation) ?? { isEvents: false, calls: [] };
      streams.set(generation, found);
      return found;
    };
    for (const entry of entries) {
      if (!('in' in entry)) continue;
      if (entry.in === 'streamOpened') stream(entry.a[0]).isEvents = String(entry.a[2]).includes('event-stream');
      if (entry.in === 'streamBytes') stream(entry.a[0]).calls.push(entry);
    }
    for (const { isEvents, calls } of streams.values()) {
      const raw = joined(calls.map(({ a }) => a[1] as Uint8Array));
      const whole = isEvents ? this.#scrubber.events(raw) : this.#scrubber.plain(raw);
      let at = 0;
      for (const call of calls) {
        const { length } = call.a[1] as Uint8Array;
        this.#pieces.set(call, whole.subarray(at, at + length));
        at += length;
      }
    }
  }
}

/** Bytes as text, where they are UTF-8: a piece of a stream may end within a character. */
function text(bytes: Uint8Array): Bytes {
  try {
    return strict.decode(bytes);
  } catch {
    return { base64: base64(bytes) };
  }
}

function plain(value: Raw): Value {
  return value === undefined || value instanceof Uint8Array ? null : value;
}
