/**
 * The events of a chat endpoint: what a page reads that knows nothing of OpenCode.
 * @module
 */
import type { Message, PermissionRequest, QuestionRequest, SessionError, SessionState } from '../index.js';
import { isHidden, type Step, Walk } from './walk.js';

/**
 * What a {@link createChatRoute} streams, one JSON object an event. Unknown types are to be passed over.
 *
 * @example
 * ```ts
 * const text = events.map((event: ChatEvent) => (event.type === 'delta' ? event.content : '')).join('');
 * ```
 */
export type ChatEvent =
  /** The first one: in which session this is, and which prompt is answered. */
  | { readonly type: 'session'; readonly sessionId: string; readonly promptId: string }
  /** More of the answer's text, or of what the model thinks. */
  | { readonly type: 'delta' | 'reasoning'; readonly content: string; readonly messageId: string; readonly partId: string }
  /** The server took a text back: the part says this now. */
  | { readonly type: 'replace'; readonly content: string; readonly messageId: string; readonly partId: string }
  /** A tool runs; `input` is what it was called with. */
  | { readonly type: 'tool-start'; readonly tool: string; readonly callId: string; readonly input: unknown; readonly title?: string }
  /** A tool has ended, well (`output`) or not (`error`). */
  | { readonly type: 'tool'; readonly tool: string; readonly callId: string; readonly input: unknown; readonly title?: string; readonly output?: string; readonly error?: string }
  /** Somebody has to allow something: answer with `{ sessionId, permission: { id, reply } }`. */
  | { readonly type: 'permission'; readonly permission: PermissionRequest }
  /** Somebody is asked something: answer with `{ sessionId, question: { id, answers } }`. */
  | { readonly type: 'question'; readonly question: QuestionRequest }
  | { readonly type: 'error'; readonly error: { readonly code: string; readonly message: string; readonly hint: string } }
  /** The last one. `finish`: why the answer ended, in the server's word (`stop`, `length` …), or `error`, or `aborted`. */
  | { readonly type: 'done'; readonly sessionId: string; readonly promptId: string; readonly finish: string };

/** What turns the answer to a prompt into frames of an event stream. */
export interface Encoder {
  /** What is sent first. */
  begin(): string;
  /** What is new in the state. */
  next(state: SessionState): string;
  /** The rest, and the end. `error`: why there is no good one. */
  end(state: SessionState, error: SessionError | undefined): string;
}

/** Frames of {@link ChatEvent}s, each with its position. */
export class Events implements Encoder {
  readonly #session: string;
  readonly #prompt: string;
  readonly #walk: Walk;

  /** `mark`: the last position that the reader has seen. */
  constructor(session: string, prompt: string, mark?: string) {
    this.#session = session;
    this.#prompt = prompt;
    this.#walk = new Walk(prompt, mark);
  }

  begin(): string {
    return this.#frame({ type: 'session', sessionId: this.#session, promptId: this.#prompt });
  }

  next(state: SessionState): string {
    return this.#all(state, false);
  }

  end(state: SessionState, error: SessionError | undefined): string {
    const last = this.#walk.answer(state).at(-1);
    const rest = this.#all(state, true);
    const failure = error === undefined ? '' : this.#frame({ type: 'error', error: { code: error.code, message: error.message, hint: error.hint } });
    return rest + failure + this.#frame({ type: 'done', sessionId: this.#session, promptId: this.#prompt, finish: finishOf(last, error) });
  }

  #all(state: SessionState, whole: boolean): string {
    let frames = '';
    for (const step of this.#walk.steps(state, whole)) {
      const event = eventOf(step);
      if (event !== undefined) frames += this.#frame(event);
    }
    return frames;
  }

  #frame(event: ChatEvent): string {
    return `id: ${this.#walk.mark}\ndata: ${JSON.stringify(event)}\n\n`;
  }
}

/** Why an answer has ended. */
export function finishOf(last: Message | undefined, error: SessionError | undefined): string {
  if (last?.info.error?.name === 'MessageAbortedError' || error?.code === 'aborted') return 'aborted';
  if (error !== undefined || last?.info.error !== undefined) return 'error';
  return String(last?.info['finish'] ?? 'stop');
}

function eventOf(step: Step): ChatEvent | undefined {
  switch (step.type) {
    case 'text':
    case 'rewritten': {
      const { id, type } = step.part;
      if (isHidden(step.part)) return undefined;
      const grown = type === 'reasoning' ? 'reasoning' : 'delta';
      return { type: step.type === 'text' ? grown : 'replace', content: step.text, messageId: step.message.info.id, partId: id };
    }
    case 'tool': {
      const { tool = '', callID = step.part.id, state } = step.part;
      const { status, input = {}, title, output, error } = state ?? {};
      const call = { tool, callId: callID, input, ...(title !== undefined && { title }) };
      if (status === 'completed') return { type: 'tool', ...call, output: output ?? '' };
      if (status === 'error') return { type: 'tool', ...call, error: error ?? '' };
      return status === 'running' ? { type: 'tool-start', ...call } : undefined;
    }
    case 'permission':
      return { type: 'permission', permission: step.request };
    case 'question':
      return { type: 'question', question: step.request };
    default:
      return undefined;
  }
}
