// One event stream on its way through the fault proxy: split into frames only to drop, double or log them.

const BUFFER = 64 * 1024;
/** Bytes that left just before a reset: the reader gets them first. */
const LINGER = 20;
const BEAT = /"type":\s*"server\.(?:heartbeat|connected)"/;

/**
 * @typedef {object} StreamFaults what the proxy has switched on, shared by all its streams
 * @property {boolean} mute
 * @property {boolean} heartbeatsOnly
 * @property {boolean} buffer
 * @property {boolean} duplicate
 * @property {number} chunk 0: as the bytes come
 *
 * @typedef {object} StreamEnds
 * @property {() => void} leave ends the upstream's side
 * @property {(frame: Buffer) => void} onFrame
 * @property {() => void} onCut
 */

export class ProxyStream {
  /** Bytes that may still pass before the reset. */
  cutAfter = Infinity;
  closed = false;
  /** An event of it was thrown away: its reader can never be whole again. */
  damaged = false;
  #faults;
  #res;
  #ends;
  #splitter = new Splitter();
  /** @type {Buffer[]} bytes of the frame that is not whole yet */
  #pending = [];
  /** So many of them are on their way already. */
  #sent = 0;
  /** @type {{ bytes: Buffer, rest: boolean }[]} kept back by `mute` or `buffer`; `rest`: begins inside of a frame */
  #held = [];
  #over = false;
  /** @type {Promise<void>} */
  #writing = Promise.resolve();

  /** @param {StreamFaults} faults @param {import('node:http').ServerResponse} res @param {StreamEnds} ends */
  constructor(faults, res, ends) {
    this.#faults = faults;
    this.#res = res;
    this.#ends = ends;
    res.on('close', () => {
      this.closed = true;
      ends.leave();
    });
  }

  /** @param {Buffer} bytes of the upstream */
  take(bytes) {
    const { duplicate, heartbeatsOnly, mute } = this.#faults;
    const framed = duplicate || heartbeatsOnly || mute;
    const rest = this.#sent > 0;
    const out = [];
    for (const { piece, whole } of this.#splitter.split(bytes)) {
      this.#pending.push(piece);
      if (!whole && framed) continue;
      const frame = Buffer.concat(this.#pending);
      const next = frame.subarray(this.#sent);
      if (!whole) {
        out.push(next);
        this.#sent = frame.length;
        continue;
      }
      this.#ends.onFrame(frame);
      if (heartbeatsOnly && this.#sent === 0 && !BEAT.test(frame.toString())) this.damaged = true;
      else out.push(next);
      if (duplicate && !heartbeatsOnly && !frame.includes('"server.connected"')) out.push(frame);
      this.#pending = [];
      this.#sent = 0;
    }
    if (out.length > 0) this.#pass(Buffer.concat(out), rest);
  }

  /** The upstream ended cleanly; a silent link does not tell of that before it speaks again. */
  finish() {
    this.#over = true;
    if (!this.#faults.mute) this.release();
  }

  get holds() {
    return this.#over || this.#held.length > 0;
  }

  /** What was kept back goes out now. */
  release() {
    for (const { bytes } of this.#held.splice(0)) this.#queue(bytes);
    if (this.#over) this.end();
  }

  /** Whole frames that `mute` kept back are thrown away, and the stream goes on. */
  forget() {
    const [first, ...others] = this.#held.splice(0);
    if (first?.rest) this.#queue(first.bytes);
    if (first && (others.length > 0 || !first.rest)) this.damaged = true;
    if (this.#over) this.end();
  }

  /** Ends cleanly, after what is on its way. */
  end() {
    this.#ends.leave();
    void this.#writing.then(() => this.#res.end());
  }

  /** As a crash of the link does. */
  reset() {
    this.closed = true;
    this.#ends.leave();
    const { socket } = this.#res;
    if (socket) /** @type {import('node:net').Socket} */ (socket).resetAndDestroy();
    else this.#res.destroy();
  }

  /** @param {Buffer} bytes @param {boolean} rest */
  #pass(bytes, rest) {
    const { mute, buffer } = this.#faults;
    if (!mute && !buffer) return this.#queue(bytes);
    this.#held.push({ bytes, rest });
    const size = this.#held.reduce((sum, each) => sum + each.bytes.length, 0);
    if (!mute && size >= BUFFER) this.release();
  }

  /** @param {Buffer} bytes */
  #queue(bytes) {
    this.#writing = this.#writing.then(() => this.#write(bytes));
  }

  /** @param {Buffer} bytes */
  async #write(bytes) {
    const cut = bytes.length >= this.cutAfter;
    const allowed = cut ? bytes.subarray(0, this.cutAfter) : bytes;
    this.cutAfter -= allowed.length;
    for (let at = 0; at < allowed.length && !this.closed; ) {
      const size = this.#faults.chunk || allowed.length;
      await written(this.#res, allowed.subarray(at, at + size));
      at += size;
    }
    if (!cut || this.closed) return;
    await new Promise((resolve) => setTimeout(resolve, LINGER));
    if (this.closed) return;
    this.#ends.onCut();
    this.reset();
  }
}

/** Finds the blank lines that end frames, wherever the bytes are cut. */
class Splitter {
  /** The last byte, carriage returns aside, ended a line. */
  #lineEnd = false;

  /** @param {Buffer} bytes @returns {{ piece: Buffer, whole: boolean }[]} `whole`: the piece ends a frame */
  split(bytes) {
    const found = [];
    let from = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (byte === 13) continue;
      const blank = byte === 10 && this.#lineEnd;
      this.#lineEnd = byte === 10 && !blank;
      if (!blank) continue;
      found.push({ piece: bytes.subarray(from, at + 1), whole: true });
      from = at + 1;
    }
    if (from < bytes.length) found.push({ piece: bytes.subarray(from), whole: false });
    return found;
  }
}

/** Each write leaves in a chunk of its own. @param {import('node:http').ServerResponse} res @param {Buffer} bytes @returns {Promise<void>} */
function written(res, bytes) {
  return new Promise((resolve) => {
    if (res.destroyed) return resolve();
    const done = () => {
      res.off('close', done);
      resolve();
    };
    res.on('close', done);
    res.write(bytes, done);
  });
}
