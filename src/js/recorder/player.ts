/**
 * Plays a recording: the same calls at the same times into a core of its own, whose host does nothing but compare.
 * @module
 */
import { Core } from '../core/core.js';
import type { SessionState } from '../types.js';
import { View } from '../view.js';
import { BUILD, type Bytes, CALLS, type CallEntry, type EndEntry, type Entry, OUTPUTS, type OutputEntry, TIMELESS, type Value } from './format.js';
import type { Divergence, RecordingFile, Replay, ReplayOptions } from './types.js';

type Method = (...args: unknown[]) => unknown;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Longest quote of an entry in a report. */
const QUOTE = 300;
/** A reply that brings a body, and one that brings an error. */
const ERROR = 4;

/** One run of one recording. */
export class Player {
  readonly #recording: RecordingFile;
  readonly #onState: ReplayOptions['onState'];
  readonly #core: Core;
  readonly #views = new Map<number, { readonly id: string; readonly view: View }>();
  readonly #states = new Map<string, SessionState>();
  #at = 0;
  #depth = 0;
  #diverged: Divergence | undefined;
  #trapped: number | undefined;
  /** The core is broken: it ended in a trap. */
  #dead = false;
  /** What `onState` threw. Thrown on when no call of the core is under way. */
  #thrown: { readonly error: unknown } | undefined;

  constructor(recording: RecordingFile, onState: ReplayOptions['onState']) {
    this.#recording = recording;
    this.#onState = onState;
    const host: Record<string, Method> = {};
    for (const name of OUTPUTS) host[name] = (...args) => this.#output(name, args);
    this.#core = new Core(host as never, recording.header.options, recording.header.seed);
  }

