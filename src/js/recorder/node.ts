/**
 * `opencode-session/recorder` for Node: the wasm is inside.
 * @module
 */
import type { RecordingSource, Replay, ReplayOptions } from './types.js';
import init from '../core/core.js';
import type { WasmSource } from '../types.js';
import { play } from './play.js';

export * from './public.js';

const load = async (source?: WasmSource): Promise<unknown> =>
  init({ module_or_path: source ?? (await import('../wasm-inline.js')).default() });

/** See the `replay` of the other build. */
export function replay(recording: RecordingSource, options: ReplayOptions = {}): Promise<Replay> {
  return play(load, recording, options);
}
