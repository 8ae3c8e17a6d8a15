/**
 * Writes down all that goes into the core of a client, and all that it asks for. The core has one door, takes its time from
 * its callers and its randomness from a seed: so the same calls give the same run again.
 * @module
 */
import { bound } from '../bound.js';
import type { Core } from '../core/core.js';
import { SessionError } from '../errors.js';
import { known, refused } from '../host.js';
import type { Link } from '../link.js';
import { checkNames, FURTHER } from '../options.js';
import type { Recording, RecordingFileOptions, RecordOptions } from '../recording.js';
import { BUILD, CALLS, type EndEntry, FORMAT, type LogLine, OUTPUTS, TIMELESS } from './format.js';
import { write } from './write.js';

/** Bytes that are kept where the caller names no limit. */
const LIMIT = 16 * 1024 * 1024;
/** What an entry costs beside its texts and bytes. */
const ENTRY = 64;

/** A value as it was passed. */
export type Raw = number | string | boolean | Uint8Array | null | undefined;

/** An entry before it is made fit for a file. */
export type RawEntry =
  | { readonly t: number; readonly in: string; readonly a: Raw[]; readonly d: number; r?: Raw; trap?: string }
  | { readonly out: string; readonly a: Raw[]; readonly d: number }
  | LogLine
  | EndEntry;

type Method = (...args: never[]) => unknown;

const tapes = new WeakMap<Link, Tape>();

/** Makes the core of `link` with `make`, and records it from its first call on. */
export function start(link: Link, make: (host: unknown, seed: number) => Core, options: string, record: unknown): Core {
  const limit = typeof record === 'object' ? ((record as RecordOptions).limit ?? LIMIT) : LIMIT;
  if (!['boolean', 'object'].includes(typeof record) || typeof limit !== 'number' || !(limit >= 1)) {
    throw refused('bad_option', 'record is neither true nor { limit } with a number of bytes.', 'Pass record: true.');
  }
  if (typeof record === 'object') checkNames('record', record as RecordOptions, FURTHER.record);
  const tape = new Tape(link, options, limit);
  tapes.set(link, tape);
  return tape.attach((host) => make(host, tape.seed));
}

/** The recording of the client that `link` belongs to. */
export function recording(link: Link): Recording {
  if (link.end.code === 'signed_out') throw link.end;
  const tape = tapes.get(link);
  if (tape !== undefined) return tape;
  throw new SessionError({
    code: 'not_recording',
    message: 'This client is not recorded.',
    hint: 'Pass record: true to createClient: a recording has to begin with the client.',
  });
}

class Tape implements Recording {
  readonly started = Date.now();
  readonly seed = Math.random();
  readonly #link: Link;
  readonly #options: string;
  readonly #limit: number;
  readonly #written: RawEntry[] = [];
  #bytes = 0;
  #depth = 0;
  /** Entries that belong to calls which have returned. */
  #whole = 0;
  #ended: EndEntry['end'] | undefined;

  constructor(link: Link, options: string, limit: number) {
    this.#link = link;
    this.#options = options;
    this.#limit = limit;
    bound(this, known);
  }

  get name(): string {
    return `opencode-session-${new Date(this.started).toISOString().slice(0, 19).replaceAll(':', '-')}.jsonl`;
  }

  get entries(): number {
    return this.#written.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get ended(): EndEntry['end'] | undefined {
    return this.#ended;
  }

