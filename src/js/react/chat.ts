/**
 * A chat in a component: the state that it renders, and what it does.
 * @module
 */
import * as React from 'react';
import { useCallback, useInsertionEffect, useMemo, useRef, useState } from 'react';
import { type ChatSession, type Client, type Message, type PromptInput, SessionError, type SendOptions, type Sent, type SessionInit, type SessionState } from '../index.js';
import { INITIAL } from '../initial.js';
import { clientOf, opened, type Provided, shared, useProvided } from './client.js';
import { listed } from './listing.js';
import { isShallowEqual, type Source, useSelection } from './selection.js';
import { ended } from './states.js';

/**
 * Methods of a session that answer by a promise; they may be called before the client is there.
 *
 * @example
 * ```ts
 * const { abort }: LaterMethods = chat;
 * ```
 */
export type LaterMethods = Pick<
  ChatSession,
  | 'settled' | 'abort' | 'loadOlder' | 'replyPermission' | 'answerQuestion' | 'rejectQuestion' | 'command' | 'shell' | 'revert' | 'unrevert'
  | 'fork' | 'summarize' | 'share' | 'unshare' | 'todo' | 'diff'
>;

const LATER: readonly (keyof LaterMethods)[] = [
  'settled', 'abort', 'loadOlder', 'replyPermission', 'answerQuestion', 'rejectQuestion', 'command', 'shell', 'revert', 'unrevert', 'fork',
  'summarize', 'share', 'unshare', 'todo', 'diff',
];

/**
 * A prompt that is on its way. As `Sent`, but that its key is known only once there is a session.
 *
 * @example
 * ```ts
 * const sending: Sending = chat.send('Hello');
 * ```
 */
export interface Sending extends Omit<Sent, 'id'> {
  /** Key of the shown message; `undefined` while the session is being made or the client is not there yet. */
  readonly id: string | undefined;
}

/**
 * How a chat is rendered.
 *
 * @example
 * ```ts
 * const { state: busy } = useChatSession(id, { select: (state) => state.status.type === 'busy' });
 * ```
 */
export interface ChatOptions<T = SessionState> {
  /** What of the state is rendered; the component renders again only when it changes. Default: all of it. */
  readonly select?: (state: SessionState) => T;
  /** Whether two selected values are the same. Default: equal, or equal field by field. */
  readonly isEqual?: (a: T, b: T) => boolean;
  /** What is rendered on the server, and until the session is open. Read once. */
  readonly initialState?: Partial<SessionState>;
  /** What a session starts with that the first `send` makes. */
  readonly init?: SessionInit;
  /** The first `send` made this session: put its id into the address. */
  readonly onCreate?: (id: string) => void;
}

/**
 * What {@link useChatSession} gives. `state` is immutable; a new object only when something changed.
 *
 * @example
 * ```ts
 * const { state, send, abort }: Chat = useChatSession(id);
 * ```
 */
export interface Chat<T = SessionState> extends LaterMethods {
  /** Of the session that is shown, also of one that `send` made; `undefined` while there is none. */
  readonly id: string | undefined;
  readonly state: T;
  /** The first prompt waits for its session. */
  readonly isCreating: boolean;
  /** Shows the prompt at once, and makes the session if there is none. Never throws: problems arrive through `stored` and `done`. */
  send(prompt: string | PromptInput, options?: SendOptions): Sending;
  /** As `ChatSession.discard`; `false` while there is no session. */
  discard(key: string): boolean;
  /** Tries again now, without waiting for the countdown. */
  reconnect(): void;
}

const whole = (state: SessionState): SessionState => state;

/**
 * Opens a session, renders its state and keeps it open while the component is shown. Components that show the same id share it. Without
 * an id there is no session until `send` makes one.
 *
 * @example
 * ```ts
 * const { state, send } = useChatSession(id);
 * ```
 */
