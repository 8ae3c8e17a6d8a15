/**
 * The two public objects: {@link Client} and {@link ChatSession}.
 * @module
 */
import type { CommandOptions, FileDiff, ShellOptions } from './command-options.js';
import type { Recording } from './recording.js';
import type {
  Agent, Change, CommandInfo, Health, ListQuery, LiveQuery, LiveSessionsState, Message, Model, OpenOptions, Part, PromptInput, Providers, SendOptions, Sent,
  SessionInfo, SessionInit, SessionState, Todo,
} from './types.js';

/**
 * Reads and writes the server's list of sessions.
 *
 * @example
 * ```ts
 * await client.sessions.rename(id, 'A better title');
 * ```
 */
export interface Sessions {
  /** Newest first. */
  list(query?: ListQuery): Promise<SessionInfo[]>;
  /** Rejects with `not_found` for an id that the server does not know. */
  get(id: string): Promise<SessionInfo>;
  /** Makes one without opening it; `client.createSession` does both. */
  create(init?: SessionInit): Promise<SessionInfo>;
  /** Gives it another title. */
  rename(id: string, title: string): Promise<SessionInfo>;
  /** Puts a session away, or takes it out again with `false`. What it said stays. */
  archive(id: string, archived?: boolean): Promise<SessionInfo>;
  /** Deletes it with all it said, and its children. */
  remove(id: string): Promise<void>;
  /**
   * Opens a list that is kept up to date, whoever changes it: created, renamed, archived and deleted sessions, their
   * status, and what they ask. Its code is loaded with the first call.
   *
   * @example
   * ```ts
   * const list = await client.sessions.live({ limit: 30 });
   * list.subscribe(() => draw(list.state.sessions));
   * await list.search('release');
   * ```
   */
  live(query?: LiveQuery): Promise<LiveSessions>;
  /** Sessions that sub-agents of this one run in. */
  children(id: string): Promise<SessionInfo[]>;
}

/**
 * A connection to one OpenCode server. All its sessions share one event stream.
 *
 * @example
 * ```ts
 * const client = await createClient({ baseUrl: 'http://127.0.0.1:4096' });
 * const session = await client.createSession({ title: 'Hello' });
 * session.subscribe(() => render(session.state));
 * await session.send('Say hello').done;
 * ```
 */
export interface Client {
  /** Asks the server how it is. Rejects with the cause when it cannot be reached. */
  health(): Promise<Health>;
  /** Providers with their models, as the server's configuration has them. */
  providers(): Promise<Providers>;
  /** All models of all providers, ready for a picker. */
  models(): Promise<Model[]>;
  /** Agents that prompts can be sent to, and sub-agents. */
  agents(): Promise<Agent[]>;
  /** Slash commands that `ChatSession.command` can run. */
  commands(): Promise<CommandInfo[]>;
  readonly sessions: Sessions;
  /** Returns at once; `state` fills in. Opening the same id twice shares one store. */
  openSession(id: string, options?: OpenOptions): ChatSession;
  /** Makes a session on the server and opens it. */
  createSession(init?: SessionInit): Promise<ChatSession>;
  /**
   * The recording of this client, which `record: true` began. Rejects with `not_recording` without that option. Can be
   * had after `close`, too.
   */
  record(): Promise<Recording>;
  /**
   * Ends this client and, in all tabs, those of the same person; removes what this browser keeps for the person: the journal with unsent
   * prompts, the streams of the keeper. Credentials are forgotten, and states are empty but for the error `signed_out`. Call it before
   * you end the person's session at your own server. Rejects with `sign_out_failed` when something could not be removed.
   */
  signOut(): Promise<void>;
  /** Ends the stream and all sessions of this client. */
  close(): void;
}

/**
 * A live chat session: read `state`, listen with `subscribe`, act with the methods.
 *
 * @example
 * ```ts
 * const session = client.openSession(id);
 * const stop = session.subscribe(() => console.log(session.state.status.type));
 * await session.ready;
 * ```
 */
