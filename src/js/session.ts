/**
 * One open session: its view, and the handles on it.
 * @module
 */
import type { ChatSession, Client } from './api.js';
import { bound } from './bound.js';
import { Changes } from './changes.js';
import type { CommandOptions, FileDiff, ShellOptions } from './command-options.js';
import type { Commands } from './commands.js';
import { SessionError } from './errors.js';
import { known, missing, piece, refused } from './host.js';
import { closed, type Drawn, type Link } from './link.js';
import { checkNames } from './options.js';
import { promptJson } from './prompt.js';
import type {
  Change, Message, OpenOptions, Part, PromptInput, SendOptions, Sent, SessionInfo, SessionState, Todo,
} from './types.js';
import { View } from './view.js';

/** A session of the core with its view. Shared by all handles on the same id. */
export class Opened implements Drawn {
  readonly id: string;
  readonly handle: number;
  readonly link: Link;
  readonly ready: Promise<void>;
  /** Opens another session of the same client. */
  readonly open: Client['openSession'];
  readonly changes = new Changes();
  readonly listeners = new Set<() => void>();
  /** The core announces the first changes while it opens the session, before this object is known. */
  stale = true;
  untold = true;
  handles = 0;
  readonly #view: View;
  /** What the listeners were told of last. */
  #told: SessionState;
  /** Prompts with files are sent when the files are read; those after them wait for them. */
  #sending: Promise<void> | undefined;

  constructor(link: Link, id: string, options: OpenOptions, open: Client['openSession']) {
    this.id = id;
    this.link = link;
    this.open = open;
    this.#view = new View(id, (message) => link.log(2, 'bad_response', message, id));
    this.#told = this.#view.state;
    const held = link.journal?.isOn === true;
    this.handle = link.loud.open(link.now(), id, options.limit ?? 100, held);
    link.drawn.set(this.handle, this);
    link.journal?.open(this.handle, id);
    this.ready = quiet(link.wait<void>((core, token) => core.ready(link.now(), this.handle, token)));
  }

