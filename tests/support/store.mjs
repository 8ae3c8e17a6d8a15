// Sessions, messages and parts in memory, in the wire shape of server 1.18: a text part is stored empty until it ends.
// Every change is told to `emit` in the order in which the real server publishes it.

/**
 * @typedef {{ type: string, properties: any }} Event
 * @typedef {any} Info
 * @typedef {any} Part
 * @typedef {{ info: Info, parts: Part[] }} Message
 */

const PREFIX = { session: 'ses', message: 'msg', part: 'prt', event: 'evt', permission: 'per', question: 'que' };
const TOKENS = { input: 0, output: 0, reasoning: 0, cache: { read: 0, write: 0 } };

export class Store {
  /** @type {Map<string, { info: Info, messages: Message[] }>} */
  sessions = new Map();
  /** @type {Record<string, any>} non-idle sessions only */
  status = {};
  /** @type {any[]} */
  permissions = [];
  /** @type {any[]} */
  questions = [];
  /** The text of open parts, which the real server holds in memory only. @type {Map<string, string>} */
  #live = new Map();
  #count = 0;

  /** @param {{ directory: string, version: string, clock?: () => number, emit: (event: Event) => void }} options */
  constructor({ directory, version, clock = Date.now, emit }) {
    this.directory = directory;
    this.version = version;
    this.clock = clock;
    this.emit = emit;
  }

  /** Ascending ids of the right form. @param {keyof typeof PREFIX} kind */
  id(kind) {
    return `${PREFIX[kind]}_${(++this.#count).toString(16).padStart(12, '0')}00000000000000`;
  }