  async file(options: RecordingFileOptions = {}): Promise<Blob> {
    checkNames('file', options, FURTHER.file);
    const { text = 'keep' } = options;
    if (text !== 'keep' && text !== 'mask') throw refused('bad_option', 'text is neither "keep" nor "mask".', 'Leave it out for "keep".');
    const { started, seed } = this;
    const { navigator, process } = globalThis as { navigator?: { userAgent?: string }; process?: { version?: string } };
    const host = navigator?.userAgent ?? `Node ${process?.version}`;
    const header = { format: FORMAT, build: BUILD, started, host, text, options: this.#options, seed } as const;
    return new Blob(write(header, this.#written.slice(0, this.#whole)), { type: 'application/x-ndjson' });
  }

  stop(): void {
    this.#end('stopped');
  }

  /** Makes the core with a host that is written down, and gives it with calls that are. */
  attach(make: (host: unknown) => Core): Core {
    const link = this.#link;
    // What JavaScript logs by itself is told from what the core logs.
    const log = link.log.bind(link);
    link.log = (level, code, message, sessionID) => {
      if (this.#ended === undefined) this.#add({ t: link.now(), log: [level, code, message] });
      log(level, code, message, sessionID);
    };
    const host: Record<string, Method> = {};
    for (const name of OUTPUTS) {
      const run = name === 'log' ? log : (link[name].bind(link) as Method);
      host[name] = (...args) => {
        // The call that it belongs to is in the recording, so it is as well.
        if (this.#depth > 0) this.#add({ out: name, a: name === 'reply' ? answer(args) : name === 'heard' ? told(args) : kept(args), d: this.#depth });
        return (run as (...all: never[]) => unknown)(...args);
      };
    }
    const core = make(host);
    const recorded: Record<string, Method> = { free: () => core.free() };
    for (const name of Object.keys(CALLS)) {
      const run = (core[name as keyof Core] as Method).bind(core);
      recorded[name] = (...args) => this.#call(name, run, args);
    }
    return recorded as unknown as Core;
  }

  #call(name: string, run: Method, args: never[]): unknown {
    if (this.#depth === 0 && this.#bytes + size(args) > this.#limit) this.#end('limit');
    // A call from within another is written down with it, or not at all.
    if (this.#depth === 0 && this.#ended !== undefined) return run(...args);
    const timeless = TIMELESS.has(name);
    const t = timeless ? this.#link.now() : args[0];
    const a = name === 'drain' ? kept(args.slice(0, 1)) : kept(timeless ? args : args.slice(1));
    const entry: RawEntry = { t: t as unknown as number, in: name, a, d: this.#depth };
    this.#add(entry);
    this.#depth += 1;
    try {
      const gave = run(...args) as Raw;
      if (gave !== undefined && gave !== null && typeof gave !== 'object') entry.r = gave;
      return gave;
    } catch (error) {
      entry.trap = String(error);
      throw error;
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0) this.#whole = this.#written.length;
      if (name === 'close') this.#end('closed');
    }
  }

  #add(entry: RawEntry): void {
    this.#written.push(entry);
    this.#bytes += ENTRY + ('a' in entry ? size(entry.a) : 0);
    if (this.#depth === 0) this.#whole = this.#written.length;
  }

  #end(why: EndEntry['end']): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    this.#add({ t: this.#link.now(), end: why });
    if (why === 'limit') {
      this.#link.log(2, 'recording_full', 'The recording is full (record.limit) and ended; make a new client for a new one.');
    }
  }
}

/** Arguments as they are now: bytes may be a view of memory that changes. */
function kept(args: readonly never[]): Raw[] {
  return args.map((arg: unknown) => (arg instanceof Uint8Array ? arg.slice() : (arg as Raw)));
}

/** The body of an answer is in the recording already, as it came: here its length is enough. */
function answer(args: readonly unknown[]): Raw[] {
  const [token, kind, session, index, bytes] = args as [number, number, number, number, Uint8Array];
  return [token, kind, session, index, kind === 4 ? bytes.slice() : bytes.length];
}

/** The same for what lists are told: it names folders and titles. */
function told(args: readonly unknown[]): Raw[] {
  const [kind, id, bytes] = args as [number, string, Uint8Array];
  return [kind, id.length, bytes.length];
}

function size(args: readonly unknown[]): number {
  return args.reduce<number>((sum, arg) => sum + (typeof arg === 'string' || arg instanceof Uint8Array ? arg.length : 0), 0);
}
