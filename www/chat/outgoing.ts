import type { ChatSession, Message, PromptInput, PromptPart, SendOptions } from 'opencode-session';
import { waitOf } from 'opencode-session/problem';
import type { Delivery } from './message-view.js';
import { toProblem, type Problem } from './problem.js';

interface Entry {
  readonly prompt: PromptInput;
  readonly options: SendOptions;
  problem?: Problem;
}

/** The prompts sent from this page: why one failed, and what to send when it is tried again. */
export class Outgoing implements Delivery {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly session: ChatSession,
    private readonly onFailed: (key: string) => void,
  ) {}

  send(prompt: PromptInput, options: SendOptions): void {
    const sent = this.session.send(prompt, options);
    const entry: Entry = { prompt, options };
    this.entries.set(sent.id, entry);
    sent.stored.then(
      () => this.entries.delete(sent.id),
      (error: unknown) => {
        entry.problem = toProblem(error);
        this.onFailed(sent.id);
      },
    );
    // A failed turn is shown by the session's status and by the message itself.
    sent.done.catch(() => undefined);
  }

  reason(key: string): Problem | undefined {
    return this.entries.get(key)?.problem;
  }

  wait(message: Message): string | undefined {
    return message.delivery === undefined ? undefined : waitOf(this.session.state, message)?.sentence;
  }

  resend(message: Message): void {
    const entry = this.entries.get(message.key) ?? { prompt: promptOf(message), options: {} };
    this.discard(message);
    this.send(entry.prompt, entry.options);
  }

  discard(message: Message): void {
    this.session.discard(message.key);
    this.entries.delete(message.key);
  }
}

/** A prompt that this page did not send itself, from what is shown of it. */
function promptOf(message: Message): PromptInput {
  const parts = message.parts.flatMap((part): PromptPart[] => {
    if (part.type === 'text' && part.text !== undefined) return [{ type: 'text', text: part.text }];
    if (part.type === 'file' && part.url !== undefined) {
      return [{ type: 'file', url: part.url, mime: part.mime ?? 'application/octet-stream', ...(part.filename !== undefined && { filename: part.filename }) }];
    }
    return [];
  });
  return { parts };
}
