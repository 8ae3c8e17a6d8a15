/** An OpenCode server behind an injected `fetch`: answers what a client asks and streams one workload. */
import { Feed } from './feed.mjs';
import { fold } from './wire.mjs';

/** Nothing listens there, so a client that goes past the injected `fetch` fails at once. */
export const BASE_URL = 'http://opencode.invalid';

const encoder = new TextEncoder();
const texts = new WeakMap();

export class Server {
  /** Requests that came after the stream was let go. */
  requests = 0;
  #workload;
  #watch;
  #feed;
  #playing = false;
  #replies = 0;
  #opened;
  /** Resolved when a client has asked for the stream of events. */
  #open = new Promise((resolve) => {
    this.#opened = resolve;
  });

  /** @param {import('./workloads.mjs').Workload} workload @param {import('./feed.mjs').Watch} watch */
  constructor(workload, watch) {
    this.#workload = workload;
    this.#watch = watch;
  }

  /** Lets the events go. @returns {Promise<void>} when the last one has been taken */
  async play() {
    await this.#open;
    this.#playing = true;
    this.#feed.play();
    return this.#feed.consumed;
  }

  /** @type {typeof globalThis.fetch} */
  fetch = async (input, init) => {
    const url = new URL(typeof input === 'string' ? input : (input.url ?? input.href));
    const method = init?.method ?? input.method ?? 'GET';
    if (url.origin !== BASE_URL) throw new TypeError(`asked for ${url.origin}`);
    if (url.pathname === '/chat' && method === 'POST') return this.#chat();
    if (this.#playing) this.requests += 1;
    if (method !== 'GET') return json({ _tag: 'BadRequest' }, 400);
    if (url.pathname === '/event') return this.#eventStream();
    return this.#answer(url);
  };

  #eventStream() {
    // The chunks belong to one stream; a second one, if a client opens it, stays silent.
    const first = !this.#feed;
    const feed = new Feed({
      chunks: first ? this.#workload.chunks.bytes : [],
      greeting: encoder.encode('data: {"id":"evt_0","type":"server.connected","properties":{}}\n\n'),
      readEvery: this.#workload.readEvery,
      watch: this.#watch,
    });
    if (first) this.#feed = feed;
    this.#opened();
    return stream(feed);
  }

  #chat() {
    const chunks = this.#workload.replies()[this.#replies].bytes;
    this.#replies += 1;
    const feed = new Feed({ chunks, readEvery: this.#workload.readEvery, watch: this.#watch, closes: true });
    feed.play();
    return stream(feed);
  }

  #answer({ pathname, searchParams }) {
    const { sessionID, version } = this.#workload;
    const session = `/session/${sessionID}`;
    switch (pathname) {
      case '/global/health':
        return json({ healthy: true, version });
      case '/path':
        return json({ home: '/root', state: '/state', config: '/config', worktree: '/project', directory: '/project' });
      case '/session':
        return json([info(sessionID, version)]);
      case session:
        return json(info(sessionID, version));
      case `${session}/message`:
        return this.#messages(searchParams);
      case '/session/status':
        return json(this.#status());
      case '/config/providers':
        return json({ providers: [], default: {} });
      case '/permission':
      case '/question':
      case '/agent':
      case '/command':
      case `${session}/todo`:
      case `${session}/children`:
        return json([]);
      default:
        return json({ name: 'NotFoundError', data: { message: `no ${pathname}` } }, 404);
    }
  }

  /** How many events are out. */
  get #events() {
    const handed = this.#feed?.handed ?? 0;
    return handed === 0 ? 0 : this.#workload.chunks.ends[handed - 1];
  }

  #status() {
    const { rows, sessionID } = this.#workload;
    const status = rows.findLast(({ at, status }) => status && at <= this.#events)?.status;
    return status && status.type !== 'idle' ? { [sessionID]: status } : {};
  }

  #messages(query) {
    const { past, added } = this.#stored();
    const limit = Number(query.get('limit') ?? 0);
    const end = query.has('before') ? place([past, added], query.get('before')) : past.length + added.length;
    const from = limit > 0 ? Math.max(0, end - limit) : 0;
    const page = [...past.slice(from, end), ...added.slice(Math.max(0, from - past.length), Math.max(0, end - past.length))];
    const headers = from > 0 ? { 'x-next-cursor': cursor(JSON.parse(page[0]).info) } : {};
    return new Response(`[${page.join()}]`, { headers: { 'content-type': 'application/json', ...headers } });
  }

  /** Printed once per workload and position, so that no client is charged for the work of the server. */
  #stored() {
    const { history, rows } = this.#workload;
    const events = this.#events;
    const print = (messages) => messages.map((message) => JSON.stringify(message));
    const known = texts.get(this.#workload) ?? { past: print(history), added: new Map() };
    texts.set(this.#workload, known);
    if (!known.added.has(events)) known.added.set(events, print(fold(rows, events)));
    return { past: known.past, added: known.added.get(events) };
  }
}

/** Where the message of a cursor stands. @param {string[][]} lists @param {string} before */
function place(lists, before) {
  const { id } = JSON.parse(atob(before.replaceAll('-', '+').replaceAll('_', '/')));
  const mark = `"id":"${id}"`;
  return lists.flat().findIndex((message) => message.slice(0, 120).includes(mark));
}

/** As servers from 1.2.27 on write it. */
function cursor({ id, time }) {
  return btoa(JSON.stringify({ id, time: time.created })).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function info(id, version) {
  const time = { created: 1_762_000_000_000, updated: 1_762_000_000_000 };
  return { id, slug: 'bench', projectID: 'global', directory: '/project', title: 'Bench', version, time };
}

function json(value, status = 200) {
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } });
}

function stream(feed) {
  return new Response(feed.body(), { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' } });
}
