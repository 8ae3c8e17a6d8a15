/**
 * The public data types: what a front-end reads from {@link SessionState} and passes to the client.
 *
 * Server objects keep OpenCode's own field names; unknown fields pass through untouched.
 * @module
 */
import type { SessionError } from './errors.js';
import type { RecordOptions } from './recording.js';

/**
 * Fields the server may add that this version does not know; they are passed on as they came.
 *
 * @example
 * ```ts
 * const cost = message.info['cost']; // a field this version does not name
 * ```
 */
export interface Passthrough {
  readonly [field: string]: unknown;
}

/**
 * Credentials for the server. They stay in JavaScript memory: never in a URL, a log line or wasm memory
 * (with the one exception of `transport: 'eventsource'`, which can only send `auth_token` in the URL).
 *
 * @example
 * ```ts
 * const auth: Auth = { type: 'basic', password: 'secret' }; // username defaults to "opencode"
 * ```
 */
export type Auth =
  | { readonly type: 'basic'; readonly username?: string; readonly password: string }
  | { readonly type: 'bearer'; readonly token: string }
  | { readonly type: 'header'; readonly name: string; readonly value: string };

/**
 * Reconnect timing, in milliseconds. Full jitter between `min` and the growing cap.
 *
 * @example
 * ```ts
 * await createClient({ baseUrl, retry: { max: 5_000 } });
 * ```
 */
export interface RetryPolicy {
  /** Shortest wait. Default 500. */
  readonly min: number;
  /** Longest wait. Default 20 000. */
  readonly max: number;
  /** The stream must have been good this long before the wait starts small again. Default 60 000. */
  readonly resetAfter: number;
}

/**
 * Bounds of every buffer. Reaching one is an error the caller sees, never silent loss.
 *
 * @example
 * ```ts
 * await createClient({ baseUrl, limits: { event: 64 * 1024 * 1024 } });
 * ```
 */
export interface Limits {
  /** Longest line of the event stream, bytes. Default 16 MiB. */
  readonly line: number;
  /** Largest event, bytes. Default 16 MiB. */
  readonly event: number;
  /** Bytes of events kept while a snapshot is on its way. Default 8 MiB. */
  readonly buffered: number;
  /** Events kept while a snapshot is on its way. Default 10 000. */
  readonly bufferedEvents: number;
  /** Event ids remembered to drop repeats. Default 4 096. */
  readonly rememberedIds: number;
  /** Messages kept of a session: when a turn ends, older ones go (`hasOlder` tells), and `loadOlder` loads no more. Default 5 000. */
  readonly messages: number;
  /** Prompts waiting to be sent or confirmed. Default 100. */
  readonly outbox: number;
  /** Bytes of all files of one prompt together, before they are encoded. Default 16 MiB. */
  readonly attachments: number;
  /** Largest journal record of a session, bytes. Default 1 MiB. Texts are left out first, then prompts too large for it. */
  readonly journal: number;
  /** Largest answer to a request, bytes. Default 64 MiB. */
  readonly answer: number;
  /** Longest wait for an HTTP answer, milliseconds. Default 30 000. */
  readonly requestTimeout: number;
}

/**
 * One structured log line. Holds no secrets, URLs or bodies. All codes are listed in docs/observability.md.
 *
 * @example
 * ```ts
 * await createClient({ baseUrl, onLog: (entry) => console.debug(entry.code, entry.message) });
 * ```
 */
export interface LogEntry {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Stable code of what happened, for example `connection` or `bad_event`; all are listed in docs/errors.md. */
  readonly code: string;
  readonly message: string;
  /** Milliseconds since 1970 at the client. */
  readonly time: number;
  readonly sessionID?: string;
  /** With the code `connection`: how the client is connected from here on, the cause and the next try. */
  readonly connection?: ConnectionState;
}

/**
 * Options of {@link createClient}.
 *
 * @example
 * ```ts
 * const options: ClientOptions = { baseUrl: 'http://127.0.0.1:4096', auth: { type: 'basic', password: 'secret' } };
 * ```
 */
