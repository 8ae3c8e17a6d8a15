/**
 * The file of a recording: a line of JSON that says what it is, then a line for each entry.
 * @module
 */

/** The first words of each file. */
export const FORMAT = 'opencode-session-recording/1';

declare const __BUILD__: string;
/** Version of the package, and digest of its wasm. */
export const BUILD: string = __BUILD__;

/**
 * The first line.
 *
 * @example
 * ```ts
 * const made = (header: Header) => `${header.build} on ${header.host}`;
 * ```
 */
export interface Header {
  readonly format: typeof FORMAT;
  /** Version of the package and digest of the wasm that made it. */
  readonly build: string;
  /** When it began, milliseconds since 1970. */
  readonly started: number;
  /** Where it ran: the browser's or Node's name. */
  readonly host: string;
  /** Whether texts were masked. */
  readonly text: 'keep' | 'mask';
  /** The core's options, as it took them. */
  readonly options: string;
  /** The core's seed. */
  readonly seed: number;
}

/**
 * Bytes: as text where they are UTF-8.
 *
 * @example
 * ```ts
 * const isText = (bytes: Bytes) => typeof bytes === 'string';
 * ```
 */
export type Bytes = string | { readonly base64: string };

/**
 * What entries hold: plain values, and bytes.
 *
 * @example
 * ```ts
 * const shown = (value: Value) => JSON.stringify(value);
 * ```
 */
export type Value = number | string | boolean | null | Bytes;

/**
 * Something went into the core: a call of it.
 *
 * @example
 * ```ts
 * const isAnswer = (entry: CallEntry) => entry.in === 'answered';
 * ```
 */
export interface CallEntry {
  /** When, milliseconds since 1970. */
  readonly t: number;
  /** Name of the call. */
  readonly in: string;
  /** Its arguments, but for the time. */
  readonly a: readonly Value[];
  /** Calls that it was made from within. */
  readonly d?: number;
  /** What it gave. */
  readonly r?: Value;
  /** It ended in a trap of the wasm. */
  readonly trap?: string;
}

/**
 * The core asked its host for something, within the call before.
 *
 * @example
 * ```ts
 * const isRequest = (entry: OutputEntry) => entry.out === 'request';
 * ```
 */
export interface OutputEntry {
  /** Name of what it asked for. */
  readonly out: string;
  readonly a: readonly Value[];
  /** Calls that it was made from within, at least 1. */
  readonly d: number;
}

/**
 * A log entry that did not come from the core.
 *
 * @example
 * ```ts
 * const code = (line: LogLine) => line.log[1];
 * ```
 */
export interface LogLine {
  readonly t: number;
  /** Level (0 debug to 3 error), code, message. */
  readonly log: readonly [number, string, string];
}

/**
 * The last line of a recording that was ended: what came later is not in it.
 *
 * @example
 * ```ts
 * const isFull = (entry: EndEntry) => entry.end === 'limit';
 * ```
 */
export interface EndEntry {
  readonly t: number;
  readonly end: 'limit' | 'stopped' | 'closed';
}

/**
 * One line.
 *
 * @example
 * ```ts
 * const isCall = (entry: Entry) => 'in' in entry;
 * ```
 */
export type Entry = CallEntry | OutputEntry | LogLine | EndEntry;

/**
 * All calls of the core with the kinds of their arguments after the time: `n` number, `s` string, `f` flag, `b` bytes, `o`
 * bytes or none.
 */
export const CALLS: { readonly [name: string]: string } = {
  open: 'snf',
  restore: 'nbf',
  resume: 'n',
  journal: 'nf',
  closeSession: 'n',
  makeKey: '',
  send: 'nsbnn',
  discard: 'ns',
  ready: 'nn',
  settled: 'nn',
  loadOlder: 'nnn',
  call: 'nsson',
  command: 'nnbn',
  told: 'nb',
  reconnect: '',
  online: 'n',
  visible: 'f',
  timeout: '',
  lookout: 'f',
  streamOpened: 'nnsss',
  streamBytes: 'nb',
  streamClosed: 'nn',
  answered: 'nnsssb',
  failed: 'nn',
  drain: 'n',
  close: '',
};

/** Calls that take no time. */
export const TIMELESS: ReadonlySet<string> = new Set(['drain', 'close']);

/** All that the core asks its host for. */
export const OUTPUTS = ['openStream', 'closeStream', 'request', 'arm', 'dirty', 'reply', 'heard', 'log'] as const;
