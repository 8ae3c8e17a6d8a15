/**
 * Loads the wasm, and plays a recording.
 * @module
 */
import { refused } from '../host.js';
import { checkNames, FURTHER } from '../options.js';
import type { WasmSource } from '../types.js';
import { Player } from './player.js';
import { readRecording } from './read.js';
import type { RecordingSource, Replay, ReplayOptions } from './types.js';

let loading: Promise<unknown> | undefined;

/** `replay` with the build's own way to load the wasm. */
export async function play(load: (source?: WasmSource) => Promise<unknown>, source: RecordingSource, options: ReplayOptions): Promise<Replay> {
  checkNames('replay', options, FURTHER.replay);
  const { until = Number.POSITIVE_INFINITY, onState, wasm } = options;
  if (typeof until !== 'number' || !(until >= 0)) throw refused('bad_option', 'until is not the number of an entry.', 'Leave it out to play all.');
  const recording = await readRecording(source);
  loading ??= load(wasm).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  await loading;
  const played = new Player(recording, onState);
  try {
    return played.run(until);
  } finally {
    // A trap leaves nothing that another recording could be played in.
    if (played.isDead) loading = undefined;
  }
}