export interface ClientOptions {
  /** Where the server is: `http:` or `https:`, without credentials. A path prefix is kept. In a page, a path alone is one of its own host. */
  readonly baseUrl: string;
  /** Project directory on the server. Default: the server's own. */
  readonly directory?: string;
  /** Asked before each request when it is a function, and once more after a 401. */
  readonly auth?: Auth | (() => Auth | Promise<Auth>);
  /**
   * Who the person is, any name that only they have at this server (a user id). The journal and the streams of a keeper belong to it.
   * Needed where a cookie or an own `fetch` signs in, because the client cannot see those: without `identity` no request carries
   * cookies. With tokens that are renewed it keeps the journal beyond the renewal. See docs/auth.md.
   */
  readonly identity?: string;
  /**
   * How live events arrive. `auto` (default) reads the event stream with `fetch` and falls back to polling where a
   * stream is refused. `eventsource` is the lesser choice: it cannot send headers (a password goes into the URL as
   * `auth_token`), cannot see status codes, and is several times slower.
   */
  readonly transport?: 'auto' | 'fetch' | 'eventsource' | 'poll';
  /**
   * Where the text of an unfinished answer and unsent prompts are kept, so that they survive a reload or a crash
   * (docs/journal.md). `indexeddb` (default where there is one): in this browser, for this page's origin. `memory`: only
   * as long as the script runs. `off`: nowhere, and what an earlier run kept of a session is removed when it is opened.
   * Credentials are never kept.
   */
  readonly journal?: 'indexeddb' | 'memory' | 'off';
  /**
   * A service worker that holds the one stream of all pages and repeats what a page missed: its address, or `true` for
   * `/opencode-session-keeper.js`. With it, a reload or a new tab in the middle of an answer shows all of the text so
   * far. Only with `transport: 'auto'`; where it cannot be had, the session works as without it.
   */
  readonly keeper?: boolean | string;
  /** Used in place of the global `fetch`, for tests and proxies. */
  readonly fetch?: typeof fetch;
  readonly retry?: Partial<RetryPolicy>;
  readonly limits?: Partial<Limits>;
  /** Receives log entries; errors it throws are ignored. */
  readonly onLog?: (entry: LogEntry) => void;
  /**
   * Writes down all that comes and goes from here on, for `client.record()` (docs/observability.md). Only from the
   * beginning of a client on: a recording is played again from there.
   */
  readonly record?: boolean | RecordOptions;
  /**
   * The wasm module, for hosts that load it their own way: bytes, a URL, a `Response` or a compiled module.
   * Default: the file next to the script.
   */
  readonly wasm?: WasmSource;
}

/**
 * What {@link ClientOptions.wasm} accepts.
 *
 * @example
 * ```ts
 * await createClient({ baseUrl, wasm: new URL('/assets/core_bg.wasm', location.href) });
 * ```
 */
export type WasmSource = ArrayBuffer | ArrayBufferView | URL | string | Response | Promise<Response> | (typeof globalThis extends { WebAssembly: { Module: new (...args: never[]) => infer Module } } ? Module : never);

/**
 * Answer of `client.health()`.
 *
 * @example
 * ```ts
 * const { version } = await client.health();
 * ```
 */
export interface Health {
  readonly healthy: boolean;
  /** Server version, for example `1.18.33`. */
  readonly version: string;
  /** What the server speaks: `v1` up to 1.18 (which may have v2 sessions beside), `v2` from 2.0 on (docs/servers.md). */
  readonly dialect: 'v1' | 'v2';
}

/**
 * A model the server offers, flattened from its provider list.
 *
 * @example
 * ```ts
 * const names = (await client.models()).map((model) => model.ref); // 'provider/model'
 * ```
 */
export interface Model extends Passthrough {
  /** `provider/model`, the form that `send` accepts. */
  readonly ref: string;
  readonly providerID: string;
  readonly modelID: string;
  readonly name: string;
  readonly providerName: string;
  /** True for the provider's default model. */
  readonly isDefault: boolean;
}

/**
 * Answer of `client.providers()`: the server's `GET /config/providers`.
 *
 * @example
 * ```ts
 * const { default: defaults } = await client.providers();
 * ```
 */
export interface Providers extends Passthrough {
  readonly providers: readonly (Passthrough & {
    readonly id: string;
    readonly name?: string;
    readonly models: { readonly [modelID: string]: Passthrough & { readonly name?: string } };
  })[];
  /** Default model of each provider. */
  readonly default: { readonly [providerID: string]: string };
}

