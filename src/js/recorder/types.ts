/**
 * What reading and playing a recording gives.
 * @module
 */
import type { SessionState, WasmSource } from '../types.js';
import type { Entry, Header } from './format.js';

export type { Bytes, CallEntry, EndEntry, Entry, Header, LogLine, OutputEntry, Value } from './format.js';

/**
 * A recording as it was read.
 *
 * @example
 * ```ts
 * const { header, entries, cut } = await readRecording(input.files[0]);
 * ```
 */
export interface RecordingFile {
  readonly header: Header;
  /** Entry N of the file is `entries[N - 1]`. */
  readonly entries: readonly Entry[];
  /** The last line was cut off, as by a copy that broke: it is left out. */
  readonly cut: boolean;
}

/**
 * A file of a recording: its text, its bytes, or the `Blob` or `File` itself.
 *
 * @example
 * ```ts
 * const source: RecordingSource = await readFile('recording.jsonl');
 * ```
 */
export type RecordingSource = Blob | string | ArrayBuffer | Uint8Array | RecordingFile;

/**
 * How a recording is played.
 *
 * @example
 * ```ts
 * await replay(file, { onState: (state, entry) => console.log(entry, state.status.type) });
 * ```
 */
export interface ReplayOptions {
  /** The last entry that is played, counted from 1. Default: all. A call is always played whole. */
  readonly until?: number;
  /** Told of each state that the page had, with the entry that brought it. */
  readonly onState?: (state: SessionState, entry: number, sessionID: string) => void;
  /** The wasm module, as for `createClient`. */
  readonly wasm?: WasmSource;
}

/**
 * Where the core did something else than it did when it was recorded.
 *
 * @example
 * ```ts
 * if (diverged) console.log(`entry ${diverged.entry}: ${diverged.expected}, but ${diverged.got}`);
 * ```
 */
export interface Divergence {
  /** Counted from 1. */
  readonly entry: number;
  /** What stands in the recording. */
  readonly expected: string;
  /** What happened. */
  readonly got: string;
}

/**
 * What came out of a recording.
 *
 * @example
 * ```ts
 * const { sessions, diverged } = await replay(file);
 * ```
 */
export interface Replay {
  /** Entries played. */
  readonly entries: number;
  /** Entries of the recording. */
  readonly total: number;
  /** The last state of each session, by id: as `session.state` was. */
  readonly sessions: { readonly [sessionID: string]: SessionState };
  /** The first place where it went another way; `undefined`: all was the same. */
  readonly diverged: Divergence | undefined;
  /** The core ended in a trap at this entry, as it did when it was recorded. */
  readonly trapped: number | undefined;
  /** Why the recording ended, where it says so. `limit`: what came later is not in it. */
  readonly ended: 'limit' | 'stopped' | 'closed' | undefined;
  /** Version of the package and digest of the wasm that made it, and of those that played it. */
  readonly build: { readonly recorded: string; readonly here: string };
}