  /** The newest state. Who reads before the frame does not keep the listeners from being told in it. */
  read(): SessionState {
    if (this.stale && !this.link.isClosed) {
      this.stale = false;
      this.#view.record(!this.changes.isEmpty);
      this.link.core.drain(this.handle, this.#view);
      const steps = this.#view.publish();
      if (steps.length > 0) this.changes.push(steps, this.#view.state);
    }
    return this.#view.state;
  }

  /** Tells the listeners, once per new state. One that throws does not keep the others from being told. */
  draw(): void {
    this.untold = false;
    const state = this.read();
    if (state === this.#told) return;
    this.#told = state;
    for (const listener of [...this.listeners]) {
      try {
        listener();
      } catch (error) {
        this.link.log(3, 'listener_failed', `A listener threw: ${(error as Error)?.name}.`, this.id);
        reportLater(error);
      }
    }
  }

  fail(error: SessionError, empties: boolean): void {
    this.changes.push(this.#view.fail(error, empties), this.#view.state);
    this.changes.end();
    this.untold = true;
  }

  readonly checkNames = checkNames;
  readonly refused = refused;

  message(index: number): Message | undefined {
    return this.read().messages[index];
  }

  send(prompt: string | PromptInput, options: SendOptions): Sent {
    const id = this.link.isClosed ? '' : (this.link.core.makeKey(this.link.now()) ?? '');
    const stored = this.link.pending<void>();
    const done = this.link.pending<Message>();
    let state: 'reading' | 'handed' | 'cancelled' = 'reading';
    const hand = (json: Uint8Array): void => {
      if (state === 'cancelled') return;
      state = 'handed';
      this.link.loud.send(this.link.now(), this.handle, id, json, stored.token, done.token);
    };
    const fail = (cause: unknown): void => {
      const error = cause instanceof SessionError ? cause : unreadable();
      stored.reject(error);
      done.reject(error);
    };
    try {
      checkNames('send', options);
      if (typeof prompt === 'object') checkNames('prompt', prompt);
      const json = promptJson(prompt, options, this.link.attachments);
      if (json instanceof Uint8Array && this.#sending === undefined) {
        hand(json);
      } else {
        const turn = Promise.resolve(this.#sending).then(async () => hand(await json)).catch(fail);
        this.#sending = turn;
        void turn.then(() => {
          if (this.#sending === turn) this.#sending = undefined;
        });
      }
    } catch (error) {
      fail(error);
    }
    const cancel = (): boolean => {
      if (state === 'handed') return !this.link.isClosed && this.link.loud.discard(this.link.now(), this.handle, id);
      state = 'cancelled';
      fail(cancelled());
      return true;
    };
    return { id, stored: quiet(stored.promise), done: quiet(done.promise), cancel };
  }

  close(): void {
    this.link.drawn.delete(this.handle);
    this.link.journal?.forget(this.handle);
    if (!this.link.isClosed) this.link.core.closeSession(this.link.now(), this.handle);
    this.changes.end();
    this.listeners.clear();
  }
}

/** What `openSession` gives: one holder's handle. */
export class Handle implements ChatSession {
  readonly id: string;
  readonly ready: Promise<void>;
  readonly #opened: Opened;
  readonly #onClose: () => void;
  readonly #stops = new Set<() => void>();
  #closed = false;

  constructor(opened: Opened, onClose: () => void) {
    this.#opened = opened;
    this.#onClose = onClose;
    this.id = opened.id;
    this.ready = opened.ready;
    opened.handles += 1;
    bound(this, known);
  }

  get state(): SessionState {
    return this.#opened.read();
  }

  getSnapshot(): SessionState {
    return this.#opened.read();
  }

  subscribe(listener: () => void): () => void {
    if (typeof listener !== 'function') throw known(undefined);
    // A wrapper of its own: the same function subscribed twice is told twice, and stopped one by one.
    const own = (): void => listener();
    this.#opened.listeners.add(own);
    const stop = (): void => {
      this.#opened.listeners.delete(own);
      this.#stops.delete(stop);
    };
    this.#stops.add(stop);
    return stop;
  }

  changes(): AsyncIterable<Change> {
    const opened = this.#opened;
    return {
      [Symbol.asyncIterator]: () => {
        const reader = opened.changes.read(opened.read(), () => this.#stops.delete(stop));
        const stop = (): void => void reader.return?.();
        this.#stops.add(stop);
        return reader;
      },
    };
  }

  async settled(): Promise<void> {
    const { link, handle } = this.#open();
    return link.wait((core, token) => core.settled(link.now(), handle, token));
  }

  send(prompt: string | PromptInput, options: SendOptions = {}): Sent {
    return this.#opened.send(prompt, options);
  }

  discard(key: string): boolean {
    const { link, handle } = this.#open();
    return link.loud.discard(link.now(), handle, key);
  }

  async abort(): Promise<void> {
    await this.#call('POST', `/session/${encodeURIComponent(this.id)}/abort`);
  }

  async loadOlder(n = 0): Promise<boolean> {
    const { link, handle } = this.#open();
    return link.wait((core, token) => core.loadOlder(link.now(), handle, n, token));
  }

  async replyPermission(id: string, reply: 'once' | 'always' | 'reject', message?: string): Promise<void> {
    const request = piece(id);
    // A sub-agent asks in its own name.
    const owner = this.state.permissions.find((asked) => asked.id === id)?.sessionID ?? this.id;
    // The session's own route finds the directory by itself, but takes no message.
    if (message === undefined) {
      await this.#call('POST', `/session/${encodeURIComponent(owner)}/permissions/${request}`, { response: reply });
    } else {
      await this.#call('POST', `/permission/${request}/reply`, { reply, message });
    }
  }

  async answerQuestion(id: string, answers: readonly (readonly string[])[]): Promise<void> {
    await this.#call('POST', `/question/${piece(id)}/reply`, { answers });
  }

  async rejectQuestion(id: string): Promise<void> {
    await this.#call('POST', `/question/${piece(id)}/reject`);
  }

  async command(name: string, args = '', options: CommandOptions = {}): Promise<Message> {
    return (await this.#commands()).command(name, args, options);
  }

  async shell(command: string, options: ShellOptions = {}): Promise<Message> {
    return (await this.#commands()).shell(command, options);
  }

  async revert(messageID: string, partID?: string): Promise<void> {
    return (await this.#commands()).revert(messageID, partID);
  }

  async unrevert(): Promise<void> {
    return (await this.#commands()).unrevert();
  }

  async fork(messageID?: string): Promise<SessionInfo> {
    return (await this.#commands()).fork(messageID);
  }

  async summarize(model?: SendOptions['model']): Promise<void> {
    return (await this.#commands()).summarize(model);
  }

  async share(): Promise<string> {
    return (await this.#commands()).share();
  }

  async unshare(): Promise<void> {
    return (await this.#commands()).unshare();
  }

  async todo(): Promise<Todo[]> {
    return (await this.#commands()).todo();
  }

  async diff(messageID?: string): Promise<FileDiff[]> {
    return (await this.#commands()).diff(messageID);
  }

  child(part: Part, options?: OpenOptions): ChatSession | undefined {
    const id = part.type === 'tool' ? part.state?.metadata?.['sessionId'] : undefined;
    return typeof id === 'string' ? this.#open().open(id, options) : undefined;
  }

  reconnect(): void {
    const { link } = this.#open();
    link.loud.reconnect(link.now());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of [...this.#stops]) stop();
    this.#opened.handles -= 1;
    if (this.#opened.handles === 0) this.#onClose();
  }

  async #call(method: string, path: string, body?: unknown): Promise<void> {
    const opened = this.#open();
    await opened.link.call(opened.handle, method, path, body);
  }

  async #commands(): Promise<Commands> {
    const opened = this.#open();
    const loaded = await import('./commands.js').catch(() => {
      throw missing('commands.js');
    });
    return new loaded.Commands(opened);
  }

  #open(): Opened {
    if (this.#closed) throw closed();
    if (this.#opened.link.isClosed) throw this.#opened.link.end;
    return this.#opened;
  }
}

function unreadable(): SessionError {
  return refused('bad_prompt', 'The prompt or a file of it cannot be read.', 'Choose the file again.');
}

function cancelled(): SessionError {
  return refused('cancelled', 'The prompt was taken back.', 'Send it again if it was meant to go.');
}

/** A promise whose failure nobody has to handle: the state tells of it too. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** Hands an error of the page to the page's own handler. */
function reportLater(error: unknown): void {
  if (typeof reportError === 'function') reportError(error);
}