export function useChatSession(id: string | undefined, options?: Omit<ChatOptions, 'select' | 'isEqual'>): Chat;
export function useChatSession<T>(id: string | undefined, options: ChatOptions<T> & { select: (state: SessionState) => T }): Chat<T>;
export function useChatSession(id: string | undefined, options: ChatOptions<unknown> = {}): Chat<unknown> {
  const { select = whole, isEqual = isShallowEqual } = options;
  const provided = useProvided();
  const [made, setMade] = useState<string>();
  const [isCreating, setCreating] = useState(false);
  // A chat that has an id of its own again is not the one that was made here.
  if (id !== undefined && made !== undefined) setMade(undefined);
  const shown = id ?? made;
  const [initial] = useState((): SessionState => Object.freeze({ ...INITIAL, ...options.initialState }));
  const latest = useRef({ options, provided });
  useInsertionEffect(() => {
    latest.current = { options, provided };
  });
  const source = useSource(provided, shown, initial);
  const state = useSelection(source, select, isEqual);
  const onMade = useCallback((fresh: string | undefined) => {
    setCreating(false);
    if (fresh === undefined) return;
    setMade(fresh);
    latest.current.options.onCreate?.(fresh);
  }, []);
  const acts = useMemo(
    () => new Acts(shown, { provided: () => latest.current.provided, init: () => latest.current.options.init, begun: () => setCreating(true), ended: onMade }).methods,
    [shown, onMade],
  );
  return useMemo(() => ({ ...acts, id: shown, state, isCreating }), [acts, shown, state, isCreating]);
}

/**
 * As {@link useChatSession}, below a `<Suspense>`: the component is rendered once the history is there, or cannot be had (see `state.error`).
 *
 * @example
 * ```ts
 * const { state } = useSuspenseChatSession(id);
 * ```
 */
export function useSuspenseChatSession(id: string, options?: Omit<ChatOptions, 'select' | 'isEqual'>): Chat;
export function useSuspenseChatSession<T>(id: string, options: ChatOptions<T> & { select: (state: SessionState) => T }): Chat<T>;
export function useSuspenseChatSession(id: string, options: ChatOptions<unknown> = {}): Chat<unknown> {
  const { client, error, ready } = useProvided();
  // A server has no stream to wait for.
  if ('document' in globalThis && error === undefined) wait(client === undefined ? ready : history(client, id));
  return useChatSession(id, { select: whole, ...options });
}

const histories = new WeakMap<ChatSession, Promise<void>>();

/** The end of loading, however it ends. The session stays open until then: nobody shows it yet. */
function history(client: Client, id: string): Promise<void> {
  const { sessions } = shared(client);
  const session = sessions.touch(id, opened(client, id));
  let loaded = histories.get(session);
  if (loaded === undefined) {
    loaded = session.ready.catch(() => undefined).finally(sessions.take(id, opened(client, id)));
    histories.set(session, loaded);
  }
  return loaded;
}

const over = new WeakSet<Promise<unknown>>();

/** React 18 has no `use`, but takes a promise that is thrown. */
function wait(promise: Promise<unknown>): void {
  const use = (React as { use?: (promise: Promise<unknown>) => unknown }).use;
  if (use !== undefined) {
    use(promise);
  } else if (!over.has(promise)) {
    throw promise.finally(() => over.add(promise));
  }
}

/** The list that a new chat holds: it opens the stream, so that the first prompt finds it, and says when the server cannot be reached. */
const SMALLEST_LIST = '{"limit":1}';

function useSource({ client, error }: Provided, id: string | undefined, initial: SessionState): Source<SessionState> {
  return useMemo(() => {
    if (client !== undefined && id === undefined) return unstarted(client, initial);
    const failed = error && Object.freeze({ ...initial, connection: ended(error), error });
    return {
      subscribe: (listener) => {
        if (client === undefined || id === undefined) return () => undefined;
        const { sessions } = shared(client);
        const release = sessions.take(id, opened(client, id));
        const stop = sessions.peek(id)?.subscribe(listener);
        return () => {
          stop?.();
          release();
        };
      },
      getSnapshot: () => (client && id !== undefined ? shared(client).sessions.peek(id)?.state : failed) ?? initial,
      getServerSnapshot: () => initial,
    };
  }, [client, error, id, initial]);
}