  /** @param {string} type @param {any} properties */
  #tell(type, properties) {
    this.emit({ type, properties: structuredClone(properties) });
  }

  /** @param {Partial<Info>} [init] @returns {Info} */
  createSession(init = {}) {
    const time = this.clock();
    const info = {
      id: this.id('session'),
      slug: 'mock-session',
      projectID: 'global',
      directory: this.directory,
      path: '',
      cost: 0,
      tokens: TOKENS,
      title: `New session - ${new Date(time).toISOString()}`,
      version: this.version,
      time: { created: time, updated: time },
      ...init,
    };
    this.sessions.set(info.id, { info, messages: [] });
    this.#tell('session.created', { sessionID: info.id, info });
    return info;
  }

  /** @param {string} sessionID */
  session(sessionID) {
    const found = this.sessions.get(sessionID);
    if (!found) throw new Error(`no session ${sessionID}`);
    return found;
  }

  /** @param {string} sessionID @param {Partial<Info>} change */
  updateSession(sessionID, change) {
    const { info } = this.session(sessionID);
    Object.assign(info, change, { time: { ...info.time, ...change.time, updated: this.clock() } });
    this.#tell('session.updated', { sessionID, info });
    return info;
  }

  /** @param {string} sessionID */
  removeSession(sessionID) {
    const { info } = this.session(sessionID);
    this.sessions.delete(sessionID);
    this.#tell('session.deleted', { sessionID, info });
    return true;
  }

  /** As the real server: `idle` is no entry of the map, and has a second event. @param {string} sessionID @param {any} status */
  setStatus(sessionID, status) {
    if (status.type === 'idle') delete this.status[sessionID];
    else this.status[sessionID] = status;
    this.#tell('session.status', { sessionID, status });
    if (status.type === 'idle') this.#tell('session.idle', { sessionID });
  }

  /**
   * A user message, whole. The same messageID again overwrites; parts without an id are added once more, as the real server does.
   * @param {string} sessionID @param {string | { messageID?: string, parts?: any[], model?: any, agent?: string }} [prompt]
   * @returns {Message}
   */
  user(sessionID, prompt = {}) {
    const body = typeof prompt === 'string' ? { parts: [{ type: 'text', text: prompt }] } : prompt;
    const message = this.#message(sessionID, {
      id: body.messageID ?? this.id('message'),
      role: 'user',
      sessionID,
      time: { created: this.#next(sessionID) },
      agent: body.agent ?? 'build',
      model: body.model ?? { providerID: 'mock', modelID: 'words' },
    });
    for (const part of body.parts ?? []) this.putPart(message, { id: this.id('part'), ...part });
    return message;
  }

  /** No message is as old as the one before it: ids made elsewhere would put them in any order. @param {string} sessionID */
  #next(sessionID) {
    const last = this.session(sessionID).messages.at(-1)?.info.time.created ?? 0;
    return Math.max(this.clock(), last + 1);
  }

  /** An assistant message without parts. @param {string} sessionID @param {string} [parentID] @param {Partial<Info>} [more] */
  assistant(sessionID, parentID, more = {}) {
    const parent = parentID ?? this.session(sessionID).messages.findLast(({ info }) => info.role === 'user')?.info.id;
    return this.#message(sessionID, {
      id: this.id('message'),
      parentID: parent,
      role: 'assistant',
      mode: 'build',
      agent: 'build',
      path: { cwd: this.directory, root: this.directory },
      cost: 0,
      tokens: TOKENS,
      modelID: 'words',
      providerID: 'mock',
      time: { created: this.#next(sessionID) },
      sessionID,
      ...more,
    });
  }

  /** @param {string} sessionID @param {Info} info @returns {Message} */
  #message(sessionID, info) {
    const { messages } = this.session(sessionID);
    const known = messages.find((each) => each.info.id === info.id);
    const message = known ?? { info, parts: [] };
    message.info = info;
    if (!known) messages.push(message);
    this.#tell('message.updated', { sessionID, info });
    return message;
  }

  /** Stores and publishes a whole part. @param {Message} message @param {Part} part @returns {Part} */
  putPart(message, part) {
    const full = { id: this.id('part'), messageID: message.info.id, sessionID: message.info.sessionID, ...part };
    const index = message.parts.findIndex((each) => each.id === full.id);
    if (index < 0) message.parts.push(full);
    else message.parts[index] = full;
    this.#tell('message.part.updated', { sessionID: full.sessionID, part: full, time: this.clock() });
    return full;
  }

  /** Starts a text or reasoning part: stored empty. @param {Message} message @param {'text' | 'reasoning'} [type] @returns {Part} */
  begin(message, type = 'text') {
    const part = this.putPart(message, { type, text: '', time: { start: this.clock() } });
    this.#live.set(part.id, '');
    return part;
  }

  /** Publishes a piece of text; stores nothing. @param {Part} part @param {string} delta */
  delta(part, delta) {
    this.#live.set(part.id, (this.#live.get(part.id) ?? '') + delta);
    const { sessionID, messageID, id: partID } = part;
    this.#tell('message.part.delta', { sessionID, messageID, partID, field: 'text', delta });
  }

  /** Ends a part: now its text is stored and published whole. @param {Part} part @param {string} [text] another text than the deltas gave */
  end(part, text) {
    const whole = text ?? this.#live.get(part.id) ?? part.text;
    this.#live.delete(part.id);
    return this.putPart(this.message(part.sessionID, part.messageID), { ...part, text: whole, time: { ...part.time, end: this.clock() } });
  }

  /** @param {Message} message @param {any} [error] */
  complete(message, error) {
    const info = { ...message.info, time: { ...message.info.time, completed: this.clock() }, ...(error ? { error } : { finish: 'stop' }) };
    return this.#message(info.sessionID, info);
  }

  /** @param {string} sessionID @param {string} messageID */
  message(sessionID, messageID) {
    const found = this.session(sessionID).messages.find(({ info }) => info.id === messageID);
    if (!found) throw new Error(`no message ${messageID}`);
    return found;
  }

  /** @param {string} sessionID @param {string} messageID */
  removeMessage(sessionID, messageID) {
    const session = this.session(sessionID);
    session.messages = session.messages.filter(({ info }) => info.id !== messageID);
    this.#tell('message.removed', { sessionID, messageID });
    return true;
  }

  /** @param {Part} part */
  removePart({ sessionID, messageID, id: partID }) {
    const message = this.message(sessionID, messageID);
    message.parts = message.parts.filter(({ id }) => id !== partID);
    this.#tell('message.part.removed', { sessionID, messageID, partID });
  }

  /** @param {string} sessionID @param {object} [more] */
  askPermission(sessionID, more = {}) {
    const request = { id: this.id('permission'), sessionID, permission: 'bash', patterns: ['ls'], metadata: {}, always: ['ls *'], ...more };
    this.permissions.push(request);
    this.#tell('permission.asked', request);
    return request;
  }

  /** @param {string} requestID @param {string} reply @returns {boolean} whether it was pending */
  replyPermission(requestID, reply) {
    const request = this.permissions.find(({ id }) => id === requestID);
    this.permissions = this.permissions.filter((each) => each !== request);
    if (request) this.#tell('permission.replied', { sessionID: request.sessionID, requestID, reply });
    return Boolean(request);
  }

  /** @param {string} sessionID @param {any[]} questions */
  askQuestion(sessionID, questions) {
    const request = { id: this.id('question'), sessionID, questions };
    this.questions.push(request);
    this.#tell('question.asked', request);
    return request;
  }

  /** @param {string} requestID @param {string[][]} [answers] absent: rejected @returns {boolean} */
  answerQuestion(requestID, answers) {
    const request = this.questions.find(({ id }) => id === requestID);
    this.questions = this.questions.filter((each) => each !== request);
    const told = request && { sessionID: request.sessionID, requestID };
    if (told && answers) this.#tell('question.replied', { ...told, answers });
    else if (told) this.#tell('question.rejected', told);
    return Boolean(request);
  }

  /** Newest `limit` messages, oldest first, and the cursor of the page before. @param {string} sessionID @param {number} [limit] @param {string} [before] */
  page(sessionID, limit = 0, before = undefined) {
    const sorted = [...this.session(sessionID).messages].sort(
      (a, b) => a.info.time.created - b.info.time.created || (a.info.id < b.info.id ? -1 : 1),
    );
    for (const { parts } of sorted) parts.sort((a, b) => (a.id < b.id ? -1 : 1));
    let end = sorted.length;
    if (before) {
      const { id } = JSON.parse(Buffer.from(before, 'base64url').toString());
      end = Math.max(0, sorted.findIndex(({ info }) => info.id === id));
    }
    const start = limit ? Math.max(0, end - limit) : 0;
    const items = structuredClone(sorted.slice(start, end));
    const first = items[0]?.info;
    const next = start && first ? Buffer.from(JSON.stringify({ id: first.id, time: first.time.created })).toString('base64url') : undefined;
    return { items, next };
  }
}