/**
 * An agent (mode of work) the server offers.
 *
 * @example
 * ```ts
 * const choices = (await client.agents()).filter((agent) => agent.mode !== 'subagent' && !agent.hidden);
 * ```
 */
export interface Agent extends Passthrough {
  readonly name: string;
  readonly description?: string;
  /** `primary` agents can be chosen for a prompt; `subagent`s are called by other agents. */
  readonly mode?: 'primary' | 'subagent' | 'all' | string;
  readonly hidden?: boolean;
}

/**
 * A slash command the server offers.
 *
 * @example
 * ```ts
 * const names = (await client.commands()).map((command) => `/${command.name}`);
 * ```
 */
export interface CommandInfo extends Passthrough {
  readonly name: string;
  readonly description?: string;
}

/**
 * A session as the server describes it.
 *
 * @example
 * ```ts
 * const [newest] = await client.sessions.list({ limit: 1 });
 * ```
 */
export interface SessionInfo extends Passthrough {
  readonly id: string;
  readonly title: string;
  readonly directory?: string;
  readonly parentID?: string;
  readonly version?: string;
  readonly time: { readonly created: number; readonly updated: number; readonly archived?: number };
  readonly revert?: Passthrough & { readonly messageID: string; readonly partID?: string };
}

/**
 * What `sessions.list` filters by.
 *
 * @example
 * ```ts
 * await client.sessions.list({ search: 'bug', roots: true });
 * ```
 */
export interface ListQuery {
  /** Text in the title. */
  readonly search?: string;
  /** At most this many, newest first. Server default 100. */
  readonly limit?: number;
  /** Only sessions updated at or after this time (milliseconds since 1970). */
  readonly start?: number;
  /** Only sessions without a parent. */
  readonly roots?: boolean;
}

/**
 * What `sessions.live` shows.
 *
 * @example
 * ```ts
 * const all = await client.sessions.live({ roots: false });
 * ```
 */
export interface LiveQuery {
  /** Text in the title, large and small letters alike. */
  readonly search?: string;
  /** Sessions in a page, at least 1. Default 50. */
  readonly limit?: number;
  /** Only sessions without a parent: none of sub-agents. Default true. */
  readonly roots?: boolean;
}

/**
 * A session in a live list.
 *
 * @example
 * ```ts
 * const mark = ({ requests, status }: ListedSession) => (requests > 0 ? 'waits for you' : status.type === 'idle' ? '' : 'works');
 * ```
 */
export interface ListedSession extends SessionInfo {
  readonly status: Exclude<SessionStatus, { type: 'error' }>;
  /** How many permission requests and questions wait for a person, those of its sub-agents included. */
  readonly requests: number;
}

/**
 * State of a live list.
 *
 * @example
 * ```ts
 * if (list.state.status === 'live' && list.state.sessions.length === 0) showEmpty();
 * ```
 */
export interface LiveSessionsState {
  /** Newest update first. */
  readonly sessions: readonly ListedSession[];
  /** True when `loadMore` would show more. */
  readonly hasMore: boolean;
  /** The text that is searched for. */
  readonly search: string;
  /**
   * - `loading`: the server has not answered for this search yet; what is known is shown.
   * - `live`: changes are shown as they happen.
   * - `stale`: the connection is away, or what was missed is being fetched.
   * - `closed`: closed by the caller.
   */
  readonly status: 'loading' | 'live' | 'stale' | 'closed';
  readonly connection: ConnectionState;
  /** Why the list could not be fetched; gone with the next good answer. */
  readonly error?: SessionError;
}

/**
 * What a new session starts with.
 *
 * @example
 * ```ts
 * const session = await client.createSession({ title: 'Release notes' });
 * ```
 */
export interface SessionInit {
  readonly title?: string;
  readonly parentID?: string;
  /** What its tools may do, for example `[{ permission: 'bash', pattern: '*', action: 'ask' }]`. */
  readonly permission?: readonly { readonly permission: string; readonly pattern: string; readonly action: 'ask' | 'allow' | 'deny' }[];
  /** Kept with the session by newer servers (1.18.33 does, 1.2.27 does not). */
  readonly metadata?: { readonly [name: string]: unknown };
  /** `v2` makes a session of the v2 API on a server that has both (1.16 to 1.18). Default: what the server speaks. */
  readonly dialect?: 'v1' | 'v2';
}