/** Of a chat that has no session yet: nothing but the connection. */
function unstarted(client: Client, initial: SessionState): Source<SessionState> {
  const { lists } = shared(client);
  let last = initial;
  return {
    subscribe: (listener) => {
      const release = lists.take(SMALLEST_LIST, listed(client, SMALLEST_LIST));
      const stop = lists.peek(SMALLEST_LIST)?.subscribe(listener);
      return () => {
        stop?.();
        release();
      };
    },
    getSnapshot: () => {
      const connection = lists.peek(SMALLEST_LIST)?.state.connection ?? initial.connection;
      if (connection !== last.connection) last = Object.freeze({ ...initial, connection });
      return last;
    },
    getServerSnapshot: () => initial,
  };
}

/** What is rendered now, and what the making of a session says to it. */
interface Rendered {
  provided(): Provided;
  init(): SessionInit | undefined;
  begun(): void;
  /** With the id of the session, if there is one. */
  ended(id: string | undefined): void;
}

/** What can be done with the session of one id, or with that which the first prompt makes. */
class Acts {
  readonly methods: Omit<Chat, 'id' | 'state' | 'isCreating'>;
  readonly #id: string | undefined;
  readonly #rendered: Rendered;
  #made: Promise<ChatSession> | undefined;

  constructor(id: string | undefined, rendered: Rendered) {
    this.#id = id;
    this.#rendered = rendered;
    const later = Object.fromEntries(
      LATER.map((name) => [name, async (...args: never[]) => ((await this.#open(name)) as unknown as Record<string, (...all: never[]) => unknown>)[name]?.(...args)]),
    ) as unknown as LaterMethods;
    this.methods = {
      ...later,
      send: (prompt, options) => this.#send(prompt, options),
      discard: (key) => this.#now()?.discard(key) ?? false,
      reconnect: () => this.#now()?.reconnect(),
    };
  }

  /** The session, if it is open. */
  #now(): ChatSession | undefined {
    const { client } = this.#rendered.provided();
    return client && this.#id !== undefined ? shared(client).sessions.touch(this.#id, opened(client, this.#id)) : undefined;
  }

  async #open(name: string): Promise<ChatSession> {
    const session = this.#now() ?? (await this.#made);
    if (session !== undefined) return session;
    if (this.#id === undefined) {
      throw new SessionError({ code: 'bad_option', message: `There is no session yet for ${name}.`, hint: 'Pass an id, or send a prompt first.' });
    }
    const client = await clientOf(this.#rendered.provided());
    return shared(client).sessions.touch(this.#id, opened(client, this.#id));
  }

  /** One session, however many prompts come before it is there; another one if it could not be made. */
  #make(): Promise<ChatSession> {
    this.#made ??= this.#create().catch((error: unknown) => {
      this.#made = undefined;
      this.#rendered.ended(undefined);
      throw error;
    });
    return this.#made;
  }

  async #create(): Promise<ChatSession> {
    this.#rendered.begun();
    const client = await clientOf(this.#rendered.provided());
    const session = await client.createSession(this.#rendered.init());
    shared(client).sessions.touch(session.id, () => ({ value: session, close: session.close }));
    this.#rendered.ended(session.id);
    return session;
  }

  #send(prompt: string | PromptInput, options?: SendOptions): Sending {
    const session = this.#now();
    if (session !== undefined) return session.send(prompt, options);
    let sent: Sent | undefined;
    let isCancelled = false;
    const sending = (this.#id === undefined ? this.#make() : this.#open('send')).then((open) => {
      if (isCancelled) throw new SessionError({ code: 'cancelled', message: 'The prompt was taken back.', hint: 'Send it again.' });
      sent = open.send(prompt, options);
      return sent;
    });
    const stored = sending.then((done) => done.stored);
    const done = sending.then((end): Promise<Message> => end.done);
    // Whoever does not look at them is not told by an unhandled rejection either: `state` shows what failed.
    for (const each of [stored, done]) each.catch(() => undefined);
    return {
      get id() {
        return sent?.id;
      },
      stored,
      done,
      cancel: () => {
        isCancelled = true;
        return sent?.cancel() ?? true;
      },
    };
  }
}
