/**
 * `opencode-session/recorder`: reads what `client.record()` wrote, and plays it again.
 * @module
 */
import type { RecordingSource, Replay, ReplayOptions } from './types.js';
import init from '../core/core.js';
import type { WasmSource } from '../types.js';
import { play } from './play.js';

export * from './public.js';

const load = (source?: WasmSource): Promise<unknown> =>
  init({ module_or_path: source ?? new URL('./core_bg.wasm', import.meta.url) });

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