/**
 * Who wrote a message, when, with which model.
 *
 * @example
 * ```ts
 * const failed = message.info.error?.data?.message;
 * ```
 */
export interface MessageInfo extends Passthrough {
  readonly id: string;
  readonly sessionID: string;
  readonly role: 'user' | 'assistant';
  readonly time: { readonly created: number; readonly completed?: number };
  /** Assistant messages: the user message they answer. */
  readonly parentID?: string;
  readonly error?: Passthrough & { readonly name: string; readonly data?: Passthrough & { readonly message?: string } };
  readonly agent?: string;
  readonly modelID?: string;
  readonly providerID?: string;
}

/**
 * State of a tool call.
 *
 * @example
 * ```ts
 * if (part.state?.status === 'running') showSpinner(part.tool, part.state.input);
 * ```
 */
export interface ToolState extends Passthrough {
  readonly status: 'pending' | 'running' | 'completed' | 'error';
  readonly input?: { readonly [name: string]: unknown };
  readonly output?: string;
  readonly title?: string;
  readonly error?: string;
  readonly metadata?: { readonly [name: string]: unknown };
  readonly time?: { readonly start: number; readonly end?: number };
}

/**
 * A part as the server describes it; `type` tells which of the optional fields are there.
 *
 * @example
 * ```ts
 * if (part.type === 'file') showFile(part.filename, part.mime, part.url);
 * ```
 */
export interface OpenCodePart extends Passthrough {
  readonly id: string;
  readonly messageID: string;
  readonly sessionID: string;
  readonly type:
    | 'text'
    | 'reasoning'
    | 'tool'
    | 'file'
    | 'agent'
    | 'subtask'
    | 'step-start'
    | 'step-finish'
    | 'snapshot'
    | 'patch'
    | 'retry'
    | 'compaction'
    | (string & {});
  /** `text` and `reasoning` parts. */
  readonly text?: string;
  /** Text the server made, not a person or model; usually hidden. */
  readonly synthetic?: boolean;
  readonly ignored?: boolean;
  /** `tool` parts: the tool's name and its call. */
  readonly tool?: string;
  readonly callID?: string;
  readonly state?: ToolState;
  /** `file` parts. */
  readonly mime?: string;
  readonly filename?: string;
  readonly url?: string;
  /** `agent` parts. */
  readonly name?: string;
  readonly time?: { readonly start?: number; readonly end?: number };
}

/**
 * One block of a message, with what the client knows of its wholeness.
 *
 * - `settled`: the server has said its last word on it.
 * - `streaming`: still growing; what is shown is a true beginning of it.
 * - `gapped`: text was missed. `text` is true up to `gap.at` (UTF-16 units), `tail` is what came after the hole.
 * The whole text replaces both when the part ends.
 * - `interrupted`: the answer broke off (the server was killed, or stopped it) and the server has less of it than is shown. What was
 * shown stays; nothing more comes.
 *
 * @example
 * ```ts
 * const text = part.continuity === 'gapped' ? `${part.text} … ${part.tail ?? ''}` : part.text;
 * ```
 */
export type Part = OpenCodePart & {
  readonly continuity: 'settled' | 'streaming' | 'gapped' | 'interrupted';
  readonly gap?: { readonly at: number };
  readonly tail?: string;
};

/**
 * A message in OpenCode's own `{ info, parts }` shape, with a render key and, for own prompts, the delivery.
 *
 * @example
 * ```ts
 * const items = session.state.messages.map((message) => ({ key: message.key, parts: message.parts }));
 * ```
 */
export interface Message {
  /** Stable from the local echo to the confirmed message: use it as the list key. */
  readonly key: string;
  readonly info: MessageInfo;
  readonly parts: readonly Part[];
  /**
   * Only on prompts sent from here. `failed`: the server did not store it. `queued`: it has it, and answers another prompt first.
   * `dropped`: it has it, and will not answer it: it was stopped, or died, before its turn.
   */
  readonly delivery?: 'sending' | 'sent' | 'failed' | 'queued' | 'dropped';
}

/**
 * A tool asks to be allowed something. Answer with `replyPermission`.
 *
 * @example
 * ```ts
 * for (const request of session.state.permissions) await session.replyPermission(request.id, 'once');
 * ```
 */
