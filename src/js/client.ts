/**
 * `createClient` and what it makes.
 * @module
 */
import type { ChatSession, Client, Sessions } from './api.js';
import { bound, guarded } from './bound.js';
import { Core } from './core/core.js';
import { Instance } from './guard.js';
import { type Base, checkAuth, checkBase, known, missing, piece, refused, shaped } from './host.js';
import { Journal } from './journal.js';
import type { Log } from './keeper/protocol.js';
import type { SessionError } from './errors.js';
import { closed, crashed, Link } from './link.js';
import { checkNames } from './options.js';
import type { Person, Tabs } from './person.js';
import type { Recording } from './recording.js';
import { Handle, Opened } from './session.js';
import type {
  Agent, ClientOptions, CommandInfo, Health, ListQuery, Model, OpenOptions, Providers, SessionInfo, SessionInit, WasmSource,
} from './types.js';
import { withProblem } from './view.js';

/** The way to the keeper: a file of its own. */
type Shared = typeof import('./keeper/shared.js');

/** The recorder: a file of its own. */
type Tape = typeof import('./recorder/tape.js');

/** Signing out: a file of its own. */
type PersonFile = typeof import('./person.js');

/** Loads the wasm, from `source` or from where this build keeps it. */
export type Load = (source?: WasmSource) => Promise<unknown>;

/** Words of other tabs that are kept while a client is made. */
const MISSED = 1_000;
/** Sessions open at the same time. */
const SESSIONS = 1_000;
const JOURNALS = ['indexeddb', 'memory', 'off'];
const TRANSPORTS = ['auto', 'fetch', 'eventsource', 'poll'];

let loading: Promise<unknown> | undefined;
/** Of the wasm that is loaded now. */
let instance = fresh();

function fresh(): Instance {
  loading = undefined;
  return new Instance(() => {
    instance = fresh();
  });
}

/** `createClient` with the build's own way to load the wasm: once, but a failed load may be tried again. */
export async function connect(load: Load, options: ClientOptions): Promise<Client> {
  if (!isObject(options)) throw known(undefined);
  const base = checkBase(options.baseUrl);
  checkOptions(options);
  const tabs = listen(base.url);
  try {
    return new OpenCodeClient(base, options, tabs, ...(await files(load, options)));
  } catch (error) {
    tabs?.channel.close();
    throw error;
  }
}

/** Loads the wasm, and what stands in files of its own and is of use. Without the recorder's the chat goes on; `record` says then that it is missing. */
async function files(load: Load, options: ClientOptions): Promise<[Shared | undefined, PersonFile | undefined, Tape | undefined]> {
  const beside = Promise.all([
    hasKeeper(options) ? import('./keeper/shared.js').catch(() => undefined) : undefined,
    import('./person.js').catch(() => undefined),
    options.record ? import('./recorder/tape.js').catch(() => undefined) : undefined,
  ]);
  try {
    // What was loaded may have broken meanwhile.
    for (let loaded: unknown; ; ) {
      loaded = loading ??= load(options.wasm);
      await loaded;
      const found = await beside;
      if (loading === loaded) return found;
    }
  } catch (error) {
    loading = undefined;
    throw refused(
      'wasm_load_failed',
      `The wasm module could not be loaded (${(error as Error)?.name}).`,
      "Serve core_bg.wasm next to the script, and allow 'wasm-unsafe-eval' in the Content-Security-Policy.",
    );
  }
}

/** What other tabs say from here on, so that no sign-out is missed; `undefined` where tabs cannot speak with each other. */
function listen(base: string): Tabs | undefined {
  try {
    const tabs: Tabs = { channel: new BroadcastChannel(`opencode-session ${base}`), missed: [], since: Date.now() };
    tabs.channel.onmessage = ({ data }) => tabs.missed.length < MISSED && tabs.missed.push(data);
    return tabs;
  } catch {
    return undefined;
  }
}

function hasKeeper({ keeper, transport = 'auto' }: ClientOptions): boolean {
  return Boolean(keeper) && transport === 'auto' && 'location' in globalThis;
}

class OpenCodeClient implements Client {
  readonly sessions: Sessions;
  readonly #link: Link;
  readonly #opened = new Map<string, Opened>();
  readonly #stopListening: () => void;
  readonly #person: Person | undefined;

