/**
 * The UI message stream of the AI SDK (`ai` 7, version 1 of the protocol): what `useChat` reads.
 * @module
 */
import type { Message, Part, SessionError, SessionState } from '../index.js';
import { type Encoder, finishOf } from './events.js';
import { isHidden, isText, type Step, Walk } from './walk.js';

/** As `UIMessageChunk` of `ai`, of which only some members are written here. */
type Chunk = { readonly type: string } & { readonly [name: string]: unknown };

/** The server runs the tools, and their names are its own: https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol. */
const CALL = { dynamic: true, providerExecuted: true };
const REASONS = ['stop', 'length', 'content-filter', 'tool-calls'];

/** Chunks of an answer from its beginning, as the protocol wants it for one that is resumed, too. */
export class UiMessages implements Encoder {
  readonly #session: string;
  readonly #prompt: string;
  #walk: Walk;
  /** The message whose step is open. */
  #step: Message | undefined;
  /** Texts that have begun and not ended. */
  readonly #texts = new Set<string>();
  /** Calls whose input was told. */
  readonly #calls = new Set<string>();
  #isBegun = false;

  constructor(session: string, prompt: string) {
    this.#session = session;
    this.#prompt = prompt;
    this.#walk = new Walk(prompt);
  }

  begin(): string {
    return '';
  }

  next(state: SessionState): string {
    return this.#all(state, false);
  }

  end(state: SessionState, error: SessionError | undefined): string {
    const last = this.#walk.answer(state).at(-1);
    const finish = finishOf(last, error);
    let frames = this.#all(state, true);
    if (!this.#isBegun) frames += this.#start(`${this.#prompt}-answer`);
    if (this.#step !== undefined) frames += frame({ type: 'finish-step' });
    const failure = error?.message ?? last?.info.error?.data?.message ?? last?.info.error?.name;
    if (finish === 'aborted') frames += frame({ type: 'abort' });
    else if (failure !== undefined) frames += frame({ type: 'error', errorText: failure });
    const reason = REASONS.includes(finish) ? finish : finish === 'aborted' ? 'interrupted' : finish === 'error' ? 'error' : 'other';
    return `${frames}${frame({ type: 'finish', finishReason: reason, messageMetadata: this.#metadata(last) })}data: [DONE]\n\n`;
  }

  #all(state: SessionState, whole: boolean): string {
    let frames = '';
    for (const step of this.#walk.steps(state, whole)) {
      if (step.type === 'rewritten' && !isHidden(step.part)) return frames + this.#again(step.message, state, whole);
      for (const chunk of this.#chunks(step)) frames += frame(chunk);
    }
    return frames;
  }

  /** A text cannot be taken back: the open step is begun anew, with all its message says. That of an earlier one stays until the page loads it. */
  #again(message: Message, state: SessionState, whole: boolean): string {
    if (message.info.id !== this.#step?.info.id) return this.#all(state, whole);
    this.#texts.clear();
    let frames = frame({ type: 'reset-step' });
    for (const part of message.parts) {
      this.#calls.delete(callOf(part));
      const steps: Step[] = [{ type: 'begins', message, part }];
      if (isText(part) && part.text) steps.push({ type: 'text', message, part, text: part.text });
      if (part.type === 'tool') steps.push({ type: 'tool', message, part });
      for (const step of steps) for (const chunk of this.#chunks(step)) frames += frame(chunk);
    }
    return frames + this.#all(state, whole);
  }

  #start(messageId: string, message?: Message): string {
    this.#isBegun = true;
    return frame({ type: 'start', messageId, messageMetadata: this.#metadata(message) });
  }

  #metadata(message: Message | undefined): object {
    const own = { sessionId: this.#session, promptId: this.#prompt };
    if (message === undefined) return own;
    const { modelID, providerID, agent, time, tokens, cost } = message.info;
    return { ...own, modelID, providerID, agent, createdAt: time.created, completedAt: time.completed, tokens, cost };
  }

  *#chunks(step: Step): Generator<Chunk> {
    switch (step.type) {
      case 'message-begins':
        if (!this.#isBegun) {
          this.#isBegun = true;
          yield { type: 'start', messageId: step.message.info.id, messageMetadata: this.#metadata(step.message) };
        }
        this.#step = step.message;
        return yield { type: 'start-step' };
      case 'message-ends':
        this.#step = undefined;
        yield { type: 'finish-step' };
        return yield { type: 'message-metadata', messageMetadata: this.#metadata(step.message) };
      case 'begins':
        return yield* this.#begins(step.part);
      case 'ends':
        if (this.#texts.delete(step.part.id)) yield { type: `${step.part.type}-end`, id: step.part.id };
        return;
      case 'text':
      case 'rewritten':
        if (!this.#texts.has(step.part.id)) return;
        return yield { type: `${step.part.type}-delta`, id: step.part.id, delta: step.text };
      case 'tool':
        return yield* this.#tool(step.part);
      case 'permission': {
        const call = step.request.tool?.callID;
        // Those of a sub-agent belong to no call of this answer.
        if (call === undefined || !this.#calls.has(call)) return yield { type: 'data-opencode-permission', id: step.request.id, data: step.request };
        return yield { type: 'tool-approval-request', approvalId: step.request.id, toolCallId: call };
      }
      case 'question':
        return yield { type: 'data-opencode-question', id: step.request.id, data: step.request };
    }
  }

  *#begins(part: Part): Generator<Chunk> {
    if (isText(part)) {
      if (isHidden(part)) return;
      this.#texts.add(part.id);
      yield { type: `${part.type}-start`, id: part.id };
    } else if (part.type === 'file' && part.url !== undefined) {
      yield { type: 'file', url: part.url, mediaType: part.mime ?? 'application/octet-stream' };
    } else if (!['tool', 'step-start', 'step-finish'].includes(part.type)) {
      yield { type: `data-opencode-${part.type}`, id: part.id, data: part };
    }
  }

  *#tool(part: Part): Generator<Chunk> {
    const toolCallId = callOf(part);
    const { status = 'pending', input = {}, title, output, error, metadata } = part.state ?? {};
    const call = { toolCallId, toolName: part.tool ?? 'tool', ...CALL, ...(title !== undefined && { title }) };
    if (status === 'pending') return;
    if (!this.#calls.has(toolCallId)) {
      this.#calls.add(toolCallId);
      yield { type: 'tool-input-start', ...call };
      yield { type: 'tool-input-available', ...call, input };
    }
    const shown = metadata?.['output'];
    if (status === 'completed') yield { type: 'tool-output-available', toolCallId, output: output ?? '', ...CALL };
    else if (status === 'error') yield { type: 'tool-output-error', toolCallId, errorText: error ?? '', ...CALL };
    else if (typeof shown === 'string' && shown !== '') yield { type: 'tool-output-available', toolCallId, output: shown, preliminary: true, ...CALL };
  }
}

const frame = (chunk: Chunk): string => `data: ${JSON.stringify(chunk)}\n\n`;
const callOf = (part: Part): string => part.callID ?? part.id;
