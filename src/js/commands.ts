/**
 * What a session can be told beside prompts. A file of its own, loaded at the first command.
 * @module
 */
import { LONGEST, MOST } from './answer.js';
import type { CommandOptions, FileDiff, ShellOptions } from './command-options.js';
import type { Link } from './link.js';
import { type CheckNames, FURTHER } from './options.js';
import type { Message, SendOptions, SessionInfo, SessionState, Todo } from './types.js';

/** The open session that commands are for, and how the core file makes errors: there is one class of them. */
interface Target {
  readonly id: string;
  readonly handle: number;
  readonly link: Link;
  read(): SessionState;
  readonly checkNames: CheckNames;
  refused(code: string, message: string, hint: string, near?: readonly string[], retryable?: boolean): Error;
}

/** The commands of one session. The core knows their shapes and what they may name. */
export class Commands {
  readonly #opened: Target;

  constructor(opened: Target) {
    this.#opened = opened;
  }

  command(name: string, args: string, options: CommandOptions): Promise<Message> {
    this.#opened.checkNames('command', options, FURTHER.command);
    return this.#run(0, { command: name, arguments: args, ...options });
  }

  shell(command: string, options: ShellOptions): Promise<Message> {
    this.#opened.checkNames('shell', options, FURTHER.shell);
    const agent = options.agent ?? this.#opened.read().messages.at(-1)?.info.agent ?? 'build';
    return this.#run(1, { command, ...options, agent });
  }

  async summarize(model: SendOptions['model']): Promise<void> {
    await this.#run(2, { model: model ?? this.#model() });
  }

  async revert(messageID: string, partID?: string): Promise<void> {
    const { messages, hasOlder } = this.#opened.read();
    if (!hasOlder && !messages.some(({ info }) => info.id === messageID)) {
      // The server takes any id for a good one, and does nothing.
      throw this.#opened.refused('not_found', 'The session has no such message.', 'Pass info.id of a message in state.');
    }
    await this.#change('POST', '/revert', { messageID, partID });
  }

  async unrevert(): Promise<void> {
    await this.#change('POST', '/unrevert');
  }

  fork(messageID?: string): Promise<SessionInfo> {
    return this.#call('POST', '/fork', { messageID });
  }

  async share(): Promise<string> {
    const info = await this.#change('POST', '/share').catch((error: unknown) => this.#explain(error));
    const url = (info as { share?: { url?: unknown } } | null)?.share?.url;
    if (typeof url === 'string') return url;
    throw this.#opened.refused('bad_response', 'The server gives no address.', "Look at the server's log.");
  }

  async unshare(): Promise<void> {
    await this.#change('DELETE', '/share');
  }

  todo(): Promise<Todo[]> {
    return this.#list('/todo');
  }

  diff(messageID?: string): Promise<FileDiff[]> {
    return this.#list(messageID === undefined ? '/diff' : `/diff?messageID=${encodeURIComponent(messageID)}`);
  }

  #run(kind: number, body: object): Promise<Message> {
    const { link, handle } = this.#opened;
    const json = new TextEncoder().encode(JSON.stringify(body));
    return this.#whileItRuns(link.answer((core, token) => core.command(link.now(), handle, kind, json, token)));
  }

  /** A turn may take any time. Where none was seen to run for long, no answer will come any more: the caller's own `fetch` may hang. */
  #whileItRuns<T>(answer: Promise<T>): Promise<T> {
    const opened = this.#opened;
    let timer: ReturnType<typeof setInterval> | undefined;
    let looks = 0;
    const late = new Promise<never>((_, reject) => {
      timer = setInterval(() => {
        const { connection: { phase }, status } = opened.read();
        const runs = (phase === 'live' || phase === 'polling') && (status.type === 'busy' || status.type === 'retry');
        looks = runs ? 0 : looks + 1;
        if (looks < LONGEST) return;
        reject(opened.refused('timeout', 'The command has no answer, and no turn runs.', 'See in the session whether it ran before you run it again.', [], true));
      }, Math.min(opened.link.requests.patience, MOST));
    });
    return Promise.race([answer, late]).finally(() => clearInterval(timer));
  }

  /** A call that answers with the session: it is shown at once, whatever the stream does. */
  async #change(method: string, rest: string, body?: object): Promise<SessionInfo> {
    const info = await this.#call<SessionInfo>(method, rest, body);
    const { link, handle } = this.#opened;
    if (!link.isClosed) link.core.told(link.now(), handle, new TextEncoder().encode(JSON.stringify(info)));
    return info;
  }

  #call<T>(method: string, rest: string, body?: object): Promise<T> {
    const { link, handle } = this.#opened;
    return link.call<T>(handle, method, this.#path(rest), body);
  }

  #list<T>(rest: string): Promise<T[]> {
    const { link, handle } = this.#opened;
    return link.list<T>(this.#path(rest), handle);
  }

  #path(rest: string): string {
    return `/session/${encodeURIComponent(this.#opened.id)}${rest}`;
  }

  /** The model of the last answer. */
  #model(): SendOptions['model'] {
    const last = this.#opened.read().messages.findLast(({ info }) => info.modelID !== undefined && info.providerID !== undefined);
    if (last === undefined) {
      throw this.#opened.refused('unknown_model', 'Nothing tells which model to use.', 'Pass one of client.models().');
    }
    return { providerID: String(last.info.providerID), modelID: String(last.info.modelID) };
  }

  /** Servers answer a share that is turned off as if they were broken. */
  async #explain(error: unknown): Promise<never> {
    const { link, handle } = this.#opened;
    if ((error as { code?: string }).code === 'server_error') {
      const config = await link.call<{ share?: string }>(handle, 'GET', '/config').catch(() => undefined);
      if (config?.share === 'disabled') {
        throw this.#opened.refused('unsupported', 'Sharing is turned off on this server.', 'Set "share" in its configuration.');
      }
    }
    throw error;
  }
}