  constructor(base: Base, options: ClientOptions, tabs?: Tabs, shared?: Shared, person?: PersonFile, tape?: Tape) {
    const { directory, transport = 'auto', keeper, retry, limits, record } = options;
    const log: Log = (level, code, message) => this.#link.log(level, code, message);
    this.#link = new Link(base, options, shared?.openKeeper(keeper, base.url, log, options.identity));
    const plain = JSON.stringify({ directory, transport, keeper: shared && 'on', ...retry, ...limits });
    const own = instance;
    const make = (host: unknown, seed = Math.random()): Core => own.run(() => new Core(host as never, plain, seed), crashed);
    const start = guarded(() => (tape === undefined ? make(this.#link) : tape.start(this.#link, make, plain, record)), known);
    this.#link.start(start(), own);
    if (shared === undefined && hasKeeper(options)) log(2, 'keeper_failed', missing('shared.js').message);
    this.#link.journal = new Journal(this.#link, base.url, options.journal);
    this.#stopListening = this.#listen(base.loopback);
    this.sessions = sessions(this.#link);
    this.#person = person && new person.Person(this.#link, tabs, refused);
    if (person === undefined) {
      tabs?.channel.close();
      log(2, 'load_failed', missing('person.js').message);
    }
    bound(this, known);
  }

  async health(): Promise<Health> {
    const health = await this.#get<Omit<Health, 'dialect'>>('/global/health');
    return { dialect: 'v1', ...shaped(health, isObject(health)) };
  }

  providers(): Promise<Providers> {
    return this.#get('/config/providers');
  }

  async models(): Promise<Model[]> {
    const told = await this.providers();
    const providers = shaped(told, isObject(told) && Array.isArray(told.providers)).providers;
    // What is no object is no model: of a text there would be one for each letter.
    return providers.filter((each) => isObject(each) && isObject(each.models) && typeof each.id === 'string').flatMap((provider) =>
      Object.entries(provider.models).filter(([, model]) => isObject(model)).map(([modelID, model]) => ({
        ...model,
        ref: `${provider.id}/${modelID}`,
        providerID: provider.id,
        modelID,
        name: model.name ?? modelID,
        providerName: provider.name ?? provider.id,
        isDefault: told.default?.[provider.id] === modelID,
      })),
    );
  }

  agents(): Promise<Agent[]> {
    return this.#link.list('/agent');
  }

  commands(): Promise<CommandInfo[]> {
    return this.#link.list('/command');
  }

  openSession(id: string, options: OpenOptions = {}): ChatSession {
    if (typeof id !== 'string' || id === '') {
      throw refused('bad_option', 'The session id is empty.', 'Pass the id of a session from sessions.list().');
    }
    checkNames('openSession', options);
    let opened = this.#opened.get(id);
    if (opened === undefined) {
      if (this.#opened.size >= SESSIONS) {
        throw refused('limit_reached', `There are ${SESSIONS} sessions open in this client.`, 'Close those that nobody looks at.');
      }
      if (options.dialect === 'v2') {
        this.#link.requests.speak(id).catch(() => this.#link.log(2, 'v2_failed', missing('v2.js').message, id));
      }
      opened = new Opened(this.#link, id, options, (child, how) => this.openSession(child, how));
      this.#opened.set(id, opened);
    }
    const own = opened;
    return new Handle(own, () => {
      this.#opened.delete(id);
      own.close();
    });
  }

  async createSession(init: SessionInit = {}): Promise<ChatSession> {
    return this.openSession((await this.sessions.create(init)).id);
  }

  async record(): Promise<Recording> {
    return (await import('./recorder/tape.js')).recording(this.#link);
  }

  async signOut(): Promise<void> {
    this.#stopListening();
    if (this.#person !== undefined) return this.#person.signOut();
    const error = missing('person.js');
    this.#link.signOut(error);
    throw error;
  }

  close(): void {
    this.#stopListening();
    this.#person?.close();
    for (const opened of this.#opened.values()) opened.close();
    this.#opened.clear();
    this.#link.close();
  }

  #get<T>(path: string): Promise<T> {
    return this.#link.call<T>(0, 'GET', path);
  }

  /** What the browser says of the network and of the page. */
  #listen(loopback: boolean): () => void {
    if (typeof globalThis.addEventListener !== 'function') return () => undefined;
    const link = this.#link;
    const page = globalThis.document;
    const ears = new AbortController();
    const { signal } = ears;
    const on = (target: EventTarget, name: string, act: (event: Event) => void): void => {
      target.addEventListener(name, act, { signal });
    };
    // A server on this machine can be reached without a network; for others the word is tried.
    if (!loopback) {
      if (globalThis.navigator?.onLine === false) link.online(2);
      on(globalThis, 'online', () => link.online(1));
      on(globalThis, 'offline', () => link.online(2));
    }
    if (page !== undefined) {
      const look = (): void => link.visible(page.visibilityState !== 'hidden');
      on(page, 'visibilitychange', look);
      if (page.visibilityState === 'hidden') look();
      // A stream that was open while the page was frozen brings nothing more (seen in Chromium 156).
      on(page, 'freeze', () => link.online(0));
      on(page, 'resume', () => link.online(1));
      // A page with an open stream is not kept for going back to.
      on(globalThis, 'pagehide', () => link.online(0));
      on(globalThis, 'pageshow', (event) => {
        if ((event as PageTransitionEvent).persisted) link.online(1);
      });
    }
    return () => ears.abort();
  }
}

function sessions(link: Link): Sessions {
  const at = (id: string, rest = ''): string => `/session/${piece(id)}${rest}`;
  const session = async (method: string, path: string, body?: object): Promise<SessionInfo> => {
    const info = await link.call<SessionInfo>(0, method, path, body);
    return shaped(info, isObject(info) && typeof info.id === 'string');
  };
  const all: Sessions = {
    list: async (query: ListQuery = {}) => {
      checkNames('list', query);
      const search = new URLSearchParams();
      for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
      return link.list<SessionInfo>(search.size === 0 ? '/session' : `/session?${search}`);
    },
    get: async (id) => session('GET', at(id)),
    create: async (init = {}) => {
      checkNames('createSession', init);
      if (init.dialect === 'v2') await link.requests.speak();
      return session('POST', '/session', init);
    },
    rename: async (id, title) => session('PATCH', at(id), { title }),
    // Servers take no way back but a time of zero.
    archive: async (id, archived = true) => session('PATCH', at(id), { time: { archived: archived ? Date.now() : 0 } }),
    remove: async (id) => {
      await link.call(0, 'DELETE', at(id));
    },
    children: async (id) => link.list<SessionInfo>(at(id, '/children')),
    // A file of its own, for those who show lists.
    live: async (query) => {
      const { List } = await import('./list/sessions.js').catch(() => {
        throw missing('sessions.js');
      });
      return new List(link, query, { checkNames, closed, known, refused, withProblem });
    },
  };
  for (const name of Object.keys(all) as (keyof Sessions)[]) all[name] = guarded(all[name] as never, known);
  return all;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkOptions(options: ClientOptions): void {
  const { transport, auth, directory, identity, journal } = options;
  checkNames('createClient', options);
  checkNames('retry', options.retry);
  checkNames('limits', options.limits);
  const bad = (what: string, hint = 'Leave it out for the default.'): SessionError => refused('bad_option', what, hint);
  for (const [name, value, all] of [['journal', journal, JOURNALS], ['transport', transport, TRANSPORTS]] as const) {
    if (value !== undefined && !all.includes(value)) throw bad(`${name} is not one of ${all.join(', ')}.`);
  }
  if (directory !== undefined && (typeof directory !== 'string' || directory === '')) throw bad('directory is not a path.');
  for (const name of ['fetch', 'onLog'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') throw bad(`${name} is no function.`);
  }
  if (identity !== undefined && (typeof identity !== 'string' || identity === '' || identity.length > 1_024)) throw bad('identity is no text of 1 to 1,024 characters.', 'Pass the id of a person.');
  checkAuth(auth);
  if (typeof auth === 'object') checkNames('auth', auth);
  if (transport === 'eventsource') {
    if (typeof EventSource === 'undefined') {
      throw refused('unsupported', 'This host has no EventSource.', 'Leave transport out.');
    }
    if (typeof auth === 'object' && auth.type !== 'basic') {
      throw refused('unsupported', 'EventSource cannot send this kind of auth.', 'Leave transport out, or use basic auth.');
    }
  }
  for (const [name, value] of Object.entries({ ...options.retry, ...options.limits })) {
    if (typeof value !== 'number' || !(value >= 1) || value > Number.MAX_SAFE_INTEGER) {
      throw bad(`${name} is not a number of at least 1.`);
    }
  }
}
