/**
 * `opencode-session/recorder`: reads what `client.record()` wrote, and plays it again.
 * @module
 */
import type { RecordingSource, Replay, ReplayOptions } from './types.js';
import { load } from '../load.js';
import { play } from './play.js';

export * from './public.js';

/**
 * Plays a recording: the same calls at the same times into a core of its own. No server is asked, and nothing is stored.
 *
 * @throws {SessionError} `bad_recording` for what is none.
 * @example
 * ```ts
 * const { sessions, diverged } = await replay(input.files[0]);
 * ```
 */
export function replay(recording: RecordingSource, options: ReplayOptions = {}): Promise<Replay> {
  return play(load, recording, options);
}
