/** Plays a workload to one rival, takes the time and checks the final state. Runs in Node and in a page. */
import { Server, BASE_URL } from './server.mjs';
import { workload } from './workloads.mjs';

/** @typedef {{ messages: number, length: number, idle: boolean }} Seen what a page looks at once per frame */
/**
 * What a person sees: `gapped` where the page says that text is missing, `told` when it says that something failed.
 * @typedef {{ messages: { role: string, text: string, gapped?: boolean }[], busy: boolean, told?: boolean }} View
 */
/**
 * @typedef {object} Store a rival, loaded and waiting for the stream
 * @property {() => Seen} read
 * @property {(fromEnd: number) => string} text of a message, 0 is the newest
 * @property {() => View} view
 * @property {(prompt: string) => Promise<unknown>} send rejects when the page says that it was not sent
 * @property {() => void} close
 * @property {() => Promise<void>} [play] for a rival that asks for each answer; without it the event stream is let go
 * @property {Promise<void>} [failed] rejected when the rival's loop breaks
 */
/**
 * `workload` is set for measuring only; `onChange` is the listener of the page, `options` are for this package.
 * @typedef {(context: { fetch: typeof globalThis.fetch, baseUrl: string, sessionID: string, onChange?: () => void,
 *   workload?: import('./workloads.mjs').Workload, options?: object }) => Promise<Store>} Open
 */
/** @typedef {{ milliseconds: number, events: number, runs: number, requests: number }} Sample */

const LOADING = 30_000;
const PLAYING = 120_000;
const SETTLING = 15_000;

/** Plays one workload to one rival, again and again. */
export class Bench {
  #rival;
  #workload;

  /** @param {{ open: Open, wire?: 'replies' }} rival @param {string} name of the workload */
  constructor(rival, name) {
    this.#rival = rival;
    this.#workload = workload(name);
  }

  /**
   * @param {number} atLeast milliseconds to be measured; a short workload is repeated until then
   * @returns {Promise<Sample>}
   */
  async sample(atLeast) {
    const sum = { milliseconds: 0, events: 0, runs: 0, requests: 0 };
    do {
      const { milliseconds, requests } = await this.#run();
      sum.milliseconds += milliseconds;
      sum.requests += requests;
      // For all alike, so that a wire with other frames for the same turns is compared by the turns.
      sum.events += this.#workload.chunks.events;
      sum.runs += 1;
    } while (sum.milliseconds < atLeast);
    return sum;
  }

  async #run() {
    const watch = { reads: 0, seen: 0, look: () => {} };
    const server = new Server(this.#workload, watch);
    const { sessionID } = this.#workload;
    const context = { fetch: server.fetch, baseUrl: BASE_URL, sessionID, workload: this.#workload };
    const store = await within(LOADING, 'loading', [this.#rival.open(context)]);
    try {
      const { messages } = store.read();
      const { history } = this.#workload;
      if (messages !== history.length) throw new Error(`loaded ${messages} messages of ${history.length}`);
      watch.look = () => {
        const seen = store.read();
        watch.reads += 1;
        // Kept, so that no engine can leave the read out.
        watch.seen += seen.messages + seen.length;
      };
      globalThis.gc?.();
      const played = store.play?.() ?? server.play();
      await within(PLAYING, 'taking the stream', store.failed ? [played, store.failed] : [played]);
      const end = await this.#settled(store);
      this.#check(store, watch);
      return { milliseconds: end - watch.begin, requests: server.requests };
    } finally {
      store.close();
    }
  }

  /**
   * The stream has been taken, but a rival may still be at work behind it.
   * @param {Store} store @returns {Promise<number>} the time of the last change
   */
  async #settled(store) {
    const { history, texts } = this.#workload;
    const messages = history.length + texts.length;
    const { length } = texts.at(-1);
    const deadline = performance.now() + SETTLING;
    for (;;) {
      const seen = store.read();
      const now = performance.now();
      if (seen.messages === messages && seen.length === length && seen.idle) return now;
      if (now > deadline)
        throw new Error(`stopped at ${JSON.stringify(seen)}, expected ${JSON.stringify({ messages, length })}`);
      await task();
    }
  }

  #check(store, { reads }) {
    const { texts, chunks, readEvery, replies } = this.#workload;
    for (const [index, expected] of texts.toReversed().entries()) {
      const text = store.text(index);
      if (text === expected) continue;
      let at = 0;
      while (text[at] === expected[at]) at += 1;
      throw new Error(
        `message ${index} from the end differs at character ${at} (${text.length} of ${expected.length})`,
      );
    }
    const streams = this.#rival.wire === 'replies' ? replies() : [chunks];
    const least = streams.reduce((sum, { bytes }) => sum + Math.ceil(bytes.length / readEvery), 0);
    if (reads < least) throw new Error(`the state was read ${reads} times, expected ${least}`);
  }
}

/** A turn of the event loop without the delay that timers have. */
function task() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}

/**
 * @template T
 * @param {number} limit milliseconds @param {string} what @param {Promise<T>[]} promises
 * @returns {Promise<T>} of the first one to be done
 */
async function within(limit, what, promises) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${limit / 1000} seconds`)), limit);
  });
  try {
    return await Promise.race([...promises, late]);
  } finally {
    clearTimeout(timer);
  }
}
