/** A client beside the server, without any fault: what was to be seen of each session at which moment. */
import { openEvents } from '../../tests/support/events.mjs';
import { sleep, within } from '../../tests/support/wait.mjs';
import { Thread } from '../reducer.mjs';
import { brief } from './oracle.mjs';

const EVERY = 5;
const PATIENCE = 1_500;

export class Observer {
  #url;
  #threads = new Map();
  #closed = false;
  #read = 0;
  #events;

  /** @param {string} url */
  constructor(url) {
    this.#url = url;
  }

  async start() {
    this.#events = await openEvents(`${this.#url}/event`);
    this.#read = 0;
    this.#done = this.#loop();
    return this;
  }

  #done = Promise.resolve();

  /** @param {string} sessionID */
  follow(sessionID) {
    this.#threads.set(sessionID, { thread: new Thread(sessionID), moments: [{ at: Date.now(), text: '' }] });
  }

  /** The same for a session that may have a history. @param {string} sessionID */
  async join(sessionID) {
    this.follow(sessionID);
    await this.#load(sessionID);
  }

  /** @param {string} sessionID */
  follows(sessionID) {
    return this.#threads.has(sessionID);
  }

  /** What the answers said from which moment on. @param {string} sessionID @returns {import('./oracle.mjs').Moment[]} */
  moments(sessionID) {
    return this.#threads.get(sessionID).moments;
  }

  /** @param {string} sessionID */
  text(sessionID) {
    return this.moments(sessionID).at(-1).text;
  }

  /** Whether the server works on an answer. @param {string} sessionID */
  busy(sessionID) {
    return this.#threads.get(sessionID).thread.status !== 'idle';
  }

  async close() {
    this.#closed = true;
    await this.#done;
    await this.#events.close();
  }

  async #loop() {
    while (!this.#closed) {
      const { events } = this.#events;
      for (; this.#read < events.length; this.#read += 1) this.#take(events[this.#read]);
      if (this.#events.ended) await this.#again();
      await sleep(EVERY);
    }
  }

  #take(event) {
    for (const [sessionID, { thread, moments }] of this.#threads) {
      const { info, part } = event.properties;
      if ((info ?? part ?? event.properties).sessionID !== sessionID) continue;
      thread.apply(event);
      const text = answers(thread.messages);
      if (text !== moments.at(-1).text) moments.push({ at: Date.now(), text });
    }
  }

  /** The server was restarted: what was told meanwhile is in its store. */
  async #again() {
    // A server that is just starting takes connections and answers none of them.
    const next = await within(() => openEvents(`${this.#url}/event`), PATIENCE).catch(() => undefined);
    if (!next || this.#closed) return sleep(100);
    this.#events = next;
    this.#read = 0;
    for (const sessionID of this.#threads.keys()) await this.#load(sessionID);
  }

  async #load(sessionID) {
    const response = await fetch(`${this.#url}/session/${sessionID}/message`).catch(() => undefined);
    const messages = response?.ok ? await response.json() : [];
    const entry = this.#threads.get(sessionID);
    if (messages.length === 0 || !entry) return;
    entry.thread = new Thread(sessionID);
    entry.thread.load(messages);
    entry.moments.push({ at: Date.now(), text: answers(messages) });
  }
}

/** All text of the answers, as the oracle compares it. @param {readonly { info: object, parts: readonly object[] }[]} messages */
export function answers(messages) {
  const texts = messages.filter(({ info }) => info.role === 'assistant').flatMap(({ parts }) => parts);
  return brief(texts.filter(({ type }) => type === 'text').map(({ text }) => text).join(''));
}
