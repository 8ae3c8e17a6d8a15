/** One client reads an answer of many small chunks, again and again. Runs in Node and in a page. */

/** @typedef {(fetch: typeof globalThis.fetch) => Promise<(seen: (text: string) => void) => Promise<void>>} Open */

export const CHUNKS = 10_000;
/** Bytes of a chunk of the network, where events come together. */
const LARGE = 65_536;
/** By workload: whether each event comes in a chunk of the network of its own. */
export const WORKLOADS = { single: 'one event a chunk of the network', packed: 'chunks of 64 KiB' };

/** @param {number} at */
const wordOf = (at) => `${['fn ', 'let', ' a ', '= "', 'é€"', ';\n ', 'x1 ', '漢🦀'][at % 8]}`;

/** @param {'single' | 'packed'} workload */
function wire(workload) {
  const encoder = new TextEncoder();
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_795_000_000, model: 'm', system_fingerprint: 'fp_1' };
  const frame = (more) => encoder.encode(`data: ${JSON.stringify({ ...head, ...more })}\n\n`);
  const frames = [frame({ choices: [{ index: 0, delta: { role: 'assistant', content: null }, finish_reason: null }] })];
  let text = '';
  for (let at = 0; at < CHUNKS; at += 1) {
    text += wordOf(at);
    frames.push(frame({ choices: [{ index: 0, delta: { content: wordOf(at) }, logprobs: null, finish_reason: null }] }));
  }
  frames.push(frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }));
  frames.push(frame({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }), encoder.encode('data: [DONE]\n\n'));
  if (workload === 'single') return { frames, text };
  const all = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const each of frames) {
    all.set(each, end);
    end += each.length;
  }
  return { frames: Array.from({ length: Math.ceil(end / LARGE) }, (_, at) => all.slice(at * LARGE, (at + 1) * LARGE)), text };
}

export class Bench {
  #read;
  #wire;

  /** @param {{ open: Open }} rival @param {'single' | 'packed'} workload */
  static async load(rival, workload) {
    const bench = new Bench();
    bench.#wire = wire(workload);
    bench.#read = await rival.open(async () => bench.#response());
    return bench;
  }

  /** Holds nothing ready: a chunk is made when the client asks for it. */
  #response() {
    let at = 0;
    const { frames } = this.#wire;
    const body = new ReadableStream({
      pull(controller) {
        if (at === frames.length) return controller.close();
        // A copy: clients may take the buffer away.
        controller.enqueue(frames[at].slice());
        at += 1;
      },
    }, { highWaterMark: 0 });
    return new Response(body, { status: 200, headers: { 'content-type': 'text/event-stream' } });
  }

  /** @param {number} atLeast milliseconds @returns {Promise<number>} microseconds for a chunk */
  async sample(atLeast) {
    let [milliseconds, runs] = [0, 0];
    while (milliseconds < atLeast) {
      let [text, count] = ['', 0];
      const seen = (/** @type {string} */ more) => {
        text += more;
        count += 1;
      };
      globalThis.gc?.();
      const begin = performance.now();
      await this.#read(seen);
      milliseconds += performance.now() - begin;
      runs += 1;
      if (text !== this.#wire.text) throw new Error(`it read another text: ${text.length} characters, not ${this.#wire.text.length}`);
      if (count < CHUNKS) throw new Error(`it gave ${count} chunks, not ${CHUNKS}`);
    }
    return (milliseconds * 1_000) / runs / CHUNKS;
  }
}