export interface PermissionRequest extends Passthrough {
  readonly id: string;
  readonly sessionID: string;
  /** Kind of permission, for example `bash` or `edit`. */
  readonly permission?: string;
  readonly patterns?: readonly string[];
  readonly metadata?: { readonly [name: string]: unknown };
  readonly tool?: { readonly messageID: string; readonly callID: string };
}

/**
 * The agent asks the user something. Answer with `answerQuestion`.
 *
 * @example
 * ```ts
 * const [question] = session.state.questions;
 * if (question) await session.answerQuestion(question.id, [['Tea']]);
 * ```
 */
export interface QuestionRequest extends Passthrough {
  readonly id: string;
  readonly sessionID: string;
  readonly questions: readonly {
    readonly question: string;
    readonly header?: string;
    readonly options: readonly { readonly label: string; readonly description?: string }[];
    readonly multiple?: boolean;
    readonly custom?: boolean;
  }[];
}

/**
 * One entry of the agent's to-do list.
 *
 * @example
 * ```ts
 * const open = session.state.todos.filter((todo) => todo.status !== 'completed');
 * ```
 */
export interface Todo extends Passthrough {
  readonly content: string;
  readonly status: string;
  readonly priority?: string;
}

/**
 * What the session is doing.
 *
 * @example
 * ```ts
 * const { status } = session.state;
 * if (status.type === 'retry') showCountdown(status.next - Date.now(), status.message);
 * ```
 */
export type SessionStatus =
  | { readonly type: 'idle' }
  | { readonly type: 'busy' }
  /** The provider failed and will be asked again at `next` (milliseconds since 1970). */
  | { readonly type: 'retry'; readonly attempt: number; readonly message: string; readonly next: number }
  /** The last turn failed. Stays until the next turn starts. */
  | { readonly type: 'error'; readonly error: SessionError };

/**
 * How the client is connected.
 *
 * @example
 * ```ts
 * const { phase, retryAt } = session.state.connection;
 * if (phase === 'waiting' && retryAt) showCountdown(retryAt - Date.now());
 * ```
 */
export interface ConnectionState {
  /**
   * - `connecting`: the stream is being opened.
   * - `syncing`: the stream is open; history is being fetched.
   * - `live`: all is shown as it happens.
   * - `polling`: no stream; history is fetched again and again.
   * - `waiting`: the connection failed; the next try is at `retryAt`.
   * - `offline`: the browser says there is no network.
   * - `closed`: closed by the caller, or ended by an error that a retry cannot mend.
   */
  readonly phase: 'connecting' | 'syncing' | 'live' | 'polling' | 'waiting' | 'offline' | 'closed';
  /**
   * Where events come from, best first: the keeper's kept stream, a relay's kept stream (where `baseUrl` is a relay's),
   * `/event` of one directory, `/global/event`, polling.
   */
  readonly source: 'keeper' | 'relay' | 'event' | 'global' | 'poll';
  /** Failed tries in a row; 0 when live. */
  readonly attempt: number;
  /** When the next try starts, milliseconds since 1970. */
  readonly retryAt?: number;
  /** Why the last try failed. */
  readonly error?: SessionError;
  /** Why a lower source than the best is in use; the best is tried again later. */
  readonly fallback?: SessionError;
}

/**
 * Everything a front-end renders. Immutable; unchanged messages and parts keep their identity.
 *
 * @example
 * ```ts
 * for (const message of session.state.messages) console.log(message.info.role, message.parts.length);
 * ```
 */
export interface SessionState {
  readonly session?: SessionInfo;
  /** Oldest first. */
  readonly messages: readonly Message[];
  readonly status: SessionStatus;
  readonly connection: ConnectionState;
  readonly permissions: readonly PermissionRequest[];
  readonly questions: readonly QuestionRequest[];
  readonly todos: readonly Todo[];
  /** True when `loadOlder` would find more. */
  readonly hasOlder: boolean;
  /** Whether the last (re)connect missed nothing (`kept`) or may have (`lost`). */
  readonly continuity: 'kept' | 'lost';
  /** The latest problem that concerns this session (unknown session, broken event …); cleared by the next good sync. */
  readonly error?: SessionError;
}

/**
 * A text or file to send.
 *
 * @example
 * ```ts
 * const parts: PromptPart[] = [{ type: 'text', text: 'What is this?' }, { type: 'file', file: input.files[0] }];
 * ```
 */
