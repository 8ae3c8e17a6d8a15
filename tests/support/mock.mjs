// A mock OpenCode server (wire of 1.18) of which the test controls everything: answers, order, silence, broken streams.
import { createServer } from 'node:http';
import { defaultRoutes } from './mock-routes.mjs';
import { listen, LOOPBACK, shut } from './ports.mjs';
import { Store } from './store.mjs';
import { sleep } from './wait.mjs';
import { NEWEST } from './versions.mjs';

/**
 * @typedef {object} Call what a handler gets
 * @property {import('node:http').IncomingMessage} req
 * @property {import('node:http').ServerResponse} res
 * @property {string} method
 * @property {URL} url
 * @property {Record<string, string>} params
 * @property {any} body parsed JSON, else the text, else undefined
 * @property {(status: number, body?: unknown, headers?: Record<string, string>) => void} reply an object goes as JSON, a string or bytes as they are
 * @property {() => void} drop resets the connection
 * @property {() => Promise<void>} next what would happen without this handler
 *
 * @typedef {(call: Call) => unknown} Handler a returned value (not undefined) is the JSON answer
 * @typedef {{ method: string, pattern: RegExp, names: string[], handler: Handler }} Route
 * @typedef {{ method: string, path: string, query: URLSearchParams, headers: import('node:http').IncomingHttpHeaders, body: any, at: number }} MockRequest
 * @typedef {{ res: import('node:http').ServerResponse, scope: 'event' | 'global', directory: string }} Stream
 * @typedef {{ type: string, properties?: any, id?: string }} MockEvent
 *
 * @typedef {object} MockOptions
 * @property {number} [port]
 * @property {string} [directory]
 * @property {string} [version]
 * @property {string} [password]
 * @property {string} [username]
 * @property {number} [heartbeat] ms between heartbeats, default none
 * @property {() => number} [clock]
 */

export class Mock {
  /** @type {MockRequest[]} */
  requests = [];
  /** @type {Set<Stream>} */
  #streams = new Set();
  /** @type {Route[]} newest first */
  #handlers = [];
  #opened = 0;
  #muted = false;
  #server = createServer((req, res) => void this.#serve(req, res));
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #beat;

  /** @param {MockOptions} options */
  constructor({ directory = '/project', version = NEWEST, password, username = 'opencode', heartbeat = 0, clock } = {}) {
    this.directory = directory;
    this.version = version;
    this.basic = password ? Buffer.from(`${username}:${password}`).toString('base64') : undefined;
    this.store = new Store({ directory, version, clock, emit: (event) => this.emit(event) });
    this.url = '';
    this.port = 0;
    for (const [method, pattern, handler] of defaultRoutes(this)) this.on(method, pattern, handler);
    if (heartbeat) this.#beat = setInterval(() => this.emit({ type: 'server.heartbeat', properties: {} }), heartbeat);
  }

