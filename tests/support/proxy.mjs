// A fault proxy on loopback before a real server or the mock. It changes nothing until it is told to.
import { createServer, request } from 'node:http';
import { listen, LOOPBACK, shut } from './ports.mjs';
import { control, MATCHES } from './proxy-control.mjs';
import { ProxyStream } from './proxy-stream.mjs';

/**
 * @typedef {import('node:http').IncomingMessage} Req
 * @typedef {import('node:http').ServerResponse} Res
 * @typedef {string | RegExp | ((method: string, path: string) => boolean)} Match a name of MATCHES, a piece of `METHOD /path?query`, or a test of it
 *
 * @typedef {object} Rule
 * @property {Match} match
 * @property {number} left how many more requests it meets
 * @property {'slow' | 'lose' | 'status'} kind
 * @property {any} how
 *
 * @typedef {{ at: number, stream: number, data: string }} Produced an event of the upstream; `data` is its JSON
 *
 * @typedef {object} ProxyOptions
 * @property {string} upstream address of the server
 * @property {number} [port]
 * @property {boolean} [control] serve `/__fault` and `/__events` to pages
 * @property {boolean} [reuse] false: each request gets a connection of its own. Browsers send a request again by themselves, a POST
 *   too, when a connection that was used before is reset
 */

const KEEP = 20_000;
const HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding']);

export class FaultProxy {
  url = '';
  port = 0;
  /** @type {Produced[]} what the upstream said on the streams that went through here, newest 20 000 */
  events = [];
  /** Events so far, the forgotten ones included. */
  produced = 0;
  #upstream;
  #faults = { mute: false, heartbeatsOnly: false, buffer: false, duplicate: false, chunk: 0 };
  #refusing = false;
  /** @type {number | undefined} for the next stream, when none was open to be cut */
  #cutNext;
  /** @type {Rule[]} */
  #rules = [];
  /** @type {Map<ProxyStream, number>} */
  #streams = new Map();
  /** @type {Set<Res>} not answered, or not to the end */
  #open = new Set();
  /** @type {Set<import('node:http').ClientRequest>} */
  #asking = new Set();
  #count = { requests: 0, connections: 0, streams: 0, most: 0, upstream: 0, mostUpstream: 0 };
  /** @type {Record<string, number>} */
  #done = {};
  #server = createServer((req, res) => this.#serve(req, res));
  #control;
  #reuse;