  /** Plays the entries up to `until`, and ends. */
  run(until: number): Replay {
    const { entries, header } = this.#recording;
    try {
      while (this.#at < Math.min(until, entries.length) && this.#thrown === undefined) this.#step(entries[this.#at] as Entry);
      if (!this.#dead) for (const handle of this.#views.keys()) this.#draw(handle);
    } finally {
      this.#free();
    }
    if (this.#thrown !== undefined) throw this.#thrown.error;
    const end = entries.find((entry): entry is EndEntry => 'end' in entry);
    return {
      entries: this.#at,
      total: entries.length,
      sessions: Object.fromEntries(this.#states),
      diverged: this.#diverged,
      trapped: this.#trapped,
      ended: end?.end,
      build: { recorded: header.build, here: BUILD },
    };
  }

  get isDead(): boolean {
    return this.#dead;
  }

  #step(entry: Entry): void {
    if ('in' in entry) return this.#call(entry);
    // What the core did not do again is told where its call ends; after that nothing can be compared.
    this.#at += 1;
  }

  #call(entry: CallEntry): void {
    const number = this.#at + 1;
    this.#at = number;
    this.#depth += 1;
    const depth = this.#depth;
    try {
      const gave = this.#run(entry);
      if (entry.trap !== undefined) this.#diverge(number, `a trap (${entry.trap})`, 'none');
      else if (entry.r !== undefined && gave !== entry.r) this.#diverge(number, `${entry.in} gives ${entry.r}`, `it gives ${String(gave)}`);
    } catch (error) {
      this.#dead = true;
      if (entry.trap === undefined) this.#diverge(number, `${entry.in} without a trap`, String(error));
      else this.#trapped ??= number;
    }
    this.#depth -= 1;
    const left = this.#peek();
    if (left !== undefined && 'out' in left && left.d === depth) this.#diverge(this.#at + 1, quote(left.out, left.a), `nothing; ${entry.in} is over`);
  }

  #run(entry: CallEntry): unknown {
    const kinds = CALLS[entry.in] ?? '';
    const args: unknown[] = entry.a.map((value, at) => ('bo'.includes(kinds[at] ?? '-') ? bytesOf(value) : value));
    const [first] = entry.a;
    switch (entry.in) {
      case 'drain':
        return this.#draw(first as number);
      case 'open': {
        // The core speaks of the session before it gives its handle.
        const handle = this.#core.open(entry.t, ...(args as [string, number, boolean]));
        const id = String(first);
        this.#views.set(handle, { id, view: new View(id, () => undefined) });
        return handle;
      }
      case 'closeSession':
        this.#draw(first as number);
        this.#views.delete(first as number);
    }
    if (!TIMELESS.has(entry.in)) args.unshift(entry.t);
    return (this.#core[entry.in as keyof Core] as Method).apply(this.#core, args);
  }

  /** Takes the session's changes, as the page did. */
  #draw(handle: number): void {
    const known = this.#views.get(handle);
    if (known === undefined) return;
    const { id, view } = known;
    this.#core.drain(handle, view);
    view.publish();
    if (this.#states.get(id) === view.state) return;
    this.#states.set(id, view.state);
    try {
      this.#onState?.(view.state, this.#at, id);
    } catch (error) {
      this.#thrown ??= { error };
    }
  }

  /** The core asks for something: it has to be what stands in the recording, and so has what the host did then. */
  #output(name: string, args: unknown[]): void {
    const depth = this.#depth;
    const expected = this.#peek();
    if (this.#diverged === undefined) {
      const got = valuesOf(name, args);
      const isSame = expected !== undefined && 'out' in expected && expected.d === depth && same(expected, name, got, this.#recording.header.text === 'mask');
      if (isSame) this.#at += 1;
      // Where the file was cut off, more may have followed.
      else if (expected !== undefined || !this.#recording.cut) this.#diverge(this.#at + 1, expected === undefined ? 'nothing more' : describe(expected), quote(name, got));
    } else if (expected !== undefined && 'out' in expected) {
      this.#at += 1;
    }
    for (let next = this.#peek(); next !== undefined && 'in' in next && next.d === depth; next = this.#peek()) this.#call(next);
  }

  /** The next entry that is a call or an output. */
  #peek(): Exclude<Entry, { log: unknown } | { end: unknown }> | undefined {
    for (;;) {
      const entry = this.#recording.entries[this.#at];
      if (entry === undefined) return undefined;
      if ('in' in entry || 'out' in entry) return entry;
      this.#at += 1;
    }
  }

  #diverge(entry: number, expected: string, got: string): void {
    this.#diverged ??= { entry, expected, got };
  }

  #free(): void {
    try {
      this.#core.free();
    } catch {
      // After a trap there is nothing left to be freed.
    }
  }
}

/** What an output says, as it stands in a recording. */
function valuesOf(name: string, args: unknown[]): Value[] {
  if (name === 'reply') {
    const [token, kind, session, index, bytes] = args as [number, number, number, number, Uint8Array];
    return [token, kind, session, index, kind === ERROR ? decoder.decode(bytes) : bytes.length];
  }
  if (name === 'heard') return [args[0] as number, (args[1] as string).length, (args[2] as Uint8Array).length];
  return args.map((value) => (value instanceof Uint8Array ? decoder.decode(value) : ((value ?? null) as Value)));
}

function same({ out, a }: OutputEntry, name: string, got: readonly Value[], masked: boolean): boolean {
  if (out !== name) return false;
  // What a server said of an error may be masked in one and quoted in the other.
  if (name === 'log') return a[0] === got[0] && a[1] === got[1] && (masked || a[2] === got[2]);
  if (name === 'reply' && got[1] === ERROR) return a[0] === got[0] && a[1] === ERROR && code(a[4]) === code(got[4]);
  // As JSON has it: "never" is null.
  return JSON.stringify(a) === JSON.stringify(got);
}

function code(error: Value | undefined): unknown {
  try {
    return (JSON.parse(String(error)) as { code?: unknown }).code;
  } catch {
    return undefined;
  }
}

function bytesOf(value: Value): Uint8Array | undefined {
  if (value === null) return undefined;
  if (typeof value !== 'object') return encoder.encode(String(value));
  return Uint8Array.from(atob((value as Exclude<Bytes, string>).base64), (letter) => letter.charCodeAt(0));
}

function describe(entry: CallEntry | OutputEntry): string {
  return 'out' in entry ? quote(entry.out, entry.a) : `the next call, ${entry.in}`;
}

function quote(name: string, values: readonly Value[]): string {
  const text = `${name} ${JSON.stringify(values)}`;
  return text.length > QUOTE ? `${text.slice(0, QUOTE)}…` : text;
}
