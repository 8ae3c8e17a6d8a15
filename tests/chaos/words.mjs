// What the server itself says of one session's turns, heard on a stream that no fault touches.
import { openEvents } from '../support/events.mjs';
import { sleep } from '../support/wait.mjs';

const AGAIN = 50;
/** A server that is just starting may never answer. */
const PATIENCE = 2_000;

export class Words {
  #server;
  #id;
  #over = false;
  /** @type {import('../support/events.mjs').Events | undefined} */
  #stream;
  /** When the server said that a turn runs, and when that it does not any more. @type {{ from: number, to?: number }[]} */
  #turns = [];

  /** @param {{ url: string }} server @param {string} id of the session */
  constructor(server, id) {
    this.#server = server;
    this.#id = id;
    void this.#listen();
  }

  /** Whether the server had said before `at` that a turn runs, and after it, or not yet, that it does not any more. @param {number} at */
  wasBusy(at) {
    return this.#turns.some(({ from, to = Infinity }) => from < at && at < to);
  }

  close() {
    this.#over = true;
    this.#stream?.close();
  }

  async #listen() {
    while (!this.#over) {
      const opening = openEvents(`${this.#server.url}/event`, { onEvent: (event) => this.hear(event) });
      const late = sleep(PATIENCE).then(() => undefined);
      this.#stream = await Promise.race([opening, late]).catch(() => undefined);
      if (!this.#stream) void opening.then((stream) => stream.close(), () => undefined);
      while (this.#stream && !this.#stream.ended && !this.#over) await sleep(AGAIN);
      // A server that is gone has taken its turns with it.
      this.#rests();
      await sleep(AGAIN);
    }
    this.#stream?.close();
  }

  /** @param {import('../support/events.mjs').Event} event @param {number} [at] */
  hear({ type, properties }, at = Date.now()) {
    if (properties?.sessionID !== this.#id) return;
    if (type === 'session.idle' || properties.status?.type === 'idle') this.#rests(at);
    else if (type === 'session.status' && !this.#running()) this.#turns.push({ from: at });
  }

  #rests(at = Date.now()) {
    const turn = this.#running();
    if (turn) turn.to = at;
  }

  #running() {
    const last = this.#turns.at(-1);
    return last?.to === undefined ? last : undefined;
  }
}
