/**
 * What both builds of the recorder's entry give away.
 * @module
 */
export type { Recording, RecordingFileOptions, RecordOptions } from '../recording.js';
export { readRecording } from './read.js';
export type {
  Bytes, CallEntry, Divergence, EndEntry, Entry, Header, LogLine, OutputEntry, RecordingFile, RecordingSource, Replay, ReplayOptions, Value,
} from './types.js';
