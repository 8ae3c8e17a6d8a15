/**
 * What `client.record()` gives.
 * @module
 */

/**
 * How a client is recorded.
 *
 * @example
 * ```ts
 * const client = await createClient({ baseUrl, record: { limit: 64 * 1024 * 1024 } });
 * ```
 */
export interface RecordOptions {
  /**
   * Bytes that are kept. When they are full the recording ends, says so (`ended: 'limit'`, log code `recording_full`),
   * and keeps its beginning: without that it could not be played again. Default 16 MiB.
   */
  readonly limit?: number;
}

/**
 * What goes into the file.
 *
 * @example
 * ```ts
 * const file = await recording.file({ text: 'mask' });
 * ```
 */
export interface RecordingFileOptions {
  /**
   * `keep` (default): prompts and answers are in the file as they were. `mask`: letters become `x` and digits `0`, also
   * in titles, tools, files and all names that somebody gave, so that the file can be given away; it is played again in the
   * same way. What is a secret by its name (`apiKey`, `pwd`, `token` …) or by its looks is starred out in both.
   */
  readonly text?: 'keep' | 'mask';
}

/**
 * All that came to a client and all that it did, since it was made. Credentials are not in it.
 *
 * @example
 * ```ts
 * const client = await createClient({ baseUrl, record: true });
 * // … something goes wrong …
 * const recording = await client.record();
 * link.href = URL.createObjectURL(await recording.file({ text: 'mask' }));
 * link.download = recording.name;
 * ```
 */
export interface Recording {
  /** A name for the file, with the time of the beginning. */
  readonly name: string;
  /** When it began, milliseconds since 1970. */
  readonly started: number;
  /** Entries so far. */
  readonly entries: number;
  /** Bytes so far, of `limit`. */
  readonly bytes: number;
  /** Why nothing more is written down; `undefined` while it goes on. */
  readonly ended: 'limit' | 'stopped' | 'closed' | undefined;
  /** What was written down until now: lines of JSON, which `replay` and the inspector read. */
  file(options?: RecordingFileOptions): Promise<Blob>;
  /** Ends the recording; what was written down stays. */
  stop(): void;
}