export interface ChatSession {
  readonly id: string;
  /** Newest state. Immutable; a new object only when something changed. */
  readonly state: SessionState;
  /** Same as `state`, bound: fits `useSyncExternalStore`. */
  getSnapshot(): SessionState;
  /** Calls the listener at most once per frame after changes. Returns the function that stops it. */
  subscribe(listener: () => void): () => void;
  /** The change stream, for those who render by hand. Starts with a `reset` that holds the whole state. */
  changes(): AsyncIterable<Change>;
  /** Resolves when history is shown; rejects when it cannot be (unknown session, no access). */
  readonly ready: Promise<void>;
  /** Resolves when the session is idle and the state equals the server's. */
  settled(): Promise<void>;
  /** Sends a prompt. It is shown at once. Never throws: problems arrive through `stored` and `done`. */
  send(prompt: string | PromptInput, options?: SendOptions): Sent;
  /**
   * Takes a prompt out of the list that failed, or that was surely not sent yet (also one that an earlier page left).
   * Returns whether there was one.
   */
  discard(key: string): boolean;
  /** Stops the running turn. */
  abort(): Promise<void>;
  /** Loads up to `n` older messages (default: the page size). Resolves with whether there are still older ones. */
  loadOlder(n?: number): Promise<boolean>;
  /** Answers a request of `state.permissions`. With `message` a model is told why; see docs/permissions.md. */
  replyPermission(id: string, reply: 'once' | 'always' | 'reject', message?: string): Promise<void>;
  /** One list of chosen labels (or own text) per question. */
  answerQuestion(id: string, answers: readonly (readonly string[])[]): Promise<void>;
  /** Lets a request of `state.questions` without an answer. */
  rejectQuestion(id: string): Promise<void>;
  /**
   * Runs a slash command of the server's configuration (`client.commands()`). Resolves with its answer when the turn is
   * over; rejects with `unknown_command` and near names before anything is sent. It is sent once: when the connection is
   * lost meanwhile it rejects with `unreachable`, and `state` shows whether it ran.
   */
  command(name: string, args?: string, options?: CommandOptions): Promise<Message>;
  /**
   * Runs a shell command in the session's directory, without asking for a permission. Resolves with the message that
   * holds its output; rejects with `busy` while a turn runs.
   */
  shell(command: string, options?: ShellOptions): Promise<Message>;
  /**
   * Takes back a message and all after it, or only the parts from `partID` on. They are hidden, with the changes that
   * they made to files, until `unrevert`; the next prompt deletes them. Rejects with `busy` while a turn runs.
   */
  revert(messageID: string, partID?: string): Promise<void>;
  /** Puts back what `revert` took. */
  unrevert(): Promise<void>;
  /** Makes a new session of this one's messages before `messageID`, or of all. Open it with `client.openSession`. */
  fork(messageID?: string): Promise<SessionInfo>;
  /** Lets a model (default: the last answer's) make the history short. Resolves when it is done. */
  summarize(model?: SendOptions['model']): Promise<void>;
  /** Publishes the session, and gives its public address. */
  share(): Promise<string>;
  /** Takes the public address away. */
  unshare(): Promise<void>;
  /** Asks the server for the to-do list. `state.todos` has it too, live. */
  todo(): Promise<Todo[]>;
  /**
   * Opens the session of the sub-agent that a `task` tool part runs, on the same stream; `undefined` while there is none.
   * Close it when it is not shown any more. What sub-agents ask is in this session's `permissions` and `questions` anyway.
   */
  child(part: Part, options?: OpenOptions): ChatSession | undefined;
  /** What the turn of a user message changed in files; without `messageID` what the session did, where servers tell. */
  diff(messageID?: string): Promise<FileDiff[]>;
  /** Tries again now, without waiting for the countdown. */
  reconnect(): void;
  /** Ends this handle: its listeners and `changes()` readers. The last handle of an id ends its store. */
  close(): void;
}

/**
 * A live list of the sessions of the client's directory, newest first; archived ones are left out.
 *
 * @example
 * ```ts
 * const state = useSyncExternalStore(list.subscribe, list.getSnapshot, list.getSnapshot);
 * ```
 */
export interface LiveSessions {
  /** Immutable. A new identity only when something changed; unchanged sessions keep theirs. */
  readonly state: LiveSessionsState;
  /** Same as `state`, bound: fits `useSyncExternalStore`. */
  getSnapshot(): LiveSessionsState;
  /** Calls the listener after changes, at most once per frame. Gives what stops it. */
  subscribe(listener: () => void): () => void;
  /** Resolves with the server's first answer; rejects when there cannot be one. */
  readonly ready: Promise<void>;
  /** Shows up to `n` more (default: a page). Resolves with whether there are still more. */
  loadMore(n?: number): Promise<boolean>;
  /** Shows only sessions with this text in the title. What is known is filtered at once; resolves when the server has answered. */
  search(text: string): Promise<void>;
  /** The end of this list; the client's sessions and other lists go on. */
  close(): void;
}

/**
 * What `done` of a {@link Sent} resolves with.
 *
 * @example
 * ```ts
 * const answer: Answer = await session.send('Hello').done;
 * ```
 */
export type Answer = Message;
