/** Runs in a page: one session after a history of a given length. */
import { createClient } from 'opencode-session';
import { BASE_URL, Server } from '../server.mjs';
import { long } from '../workloads.mjs';

const PAGE = 500;
/** `limits.messages`, as it is by default. */
const WINDOW = 5_000;
/** Milliseconds between two reads of a page. */
const FRAME = 16;

/** Histories are made once, before anything is measured. @type {Map<number, import('../workloads.mjs').Workload>} */
const workloads = new Map();

/** @param {number} history */
export function prepare(history) {
  workloads.set(history, long(history));
}

/** Opens a session. @param {number} history @param {{ all?: boolean, messages?: number }} [how] `all`: with older pages until the window is full */
async function load(history, { all = false, messages = WINDOW } = {}) {
  const workload = workloads.get(history);
  const watch = { reads: 0, look: () => {} };
  const server = new Server(workload, watch);
  const client = await createClient({ baseUrl: BASE_URL, fetch: server.fetch, journal: 'off', limits: { messages } });
  const begin = performance.now();
  const session = client.openSession(workload.sessionID);
  await session.ready;
  const opened = performance.now() - begin;
  while (all && session.state.hasOlder && session.state.messages.length < messages) await session.loadOlder(PAGE);
  return { client, session, server, watch, workload, opened };
}

/** Milliseconds from `openSession` to the first shown page. @param {number} history */
export async function opening(history) {
  const { client, session, opened } = await load(history);
  const shown = session.state.messages.length;
  client.close();
  if (shown !== Math.min(100, history)) throw new Error(`${shown} messages of ${history} are shown`);
  return opened;
}

/**
 * Milliseconds per event while answers stream in, and per read of a new state. The state is read once per frame of a page, so
 * that the two are not mixed up. @param {number} history @param {boolean} all whether the window is full
 */
export async function streaming(history, all) {
  const { client, session, server, watch, workload } = await load(history, { all });
  const before = session.state.messages.length;
  if (all && before < Math.min(history, WINDOW)) throw new Error(`${before} messages of ${history} are loaded`);
  let seen = 0;
  let last = 0;
  watch.look = () => {
    watch.reads += 1;
    if (performance.now() - last < FRAME) return;
    seen += session.state.messages.length;
    last = performance.now();
  };
  await rest();
  await server.play();
  const time = performance.now() - watch.begin;
  await session.settled();
  const shown = session.state.messages.slice(-workload.texts.length).map(({ parts }) => parts.map(({ text }) => text ?? '').join(''));
  if (seen === 0 || JSON.stringify(shown) !== JSON.stringify(workload.texts)) throw new Error('the shown text is not what was sent');
  client.close();
  return time / workload.chunks.events;
}

/** Milliseconds per read of a new state, with eight deltas between two. @param {number} history */
export async function reading(history) {
  const { client, session, server, watch } = await load(history, { all: true });
  let time = 0;
  let seen = 0;
  watch.look = () => {
    watch.reads += 1;
    const begin = performance.now();
    seen += session.state.messages.length;
    time += performance.now() - begin;
  };
  await rest();
  await server.play();
  client.close();
  if (seen === 0) throw new Error('nothing was read');
  return time / watch.reads;
}

/** What the engine clears away after loading, on threads of its own, is not the cost of a delta. */
async function rest() {
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 500));
}

let kept;

/** Fills the window and keeps it; gives the size of its raw JSON, bytes. @param {number} history */
export async function hold(history) {
  kept = await load(history, { all: true });
  const shown = kept.session.state.messages.length;
  if (shown < WINDOW) throw new Error(`${shown} messages are kept, ${WINDOW} were wanted`);
  const { length } = new TextEncoder().encode(JSON.stringify(kept.session.state.messages.map(({ info, parts }) => ({ info, parts }))));
  return length;
}

/** Lets go of it. */
export function drop() {
  kept?.client.close();
  kept = undefined;
}
