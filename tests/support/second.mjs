// A mock of an OpenCode 2.x server, by its documented shapes: it cannot be installed here. The test plays the model.
import { createServer } from 'node:http';
import { listen, LOOPBACK, shut } from './ports.mjs';

const PAGE = '<!doctype html><title>OpenCode</title>';
const CORS = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*', 'access-control-allow-methods': '*' };

/** @typedef {{ id: string, title: string, directory: string, messages: any[], inbox: any[], seq: number, running: boolean, permissions: any[], forms: any[], created: number }} Kept */

export class Second {
  /** @type {{ method: string, path: string, body: any }[]} */
  requests = [];
  /** @type {Map<string, Kept>} */
  sessions = new Map();
  url = '';
  #streams = new Set();
  #clock = Date.now();
  #count = 0;
  #server = createServer((req, res) => void this.#serve(req, res));

  /** @param {{ version?: string }} [options] */
  constructor({ version = '2.0.6' } = {}) {
    this.version = version;
    this.early = /^2\.0\.[0-3]$/.test(version);
  }

  async start() {
    this.url = `http://${LOOPBACK}:${await listen(this.#server)}`;
    return this;
  }

  close() {
    this.dropStreams();
    return shut(this.#server);
  }

  get streams() {
    return this.#streams.size;
  }

  /** Ends all streams as a crash does. */
  dropStreams() {
    for (const res of this.#streams) res.destroy();
  }

  id(prefix) {
    this.#count += 1;
    return `${prefix}_${String(this.#count).padStart(12, '0')}0123456789abcd`;
  }

  now() {
    this.#clock += 1;
    return this.#clock;
  }

  /** @param {string} [title] */
  make(title = 'New session') {
    const created = this.now();
    const kept = { id: this.id('ses'), title, directory: '/project', messages: [], inbox: [], seq: -1, running: false, permissions: [], forms: [], created };
    this.sessions.set(kept.id, kept);
    return kept;
  }

  /** Tells an event; a stored one gets its number. @param {Kept} kept @param {string} type @param {object} data */
  emit(kept, type, data, stored = true) {
    const event = { id: this.id('evt'), created: this.now(), type, data: { sessionID: kept.id, ...data } };
    if (stored) {
      kept.seq += 1;
      Object.assign(event, { durable: { aggregateID: kept.id, seq: kept.seq, version: 1 } });
    }
    for (const res of this.#streams) res.write(`data: ${JSON.stringify(event)}\n\n`);
    return event.created;
  }

  /** The model begins to answer what waits. @param {Kept} kept */
  begin(kept) {
    if (!kept.running) this.emit(kept, 'session.execution.started', {});
    kept.running = true;
    for (const item of kept.inbox.splice(0)) {
      const created = this.emit(kept, 'session.inbox.delivered', { inboxID: item.id });
      kept.messages.push({ id: item.id, type: 'user', time: { created }, ...item.payload });
    }
    return this.step(kept);
  }

  /** @param {Kept} kept */
  step(kept) {
    const message = { id: this.id('msg'), type: 'assistant', agent: 'build', model: { id: 'm', providerID: 'p' }, content: [], time: {} };
    message.time.created = this.emit(kept, 'session.step.started', { assistantMessageID: message.id, agent: 'build', model: message.model });
    kept.messages.push(message);
    return new Answer(this, kept, message);
  }

  /** The turn is over. @param {Kept} kept @param {string} [how] @param {object} [more] */
  end(kept, how = 'succeeded', more = {}) {
    kept.running = false;
    this.emit(kept, `session.execution.${how}`, more);
    kept.messages.push({ id: this.id('msg'), type: 'idle', outcome: how, time: { created: this.now() } });
  }

  /** @param {Kept} kept */
  info({ id, title, directory, created }) {
    return { id, title, projectID: 'p', cost: 0, tokens: { input: 0, output: 0, reasoning: 0, cache: { read: 0, write: 0 } }, time: { created, updated: created }, location: { directory } };
  }

  /** @param {import('node:http').IncomingMessage} req @param {import('node:http').ServerResponse} res */
  async #serve(req, res) {
    const url = new URL(req.url ?? '/', this.url);
    let raw = '';
    for await (const piece of req) raw += piece;
    const body = raw === '' ? undefined : JSON.parse(raw);
    const method = req.method ?? 'GET';
    if (method === 'OPTIONS') return void res.writeHead(204, CORS).end();
    this.requests.push({ method, path: url.pathname + url.search, body });
    const json = (status, value) => void res.writeHead(status, { ...CORS, 'content-type': 'application/json' }).end(value === undefined ? '' : JSON.stringify(value));
    const web = (status = 200) => void res.writeHead(status, { ...CORS, 'content-type': 'text/html' }).end(PAGE);
    if (!url.pathname.startsWith('/api/')) return web(method === 'GET' ? 200 : 405);
    const pieces = url.pathname.split('/').slice(2).map(decodeURIComponent);
    const route = `${method} ${pieces.map((piece) => (/^(ses|msg|per|frm)_/.test(piece) ? '*' : piece)).join('/')}`;
    const kept = this.sessions.get(pieces[1] ?? '');
    if (route.startsWith(`${method} session/*`) && kept === undefined) return json(404, { _tag: 'SessionNotFoundError', message: 'Session not found' });
    const { directory = '/project' } = kept ?? {};
    switch (route) {
      case 'GET health':
        return this.early ? json(200, { healthy: true, version: this.version }) : web();
      case 'GET info':
        return this.early ? web() : json(200, { version: this.version, pid: 1, urls: [this.url], paths: { tmp: '/tmp' } });
      case 'GET event': {
        if (req.headers.accept !== 'text/event-stream') return web(406);
        res.writeHead(200, { ...CORS, 'content-type': 'text/event-stream' });
        res.write(`data: ${JSON.stringify({ id: this.id('evt'), created: this.now(), type: 'server.connected', data: {} })}\n\n`);
        this.#streams.add(res);
        return void res.on('close', () => this.#streams.delete(res));
      }
      case 'GET location':
        return json(200, { directory: '/project', project: { id: 'p', directory: '/project' } });
      case 'GET model':
        return json(200, { location: {}, data: [{ id: 'm', providerID: 'p', name: 'Model', enabled: true }] });
      case 'GET provider':
        return json(200, { location: {}, data: [{ id: 'p', name: 'Provider' }] });
      case 'GET agent':
        return json(200, { location: {}, data: [{ id: 'build', mode: 'primary' }] });
      case 'GET session':
        return json(200, { data: [...this.sessions.values()].map((each) => this.info(each)).reverse(), cursor: {} });
      case 'POST session':
        return json(200, { data: this.info(this.make(body.title)) });
      case 'GET session/active':
        return json(200, { data: Object.fromEntries([...this.sessions.values()].filter(({ running }) => running).map(({ id }) => [id, { type: 'running' }])) });
      case 'GET permission/request':
        return json(200, { location: {}, data: [...this.sessions.values()].flatMap(({ permissions }) => permissions) });
      default:
    }
    if (kept === undefined) return web(method === 'GET' ? 200 : 405);
    switch (route) {
      case 'GET session/*':
        return json(200, { data: this.info(kept) });
      case 'PATCH session/*':
        kept.title = body.title;
        this.emit(kept, 'session.renamed', { title: body.title });
        return json(204);
      case 'DELETE session/*':
        this.sessions.delete(kept.id);
        this.emit(kept, 'session.deleted', {});
        return json(204);
      case 'GET session/*/message': {
        const at = (id) => kept.messages.findIndex((message) => message.id === id);
        const cursor = url.searchParams.get('cursor');
        const end = cursor === null ? kept.messages.length : at(JSON.parse(Buffer.from(cursor, 'base64url').toString()).id);
        const limit = Number(url.searchParams.get('limit') ?? 50);
        if (!(limit >= 1 && limit <= 200) || end < 0) return json(400, { _tag: 'InvalidRequestError', message: 'limit or cursor' });
        const data = kept.messages.slice(Math.max(0, end - limit), end).reverse();
        const next = data.length === 0 ? null : Buffer.from(JSON.stringify({ id: data.at(-1).id, order: 'desc', direction: 'next' })).toString('base64url');
        return json(200, { data, cursor: { previous: null, next } });
      }
      case 'GET session/*/message/*': {
        const found = kept.messages.find(({ id }) => id === pieces[3]);
        return found ? json(200, { data: found }) : json(404, { _tag: 'MessageNotFoundError', message: 'Message not found' });
      }
      case 'POST session/*/prompt': {
        const { id = this.id('msg'), text, files, agents, delivery = 'steer' } = body;
        const known = kept.inbox.find((item) => item.id === id) ?? kept.messages.find((message) => message.id === id);
        const item = { id, sessionID: kept.id, timeCreated: this.now(), type: 'user', payload: { text, ...(files && { files }), ...(agents && { agents }) }, delivery };
        if (!known) {
          kept.inbox.push(item);
          const { type, payload } = item;
          this.emit(kept, 'session.inbox.enqueued', { inboxID: id, item: { type, payload, delivery } });
        }
        return json(200, { data: item });
      }
      case 'GET session/*/inbox':
        return json(200, { data: kept.inbox });
      case 'POST session/*/interrupt':
        this.onInterrupt?.(kept);
        return json(200, { interrupted: kept.running });
      case 'POST session/*/permission/*/reply':
        if (!(this.early ? body.reply : body.decision)) return json(400, { _tag: 'InvalidRequestError', message: 'no decision' });
        kept.permissions = [];
        this.emit(kept, this.early ? 'permission.v2.replied' : 'permission.replied', { requestID: pieces[3], reply: body.reply ?? body.decision }, false);
        return json(204);
      case 'GET session/*/form':
        return json(200, { location: { directory }, data: kept.forms });
      case 'POST session/*/form/*/reply':
        kept.forms = [];
        this.emit(kept, 'form.replied', { id: pieces[3], answer: body.answer }, false);
        return json(204);
      case 'POST session/*/compact':
        return json(200, { data: {} });
      default:
        return web(method === 'GET' ? 200 : 405);
    }
  }
}

/** One step of an answer, told and kept as servers do: texts are kept when they end. */
class Answer {
  constructor(server, kept, message) {
    Object.assign(this, { server, kept, message, texts: 0 });
  }

  tell(type, data, stored = true) {
    return this.server.emit(this.kept, `session.${type}`, { assistantMessageID: this.message.id, ...data }, stored);
  }

  open() {
    this.ordinal = this.texts;
    this.texts += 1;
    this.item = { type: 'text', text: '' };
    this.message.content.push(this.item);
    this.said = '';
    this.tell('text.started', { ordinal: this.ordinal });
    return this;
  }

  say(text) {
    this.said += text;
    this.tell('text.delta', { ordinal: this.ordinal, delta: text }, false);
    return this;
  }

  close() {
    this.item.text = this.said;
    this.tell('text.ended', { ordinal: this.ordinal, text: this.said });
    return this;
  }

  /** A call of a tool, from its input to the point where it asks. */
  call(name, input) {
    const callID = `call_${this.message.content.length}`;
    const item = { type: 'tool', id: callID, name, state: { status: 'streaming', input: '' }, time: {} };
    this.message.content.push(item);
    item.time.created = this.tell('tool.input.started', { callID, name });
    this.tell('tool.input.ended', { callID, text: JSON.stringify(input) });
    item.time.ran = this.tell('tool.called', { callID, input, executed: false });
    item.state = { status: 'running', input, metadata: {} };
    return item;
  }

  done(item, text) {
    const content = [{ type: 'text', text }];
    item.time.completed = this.tell('tool.success', { callID: item.id, metadata: {}, content, executed: false });
    item.state = { status: 'completed', input: item.state.input, content, metadata: {} };
  }

  end(finish = 'stop') {
    const usage = { finish, cost: 0, tokens: { input: 1, output: 1, reasoning: 0, cache: { read: 0, write: 0 } } };
    Object.assign(this.message, usage);
    this.message.time.completed = this.tell('step.ended', usage);
  }

  fail(error) {
    Object.assign(this.message, { finish: 'error', error });
    this.message.time.completed = this.tell('step.failed', { error });
  }
}

/** @param {{ version?: string }} [options] */
export const startSecond = (options) => new Second(options).start();
