/** The workloads: which bytes go over the wire, how they are cut, and what the state has to say at the end. */
import { reply } from './replies.mjs';
import { log, prose, random } from './text.mjs';
import { fold, stored, Wire } from './wire.mjs';

const encoder = new TextEncoder();
const TURNS = 20;
const LENGTH = 4000;
const HISTORY = 2000;
const SESSIONS = 10;

/**
 * `ends[i]` is the number of events that are whole after chunk i.
 * @typedef {{ bytes: Uint8Array[], ends: Uint32Array, events: number }} Chunks
 */
/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} version of the server whose wire it is
 * @property {string} sessionID the open session
 * @property {Chunks} chunks
 * @property {number} readEvery the state is read after so many chunks
 * @property {object[]} history messages the server holds before the stream begins
 * @property {import('./wire.mjs').Stored[]} rows what it stores while the stream runs
 * @property {string[]} prompts
 * @property {string[]} texts of the messages that the stream adds, oldest first
 * @property {() => Chunks[]} replies the same turns for the AI SDK
 */

/** What each workload is, for the table. */
export const TITLES = {
  A: '20 turns of 4,000 characters in 4-character deltas, one event a chunk',
  B: '10 turns with the full part in every event (servers before 1.2)',
  E: 'as A, after 2,000 messages of history',
  F: 'five tool outputs of 1 MB in 4 KiB chunks',
  G: 'as A, in 64 KiB chunks',
  H: 'ten sessions interleaved on one stream, one of them open',
};

/** @param {string} name @returns {Workload} */
export function workload(name) {
  switch (name) {
    case 'A':
      return build({ name, turns: answers(TURNS) });
    case 'B':
      return build({ name, turns: answers(10, 20), dialect: 'full' });
    case 'E':
      return build({ name, turns: answers(TURNS), history: HISTORY });
    case 'F':
      return build({ name, turns: [outputs(5, 1 << 20)], cut: 4096 });
    case 'G':
      return build({ name, turns: answers(TURNS), cut: 65536 });
    case 'H':
      return build({ name, turns: answers(TURNS / SESSIONS), sessions: SESSIONS });
    default:
      throw new Error(`no workload named ${name}; there are ${Object.keys(TITLES).join(', ')}`);
  }
}

/** A few turns after a long history. @param {number} history messages @returns {Workload} */
export function long(history) {
  return build({ name: `long ${history}`, turns: answers(4), history });
}

function answers(count, step = 4) {
  const next = random(count);
  return Array.from({ length: count }, () => ({ prompt: prose(next, 80), answer: prose(next, LENGTH), step }));
}

function outputs(count, length) {
  const next = random(count);
  return { prompt: prose(next, 80), outputs: Array.from({ length: count }, () => log(next, length)) };
}

function build({ name, turns, dialect = 'current', history = 0, sessions = 1, cut }) {
  const wire = new Wire({ dialect, seed: 1 });
  const past = pages(wire, history);
  const events = turns.flatMap((turn) => wire.turn(turn));
  const others = Array.from({ length: sessions - 1 }, (_, index) => {
    const other = new Wire({ dialect, seed: index + 2 });
    return turns.flatMap((turn) => other.turn(turn));
  });
  const all = interleave([events, ...others]);
  const frames = all.map((event) => `data: ${JSON.stringify(event)}\n\n`);
  let replies;
  return {
    name,
    version: dialect === 'full' ? '1.1.65' : '1.18.33',
    sessionID: wire.sessionID,
    chunks: chop(frames, cut),
    readEvery: cut ? 1 : 8,
    history: past,
    rows: stored(all, wire.sessionID),
    prompts: turns.map(({ prompt }) => prompt),
    texts: turns.flatMap(({ prompt, answer, outputs: list }) => [prompt, answer ?? list.join('')]),
    replies: () => (replies ??= turns.map((turn, index) => chop(reply(turn, index), cut))),
  };
}

function pages(wire, count) {
  const next = random(count);
  const events = [];
  for (let made = 0; made < count; made += 2) {
    // One delta for the whole text: only the stored form is wanted here.
    events.push(...wire.turn({ prompt: prose(next, 80), answer: prose(next, 600), step: 600 }));
  }
  return fold(stored(events, wire.sessionID), events.length);
}

function interleave(lists) {
  if (lists.length === 1) return lists[0];
  return lists[0].flatMap((_, index) => lists.map((list) => list[index]));
}

/** @param {string[]} frames @param {number} [size] of a chunk in bytes; without it each frame is one */
function chop(frames, size) {
  const bytes = frames.map((frame) => encoder.encode(frame));
  if (!size) return { bytes, ends: Uint32Array.from(bytes, (_, index) => index + 1), events: frames.length };
  const whole = new Uint8Array(bytes.reduce((sum, { length }) => sum + length, 0));
  const marks = [];
  let offset = 0;
  for (const piece of bytes) {
    whole.set(piece, offset);
    offset += piece.length;
    marks.push(offset);
  }
  const cuts = [];
  for (let from = 0; from < whole.length; from += size) cuts.push(whole.slice(from, from + size));
  let ended = 0;
  const ends = Uint32Array.from(cuts, (_, index) => {
    while (ended < marks.length && marks[ended] <= (index + 1) * size) ended += 1;
    return ended;
  });
  return { bytes: cuts, ends, events: frames.length };
}
