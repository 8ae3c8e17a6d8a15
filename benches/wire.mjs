/**
 * Events in the form that the server prints. `current` is 1.2 to 1.18 (empty part, deltas, full part); `full` is
 * 1.1 and older (the full part in every event).
 */
import { random } from './text.mjs';

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const START = 1_763_000_000_000;
const MODEL = { providerID: 'scripted', modelID: 'scripted-large' };
const PATH = { cwd: '/project', root: '/project' };
const TOKENS = { total: 1536, input: 1024, output: 512, reasoning: 0, cache: { write: 0, read: 0 } };

/**
 * What GET would answer from event `at` on.
 * @typedef {{ at: number, info?: object, part?: object, status?: object }} Stored
 */

/** Writes the turns of one session into a list of events. */
export class Wire {
  #dialect;
  #next;
  #count = 0;

  /** @param {{ dialect: 'current' | 'full', seed: number }} options */
  constructor({ dialect, seed }) {
    this.#dialect = dialect;
    this.#next = random(seed);
    this.sessionID = this.id('ses');
  }

  /** The server's own form: 12 hexadecimal digits that rise with time, then 14 letters. @param {string} prefix */
  id(prefix) {
    this.#count += 1;
    const stamp = ((START * 4096 + this.#count) % 2 ** 48).toString(16).padStart(12, '0');
    let tail = '';
    for (let i = 0; i < 14; i++) tail += LETTERS[Math.floor(this.#next() * LETTERS.length)];
    return `${prefix}_${stamp}${tail}`;
  }

  /** @returns {number} milliseconds, later with every call of `id` */
  now() {
    return START + this.#count * 10;
  }

  /** @param {string} type @param {object} properties */
  event(type, properties) {
    if (this.#dialect === 'full') return { type, properties };
    return { id: this.id('evt'), type, properties };
  }

  /** @param {object} info */
  message(info) {
    const scope = this.#dialect === 'full' ? {} : { sessionID: this.sessionID };
    return this.event('message.updated', { ...scope, info: { ...info } });
  }

  /** @param {object} part @param {string} [delta] the last piece of the part, in the dialect that has it */
  part(part, delta) {
    if (this.#dialect === 'full') {
      return this.event('message.part.updated', delta === undefined ? { part } : { part, delta });
    }
    return this.event('message.part.updated', { sessionID: this.sessionID, part, time: this.now() });
  }

  /** @param {{ id: string, messageID: string }} part @param {string} delta */
  delta(part, delta) {
    const { id, messageID } = part;
    return this.event('message.part.delta', { sessionID: this.sessionID, messageID, partID: id, field: 'text', delta });
  }

  /**
   * One turn: a prompt and its answer of text or of tool outputs.
   * @param {{ prompt: string, answer?: string, outputs?: string[], step?: number }} turn
   * @returns {object[]}
   */
  turn({ prompt, answer, outputs = [], step = 4 }) {
    const { sessionID } = this;
    const full = this.#dialect === 'full';
    const time = { created: this.now() };
    const userID = this.id('msg');
    const who = full ? { id: userID, sessionID, role: 'user' } : { id: userID, role: 'user', sessionID };
    const events = [this.message({ ...who, time, agent: 'build', model: MODEL })];
    events.push(this.part(this.#late({ type: 'text', text: prompt }, this.#own(userID))));
    events.push(this.event('session.status', { sessionID, status: { type: 'busy' } }));
    const assistant = this.#assistant(userID);
    events.push(this.message(assistant), this.part({ ...this.#own(assistant.id), type: 'step-start' }));
    if (answer !== undefined) events.push(...this.#text(this.#own(assistant.id), answer, step));
    for (const output of outputs) events.push(...this.#tool(this.#own(assistant.id), output));
    const finish = { reason: 'stop', type: 'step-finish', tokens: TOKENS, cost: 0 };
    events.push(this.part({ ...this.#own(assistant.id), ...finish }));
    const done = { ...assistant.time, completed: this.now() };
    events.push(
      this.message({ ...assistant, finish: 'stop' }),
      this.message({ ...assistant, time: done, finish: 'stop' }),
    );
    events.push(this.event('session.status', { sessionID, status: { type: 'idle' } }));
    events.push(this.event('session.idle', { sessionID }));
    return events;
  }

  // The order of the keys is that of recorded servers: whoever scans instead of parsing depends on it.

  #own(messageID) {
    const { sessionID } = this;
    const id = this.id('prt');
    return this.#dialect === 'full' ? { id, sessionID, messageID } : { id, messageID, sessionID };
  }

  /** Newer servers print the ids of some parts last, in a tool part behind all of its output. */
  #late(part, { id, sessionID, messageID }) {
    return this.#dialect === 'full' ? { id, sessionID, messageID, ...part } : { ...part, id, sessionID, messageID };
  }

  #assistant(parentID) {
    const { sessionID } = this;
    const id = this.id('msg');
    const time = { created: this.now() };
    const { providerID, modelID } = MODEL;
    const run = { mode: 'build', agent: 'build', path: PATH, cost: 0, tokens: TOKENS };
    if (this.#dialect === 'full') {
      return { id, sessionID, role: 'assistant', time, parentID, modelID, providerID, ...run };
    }
    return { id, parentID, role: 'assistant', ...run, modelID, providerID, time, sessionID };
  }

  #text(own, text, step) {
    const full = this.#dialect === 'full';
    const part = { ...own, type: 'text', text: '', time: { start: this.now() } };
    const events = full ? [] : [this.part(part)];
    for (let from = 0; from < text.length; from += step) {
      const delta = text.slice(from, from + step);
      events.push(full ? this.part({ ...part, text: text.slice(0, from + step) }, delta) : this.delta(part, delta));
    }
    events.push(this.part({ ...part, text, time: { ...part.time, end: this.now() } }));
    return events;
  }

  #tool(own, output) {
    const tool = { type: 'tool', tool: 'webfetch', callID: this.id('call') };
    const input = { url: 'file:///project/build.log', format: 'text' };
    const start = this.now();
    const time = { start, end: this.now() };
    const metadata = { truncated: false };
    const state = { status: 'completed', input, output, metadata, title: 'build.log', time };
    return [
      this.part({ ...own, ...tool, state: { status: 'pending', input: {}, raw: '' } }),
      this.part(this.#late({ ...tool, state: { status: 'running', input, time: { start } } }, own)),
      this.part(this.#late({ ...tool, state }, own)),
    ];
  }
}

/**
 * The rows that the server keeps of these events.
 * @param {object[]} events @param {string} sessionID @returns {Stored[]}
 */
export function stored(events, sessionID) {
  const rows = [];
  for (const [index, { type, properties }] of events.entries()) {
    if ((properties.info ?? properties.part ?? properties).sessionID !== sessionID) continue;
    if (type === 'message.updated') rows.push({ at: index + 1, info: properties.info });
    if (type === 'message.part.updated') rows.push({ at: index + 1, part: properties.part });
    if (type === 'session.status') rows.push({ at: index + 1, status: properties.status });
  }
  return rows;
}

/** Folds stored rows into what GET messages answers. @param {Stored[]} rows @param {number} handed events so far */
export function fold(rows, handed) {
  const messages = new Map();
  for (const { at, info, part } of rows) {
    if (at > handed) break;
    if (info) messages.set(info.id, { info, parts: messages.get(info.id)?.parts ?? new Map() });
    else if (part) messages.get(part.messageID).parts.set(part.id, part);
  }
  return [...messages.values()].map(({ info, parts }) => ({ info, parts: [...parts.values()] }));
}