export type PromptPart =
  | { readonly type: 'text'; readonly text: string }
  /** By `data:` URL, or `file:` URL of the server's machine. */
  | { readonly type: 'file'; readonly url: `data:${string}` | `file:${string}`; readonly mime: string; readonly filename?: string }
  /** By any other address (`https:`, `blob:`): it is read here, so that it must be readable by this page, and sent as a data URL. */
  | { readonly type: 'file'; readonly url: string | URL; readonly mime?: string; readonly filename?: string }
  /** By content; it is sent as a data URL. */
  | { readonly type: 'file'; readonly file: Blob; readonly mime?: string; readonly filename?: string }
  /** Calls another agent by name. */
  | { readonly type: 'agent'; readonly name: string };

/**
 * What `send` takes beside a plain string.
 *
 * @example
 * ```ts
 * session.send({ text: 'What is this?', parts: [{ type: 'file', file }] });
 * ```
 */
export interface PromptInput {
  readonly text?: string;
  readonly parts?: readonly PromptPart[];
}

/**
 * How a prompt is answered.
 *
 * @example
 * ```ts
 * session.send('Hello', { model: 'anthropic/claude-sonnet-4-5', agent: 'build' });
 * ```
 */
export interface SendOptions {
  /** `"provider/model"` or the nested form. Unknown models are refused before sending, with near names. */
  readonly model?: string | { readonly providerID: string; readonly modelID: string };
  readonly agent?: string;
  /** The model's variant (for example a reasoning effort), where it has any. */
  readonly variant?: string;
  /** Extra system instructions for this turn. */
  readonly system?: string;
  /** Store the prompt without asking for an answer. */
  readonly noReply?: boolean;
}

/**
 * A prompt on its way.
 *
 * @example
 * ```ts
 * const sent = session.send('Hello');
 * await sent.stored;              // the server has it
 * const answer = await sent.done; // the whole answer
 * ```
 */
export interface Sent {
  /** Key of the shown message (`Message.key`). */
  readonly id: string;
  /** Resolves when the server has stored the prompt; rejects when it surely has not. */
  readonly stored: Promise<void>;
  /** Resolves with the last message of the answer when the turn is over; rejects when the turn failed. */
  readonly done: Promise<Message>;
  /**
   * Takes the prompt back. `true`: it surely will not be sent; it leaves the list, and `stored` and `done` reject with
   * `cancelled`. `false`: it is or may be at the server already.
   */
  cancel(): boolean;
}

/**
 * Options of `openSession`.
 *
 * @example
 * ```ts
 * const session = client.openSession(id, { limit: 30 });
 * ```
 */
export interface OpenOptions {
  /** Messages in the first page. Default 100. */
  readonly limit?: number;
  /**
   * Which messages of the session are shown, on a server that keeps them apart (1.16 to 1.18). `auto` (default): those of v1,
   * or those of v2 when there are none. Say `v2` for a session that is empty yet and will be prompted through v2.
   */
  readonly dialect?: 'auto' | 'v2';
}

/**
 * One step of the change stream: applied in order to the previous state, the steps give the new one.
 *
 * @example
 * ```ts
 * for await (const change of session.changes()) if (change.type === 'append') node.append(change.text);
 * ```
 */
export type Change =
  /** The whole state, as the first step and after a slow reader was overtaken. */
  | { readonly type: 'reset'; readonly state: SessionState }
  | { readonly type: 'insert-message'; readonly index: number; readonly message: Message }
  | { readonly type: 'update-message'; readonly index: number; readonly message: Message }
  | { readonly type: 'remove-message'; readonly index: number }
  | { readonly type: 'insert-part'; readonly message: number; readonly index: number; readonly part: Part }
  | { readonly type: 'update-part'; readonly message: number; readonly index: number; readonly part: Part }
  | { readonly type: 'remove-part'; readonly message: number; readonly index: number }
  /** Text added to the end of a part's `text`, or of its `tail`. */
  | { readonly type: 'append'; readonly message: number; readonly index: number; readonly field: 'text' | 'tail'; readonly text: string }
  /** Any of the fields beside `messages`. */
  | { readonly type: 'patch'; readonly fields: Partial<Omit<SessionState, 'messages'>> };