  /** @param {ProxyOptions} options */
  constructor({ upstream, control: asked = false, reuse = true }) {
    this.#reuse = reuse;
    this.#upstream = new URL(upstream);
    this.#control = asked ? control(this) : undefined;
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('connection', (socket) => {
      if (this.#refusing) return void socket.resetAndDestroy();
      this.#count.connections += 1;
      socket.setNoDelay(true);
    });
  }

  /** @param {number} [port] */
  async start(port) {
    this.port = await listen(this.#server, port);
    this.url = `http://${LOOPBACK}:${this.port}`;
    return this;
  }

  async close() {
    this.#leaveAll();
    await shut(this.#server);
  }

  /** Resets all streams and requests now. */
  drop() {
    this.#did('drop');
    this.#leaveAll();
    for (const res of this.#open) reset(res);
  }

  /** Resets each open stream, or else the next one, when so many more bytes have passed. @param {number} bytes */
  cutStreamAfter(bytes) {
    for (const stream of this.#streams.keys()) stream.cutAfter = bytes;
    this.#cutNext = this.#streams.size === 0 ? bytes : undefined;
  }

  /** Ends all streams cleanly. */
  endStreams() {
    this.#did('endStreams');
    for (const stream of this.#streams.keys()) stream.end();
  }

  /**
   * Streams stay open and say nothing; what comes is kept back. Afterwards the streams that missed something are reset (`cut`), or get it
   * late (`late`), or go on without it (`drop`: no lawful link does that).
   * @param {boolean} on @param {'cut' | 'late' | 'drop'} [then]
   */
  mute(on, then = 'cut') {
    const was = this.#set('mute', on);
    if (on || !was) return;
    for (const stream of this.#streams.keys()) {
      if (!stream.holds) continue;
      if (then === 'late') stream.release();
      else if (then === 'drop') stream.forget();
      else stream.reset();
    }
  }

  /** Events are thrown away, heartbeats pass. Afterwards the streams that lost something are reset, unless they are to be `kept`. @param {boolean} on @param {'kept'} [then] */
  heartbeatsOnly(on, then) {
    const was = this.#set('heartbeatsOnly', on);
    if (on || !was || then === 'kept') return;
    for (const stream of this.#streams.keys()) if (stream.damaged) stream.reset();
  }

  /** Bytes of streams are kept until there are 64 KiB, or the end. @param {boolean} on */
  buffer(on) {
    this.#set('buffer', on);
    if (!on && !this.#faults.mute) for (const stream of this.#streams.keys()) stream.release();
  }

  /** Each event comes twice. @param {boolean} on */
  duplicate(on) {
    this.#set('duplicate', on);
  }

  /** Streams come in pieces of so many bytes, also inside of letters; 0 ends it. @param {number} bytes */
  chunk(bytes) {
    this.#set('chunk', bytes);
  }

  /** New connections and requests are reset; open streams stay. @param {boolean} on */
  refuse(on) {
    if (on && !this.#refusing) this.#did('refuse');
    this.#refusing = on;
  }

  /** Answers are held back for `ms`, as they were when the server gave them. Nothing given: no longer. @param {{ match?: Match, ms: number, times?: number }} [how] */
  slow(how) {
    this.#rule('slow', how && { match: 'snapshot', ...how });
  }

  /** Answers in place of the server. @param {Match} match @param {number} [code] absent: no longer @param {string} [body] @param {Record<string, string>} [headers] @param {number} [times] */
  status(match, code, body = '', headers = {}, times = 1) {
    this.#rule('status', code === undefined ? undefined : { match, code, body, headers, times });
  }

  /** Resets a request before or after the server had it. Nothing given: no longer. @param {{ match?: Match, when?: 'before' | 'after', times?: number }} [how] */
  lose(how) {
    this.#rule('lose', how && { match: 'prompt', when: 'after', times: 1, ...how });
  }

  /** All faults off; streams that missed something are reset. */
  calm() {
    this.#rules = [];
    this.#cutNext = undefined;
    for (const stream of this.#streams.keys()) stream.cutAfter = Infinity;
    this.refuse(false);
    this.chunk(0);
    this.duplicate(false);
    this.mute(false);
    this.heartbeatsOnly(false);
    this.buffer(false);
  }

  stats() {
    const { requests, connections, streams, most, upstream, mostUpstream } = this.#count;
    return {
      requests,
      connections,
      streams: { now: this.#streams.size, total: streams, most },
      upstream: { now: this.#asking.size, total: upstream, most: mostUpstream },
      produced: this.produced,
      faults: { ...this.#done },
    };
  }

  /** @param {Req} req @param {Res} res */
  #serve(req, res) {
    res.on('error', () => undefined);
    res.shouldKeepAlive &&= this.#reuse;
    const method = req.method ?? 'GET';
    const path = req.url ?? '/';
    if (this.#control?.(req, res, path)) return;
    if (this.#refusing) return reset(res);
    this.#open.add(res);
    res.on('close', () => this.#open.delete(res));
    this.#count.requests += 1;
    const status = this.#hit('status', method, path);
    if (status) return refuse(req, res, status);
    const lost = this.#hit('lose', method, path)?.when;
    if (lost === 'before') return void req.resume().on('end', () => reset(res));
    this.#forward(req, res, { lost: lost === 'after', delay: this.#hit('slow', method, path)?.ms ?? 0 });
  }

  /** @param {Req} req @param {Res} res @param {{ lost: boolean, delay: number }} how */
  #forward(req, res, { lost, delay }) {
    const { hostname, port } = this.#upstream;
    // A connection of its own for each: one that idles would break when the server is started again.
    const asking = request({ hostname, port, method: req.method, path: req.url, headers: passed(req.rawHeaders), agent: false });
    this.#asking.add(asking);
    this.#count.upstream += 1;
    this.#count.mostUpstream = Math.max(this.#count.mostUpstream, this.#asking.size);
    asking.on('close', () => this.#asking.delete(asking));
    asking.on('error', () => reset(res));
    res.on('close', () => asking.destroy());
    asking.on('response', (answer) => {
      answer.on('error', () => reset(res));
      if (lost) return void answer.resume().on('end', () => reset(res));
      const go = () => {
        if (res.destroyed) return;
        const stream = /^text\/event-stream/i.test(answer.headers['content-type'] ?? '');
        res.writeHead(answer.statusCode ?? 502, answer.statusMessage, passed(answer.rawHeaders));
        if (stream) this.#stream(answer, res, asking);
        else answer.pipe(res);
      };
      if (delay > 0) setTimeout(go, delay);
      else go();
    });
    req.pipe(asking);
  }

  /** @param {Req} answer @param {Res} res @param {import('node:http').ClientRequest} asking */
  #stream(answer, res, asking) {
    this.#count.streams += 1;
    const number = this.#count.streams;
    const stream = new ProxyStream(this.#faults, res, {
      leave: () => {
        this.#streams.delete(stream);
        asking.destroy();
      },
      onFrame: (frame) => this.#log(number, frame),
      onCut: () => this.#did('cutStreamAfter'),
    });
    if (this.#cutNext !== undefined) stream.cutAfter = this.#cutNext;
    this.#cutNext = undefined;
    this.#streams.set(stream, number);
    this.#count.most = Math.max(this.#count.most, this.#streams.size);
    res.flushHeaders();
    answer.on('data', (bytes) => stream.take(bytes));
    answer.on('end', () => stream.finish());
  }

  /** @param {number} stream @param {Buffer} frame */
  #log(stream, frame) {
    const data = frame.toString().split(/\r?\n/).filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart()).join('\n');
    if (data === '') return;
    this.events.push({ at: Date.now(), stream, data });
    this.produced += 1;
    if (this.events.length > KEEP) this.events.splice(0, KEEP / 10);
  }

  /** @param {keyof import('./proxy-stream.mjs').StreamFaults} name @param {boolean | number} value @returns what it was */
  #set(name, value) {
    const was = this.#faults[name];
    if (value && !was) this.#did(name);
    Object.assign(this.#faults, { [name]: value });
    return was;
  }

  /** A rule of a kind takes the place of the one before. @param {Rule['kind']} kind @param {any} how */
  #rule(kind, how) {
    this.#rules = this.#rules.filter((rule) => rule.kind !== kind);
    if (how) this.#rules.push({ kind, match: how.match, left: how.times ?? Infinity, how });
  }

  /** @param {Rule['kind']} kind @param {string} method @param {string} path */
  #hit(kind, method, path) {
    const rule = this.#rules.find((each) => each.kind === kind && each.left > 0 && fits(each.match, method, path));
    if (!rule) return undefined;
    rule.left -= 1;
    this.#did(kind);
    return rule.how;
  }

  /** @param {string} name */
  #did(name) {
    this.#done[name] = (this.#done[name] ?? 0) + 1;
  }

  #leaveAll() {
    for (const asking of this.#asking) asking.destroy();
  }
}

/** @param {ProxyOptions} options */
export const startProxy = (options) => new FaultProxy(options).start(options.port);

/** Preflights pass, unless they are named. @param {Match} match @param {string} method @param {string} path */
function fits(match, method, path) {
  if (typeof match === 'function') return match(method, path);
  const line = `${method} ${path}`;
  if (match instanceof RegExp) return match.test(line);
  if (method === 'OPTIONS' && !match.startsWith('OPTIONS')) return false;
  return MATCHES[match]?.test(line) ?? line.includes(match);
}

/** @param {string[]} raw @returns {string[]} */
function passed(raw) {
  const kept = [];
  for (let at = 0; at < raw.length; at += 2) if (!HOP.has(raw[at].toLowerCase())) kept.push(raw[at], raw[at + 1]);
  return kept;
}

/** Where pages may read it: an answer without this header is but a network error to them. @param {Req} req @param {Res} res @param {{ code: number, body: string, headers: Record<string, string> }} how */
function refuse(req, res, { code, body, headers }) {
  const { origin } = req.headers;
  const cors = origin ? { 'access-control-allow-origin': origin, 'access-control-expose-headers': 'Retry-After' } : {};
  req.resume().on('end', () => res.writeHead(code, { 'content-type': 'text/plain', ...cors, ...headers }).end(body));
}

/** @param {Res} res */
function reset(res) {
  const socket = /** @type {import('node:net').Socket | null} */ (res.socket);
  if (socket) socket.resetAndDestroy();
  else res.destroy();
}