  /** @param {number} [port] */
  async start(port) {
    this.port = await listen(this.#server, port);
    this.url = `http://${LOOPBACK}:${this.port}`;
    return this;
  }

  async close() {
    clearInterval(this.#beat);
    await shut(this.#server);
  }

  /**
   * Puts a handler before all others. `pattern` is a path with `:name` pieces, `*` for the rest; method `*` is every method.
   * @param {string} method @param {string} pattern @param {Handler} handler
   * @returns {() => void} takes it away again
   */
  on(method, pattern, handler) {
    const names = [...pattern.matchAll(/:(\w+)/g)].map(([, name]) => name);
    const source = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '([^/]+)').replace(/\*/g, '.*');
    const entry = { method, pattern: new RegExp(`^${source}$`), names, handler };
    this.#handlers.unshift(entry);
    return () => {
      this.#handlers = this.#handlers.filter((each) => each !== entry);
    };
  }

  /** The same for the next `times` matching requests only. @param {number} times @param {string} method @param {string} pattern @param {Handler} handler */
  onNext(times, method, pattern, handler) {
    let left = times;
    const off = this.on(method, pattern, (call) => {
      if (--left <= 0) off();
      return handler(call);
    });
    return off;
  }

  /** Open streams now. */
  get streams() {
    return this.#streams.size;
  }

  /** Streams opened so far. */
  get opened() {
    return this.#opened;
  }

  /**
   * Sends an event to every open stream that may see it; without an id it gets one (`id: ''` sends none).
   * @param {MockEvent} event @param {string} [directory] where it happens
   */
  emit(event, directory = this.directory) {
    if (this.#muted) return;
    const { id = this.store.id('event'), type, properties = {}, ...more } = event;
    const payload = { ...(id ? { id } : {}), type, properties, ...more };
    const everywhere = type.startsWith('server.') || type.startsWith('global.');
    for (const stream of this.#streams) {
      if (stream.scope === 'global') this.#send(stream, everywhere ? { payload } : { directory, project: 'global', payload });
      else if (everywhere || stream.directory === directory) this.#send(stream, payload);
    }
  }

  /** @param {Stream} stream @param {object} value */
  #send(stream, value) {
    stream.res.write(`data: ${JSON.stringify(value)}\n\n`);
  }

  /** Sends bytes as they are, one chunk. @param {string | Uint8Array} bytes */
  emitRaw(bytes) {
    for (const { res } of this.#streams) res.write(bytes);
  }

  /** A silent stream: it stays open, and what happens meanwhile is lost to it. @param {boolean} muted */
  mute(muted) {
    this.#muted = muted;
  }

  /** Ends all streams as a crash does. */
  dropStreams() {
    for (const { res } of this.#streams) reset(res);
  }

  /** Ends all streams cleanly. */
  endStreams() {
    for (const { res } of this.#streams) res.end();
  }

  /** Opens the response of a call as an event stream; the routes /event and /global/event use it. @param {Call} call @param {'event' | 'global'} scope */
  openStream({ res, url, req }, scope) {
    const directory = url.searchParams.get('directory') ?? String(req.headers['x-opencode-directory'] ?? this.directory);
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' });
    // Small writes must leave at once, each in a chunk of its own.
    res.socket?.setNoDelay(true);
    const stream = { res, scope, directory: decodeURIComponent(directory) };
    this.#streams.add(stream);
    this.#opened += 1;
    res.on('close', () => this.#streams.delete(stream));
    const connected = { id: this.store.id('event'), type: 'server.connected', properties: {} };
    if (this.#muted) res.flushHeaders();
    else this.#send(stream, scope === 'global' ? { payload: connected } : connected);
  }

  /**
   * Plays a whole answer the way the real server does: busy, assistant message, parts, completed, idle.
   * @param {string} sessionID
   * @param {string | string[]} chunks
   * @param {{ every?: number, think?: string[], parentID?: string }} [options]
   */
  async answer(sessionID, chunks, { every = 0, think = [], parentID } = {}) {
    const { store } = this;
    store.setStatus(sessionID, { type: 'busy' });
    const message = store.assistant(sessionID, parentID);
    store.putPart(message, { type: 'step-start' });
    for (const [type, pieces] of /** @type {const} */ ([['reasoning', think], ['text', [chunks].flat()]])) {
      if (!pieces.length) continue;
      const part = store.begin(message, type);
      for (const piece of pieces) {
        store.delta(part, piece);
        if (every) await sleep(every);
      }
      store.end(part);
    }
    store.putPart(message, { type: 'step-finish', reason: 'stop', cost: 0, tokens: message.info.tokens });
    store.complete(message);
    store.setStatus(sessionID, { type: 'idle' });
    return message;
  }

  /** @param {import('node:http').IncomingMessage} req @param {import('node:http').ServerResponse} res */
  async #serve(req, res) {
    const url = new URL(req.url ?? '/', this.url);
    const method = req.method ?? 'GET';
    const origin = req.headers.origin;
    if (origin) {
      res.setHeader('access-control-allow-origin', origin);
      res.setHeader('access-control-expose-headers', 'X-Next-Cursor, Link');
      res.setHeader('vary', 'Origin');
    }
    res.on('error', () => {});
    try {
      const body = await read(req);
      this.requests.push({ method, path: url.pathname, query: url.searchParams, headers: req.headers, body, at: Date.now() });
      if (method === 'OPTIONS') {
        res.setHeader('access-control-allow-methods', 'GET, HEAD, PUT, PATCH, POST, DELETE');
        res.setHeader('access-control-allow-headers', req.headers['access-control-request-headers'] ?? '*');
        return void res.writeHead(204).end();
      }
      await this.#dispatch({ req, res, method, url, body }, this.#handlers);
    } catch (error) {
      const missing = /^no (session|message) /.test(String(/** @type {Error} */ (error).message));
      if (res.headersSent) res.destroy();
      else if (missing) answer(res, 404, { name: 'NotFoundError', data: { message: String(error) } });
      else answer(res, 500, { name: 'UnknownError', data: { message: String(error) } });
    }
  }

  /** @param {any} base @param {Route[]} handlers @returns {Promise<void>} */
  async #dispatch(base, handlers) {
    const index = handlers.findIndex(({ method, pattern }) => (method === '*' || method === base.method) && pattern.test(base.url.pathname));
    // The real server answers unknown paths with its web page.
    if (index < 0) return answer(base.res, 200, '<!doctype html><title>OpenCode</title>', { 'content-type': 'text/html' });
    const { pattern, names, handler } = handlers[index];
    const found = pattern.exec(base.url.pathname) ?? [];
    const value = await handler({
      ...base,
      params: Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(found[i + 1])])),
      reply: (status, body, headers) => answer(base.res, status, body, headers),
      drop: () => reset(base.res),
      next: () => this.#dispatch(base, handlers.slice(index + 1)),
    });
    if (value !== undefined && !base.res.headersSent) answer(base.res, 200, value);
  }
}

/** @param {MockOptions} [options] */
export const startMock = (options = {}) => new Mock(options).start(options.port);

/** @param {import('node:http').ServerResponse} res */
function reset(res) {
  const socket = /** @type {import('node:net').Socket | null} */ (res.socket);
  if (socket) socket.resetAndDestroy();
  else res.destroy();
}

/** @param {import('node:http').ServerResponse} res @param {number} status @param {unknown} [body] @param {Record<string, string>} [headers] */
function answer(res, status, body, headers = {}) {
  const plain = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  res.writeHead(status, { ...(plain ? {} : { 'content-type': 'application/json' }), ...headers });
  res.end(plain ? body : JSON.stringify(body));
}

/** @param {import('node:http').IncomingMessage} req */
async function read(req) {
  const pieces = [];
  for await (const piece of req) pieces.push(piece);
  const text = Buffer.concat(pieces).toString();
  if (!text) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
