/**
 * `opencode-session/provider/ai-sdk`: the provider as a language model of the AI SDK (`ai` 7), so that `generateText` and `streamText`
 * have its limits, queue, retries and budgets.
 * @module
 */
import type { Provider } from './index.js';
import type { AiCallOptions, AiFinish, AiLanguageModel, AiMetadata, AiStreamPart, AiToolCall, AiUsage, AiWarning } from './ai-sdk-types.js';
import type { AnswerStream } from './stream.js';
import type { AnswerChunk, ChatRequest, ModelAnswer, ProviderUsage, ToolCallPiece } from './types.js';
import { messages } from './ai-sdk-prompt.js';

export type * from './ai-sdk-types.js';

const KEY = 'opencodeSession';
/** What `providerOptions.opencodeSession` may have. */
const EXTRA = ['priority', 'timeouts', 'parameters', 'minP', 'repeatPenalty', 'reasoningEffort'];
const FINISH: Readonly<Record<string, AiFinish['unified']>> = { stop: 'stop', length: 'length', tool_calls: 'tool-calls', function_call: 'tool-calls', content_filter: 'content-filter', error: 'error' };

/**
 * How a model is used.
 *
 * @example
 * ```ts
 * const settings: LanguageModelSettings = { name: 'local', structuredOutputs: false };
 * ```
 */
export interface LanguageModelSettings {
  /** The provider's name in logs and telemetry of `ai`. Default `opencode-session`. */
  readonly name?: string;
  /** The server takes `response_format: json_schema`. Default true; false: it is asked for JSON, without the schema. */
  readonly structuredOutputs?: boolean;
}

/**
 * A chat model for `ai`. Limits, queue and retries are the provider's: `ai` itself does not retry what it says.
 *
 * @example
 * ```ts
 * const model = languageModel(provider, 'codellama-7b');
 * ```
 */
export function languageModel(provider: Provider, modelId: string, settings: LanguageModelSettings = {}): AiLanguageModel {
  const { name = 'opencode-session', structuredOutputs = true } = settings;
  return {
    specificationVersion: 'v4',
    provider: name,
    modelId,
    supportedUrls: {},
    async doGenerate(options) {
      const { request, warnings } = asked(modelId, options, structuredOutputs);
      const answer = await provider.chat(request).catch((error) => Promise.reject(ended(error, options.abortSignal)));
      const calls = answer.toolCalls.map(({ id, name: toolName, arguments: input }) => toolCall(id, toolName, input));
      const { id } = (answer.raw ?? {}) as { id?: unknown };
      return {
        content: [...(answer.reasoning ? [{ type: 'reasoning' as const, text: answer.reasoning }] : []), ...(answer.text ? [{ type: 'text' as const, text: answer.text }] : []), ...calls],
        finishReason: finish(answer.finishReason, calls.length > 0),
        usage: usage(answer.usage),
        providerMetadata: { [KEY]: { tries: answer.tries, ...told(answer, answer.usage) } },
        response: { ...(typeof id === 'string' && { id }), timestamp: new Date(), modelId: answer.model || modelId, ...(answer.raw !== undefined && { body: answer.raw }) },
        warnings,
      };
    },
    async doStream(options) {
      const { request, warnings } = asked(modelId, options, structuredOutputs);
      const call = provider.streamChat(request);
      // What fails before the first chunk is the call's own failure.
      const first = await call.next().catch((error) => Promise.reject(ended(error, options.abortSignal)));
      return { stream: parts(call, first, warnings, modelId, options.abortSignal) };
    },
  };
}

/** The request, and what of it is not done. */
function asked(model: string, options: AiCallOptions, structured: boolean): { request: ChatRequest; warnings: AiWarning[] } {
  const warnings: AiWarning[] = [];
  const warn = (warning: AiWarning) => void warnings.push(warning);
  const { maxOutputTokens, temperature, stopSequences, topP, topK, presencePenalty, frequencyPenalty, responseFormat, seed, tools = [], toolChoice, includeRawChunks, abortSignal, headers, reasoning } = options;
  if (includeRawChunks === true) warn({ type: 'unsupported', feature: 'includeRawChunks' });
  const functions = tools.flatMap(({ type, name, id, description, inputSchema, strict }) => {
    if (type === 'function') return [{ type, function: { name, ...(description !== undefined && { description }), parameters: inputSchema, ...(strict !== undefined && { strict }) } }];
    warn({ type: 'unsupported', feature: `the provider's tool ${id}` });
    return [];
  });
  const isJson = responseFormat?.type === 'json';
  const schema = isJson && structured ? responseFormat.schema : undefined;
  if (isJson && !structured && responseFormat.schema !== undefined) warn({ type: 'unsupported', feature: 'responseFormat', details: 'JSON is asked for without its schema: structuredOutputs is false.' });
  const format = schema === undefined ? { type: 'json_object' } : { type: 'json_schema', json_schema: { name: responseFormat?.name ?? 'response', ...(responseFormat?.description !== undefined && { description: responseFormat.description }), schema } };
  const own: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options.providerOptions?.[KEY] ?? {})) {
    if (EXTRA.includes(name)) own[name] = value;
    else warn({ type: 'unsupported', feature: `providerOptions.${KEY}.${name}` });
  }
  const sent = Object.fromEntries(Object.entries(headers ?? {}).filter((header): header is [string, string] => header[1] !== undefined));
  const request: ChatRequest = {
    model,
    messages: messages(options.prompt, warn),
    ...(maxOutputTokens !== undefined && { maxTokens: maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(stopSequences !== undefined && stopSequences.length > 0 && { stop: stopSequences }),
    ...(topP !== undefined && { topP }),
    ...(topK !== undefined && { topK }),
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...(seed !== undefined && { seed }),
    ...(isJson && { responseFormat: format }),
    ...(reasoning !== undefined && reasoning !== 'provider-default' && { reasoningEffort: reasoning }),
    ...(functions.length > 0 && { tools: functions }),
    ...(functions.length > 0 && toolChoice !== undefined && { toolChoice: toolChoice.type === 'tool' ? { type: 'function', function: { name: toolChoice.toolName } } : toolChoice.type }),
    ...(Object.keys(sent).length > 0 && { headers: sent }),
    ...(abortSignal !== undefined && { signal: abortSignal }),
    ...own,
  };
  return { request, warnings };
}

function parts(call: AnswerStream, first: IteratorResult<AnswerChunk>, warnings: AiWarning[], modelId: string, signal: AbortSignal | undefined): ReadableStream<AiStreamPart> {
  const writer = new Writer();
  let waiting: IteratorResult<AnswerChunk> | undefined = first;
  let isFirst = true;
  return new ReadableStream<AiStreamPart>({
    start(controller) {
      controller.enqueue({ type: 'stream-start', warnings });
    },
    async pull(controller) {
      try {
        // Not every chunk has something to say.
        for (let said: AiStreamPart[] = []; said.length === 0; ) {
          const { done, value } = waiting ?? (await call.next());
          waiting = undefined;
          if (done) return controller.close();
          if (isFirst) said.push({ type: 'response-metadata', timestamp: new Date(value.metadata.timestamp), modelId: value.metadata.model || modelId });
          isFirst = false;
          said.push(...writer.write(value));
          for (const part of said) controller.enqueue(part);
        }
      } catch (error) {
        const thrown = ended(error, signal);
        // `ai` takes an abort from the stream's end, and all else as a part of it.
        if (signal?.aborted) return controller.error(thrown);
        controller.enqueue({ type: 'error', error: thrown });
        controller.close();
      }
    },
    async cancel() {
      await call.return?.();
    },
  });
}

/** Puts chunks into the blocks that `ai` has: one of thoughts or text at a time. */
class Writer {
  #open: 'text' | 'reasoning' | undefined;
  #blocks = 0;
  readonly #tools = new Map<number, { id: string; name: string; input: string }>();

  write({ text, reasoning, choice, toolCalls, done, finishReason, metadata }: AnswerChunk): AiStreamPart[] {
    if (choice > 0) return [];
    const said: AiStreamPart[] = [];
    if (reasoning) said.push(...this.#block('reasoning'), { type: 'reasoning-delta', id: this.#id(), delta: reasoning });
    if (text) said.push(...this.#block('text'), { type: 'text-delta', id: this.#id(), delta: text });
    for (const piece of toolCalls ?? []) said.push(...this.#block(undefined), ...this.#tool(piece));
    if (!done) return said;
    said.push(...this.#block(undefined));
    // A call whose name never came is left as it is: `ai` says that there is no such tool.
    for (const { id, name, input } of this.#tools.values()) said.push(...(name === '' ? [] : [{ type: 'tool-input-end' as const, id }]), toolCall(id, name, input));
    const used = metadata.usage;
    said.push({ type: 'finish', usage: usage(used), finishReason: finish(finishReason ?? '', this.#tools.size > 0), providerMetadata: { [KEY]: told(metadata, used) } });
    return said;
  }

  #id(): string {
    return String(this.#blocks);
  }

  #block(kind: 'text' | 'reasoning' | undefined): AiStreamPart[] {
    if (kind === this.#open) return [];
    const said: AiStreamPart[] = this.#open === undefined ? [] : [{ type: `${this.#open}-end`, id: this.#id() }];
    this.#open = kind;
    if (kind !== undefined) {
      this.#blocks += 1;
      said.push({ type: `${kind}-start`, id: this.#id() });
    }
    return said;
  }

  #tool({ index, id, name, arguments: more }: ToolCallPiece): AiStreamPart[] {
    const known = this.#tools.get(index);
    const tool = known ?? { id: id || madeId(), name: '', input: '' };
    this.#tools.set(index, tool);
    tool.input += more;
    if (tool.name !== '') return delta(tool.id, more);
    // Not begun without a name: some servers send it late.
    tool.name = name ?? '';
    return tool.name === '' ? [] : [{ type: 'tool-input-start', id: tool.id, toolName: tool.name }, ...delta(tool.id, tool.input)];
  }
}

const delta = (id: string, text: string): AiStreamPart[] => (text === '' ? [] : [{ type: 'tool-input-delta', id, delta: text }]);
const madeId = () => `call_${Math.random().toString(36).slice(2)}`;
/** Tools without arguments are called with none, or with nothing. */
const toolCall = (id: string, toolName: string, input: string): AiToolCall => ({ type: 'tool-call', toolCallId: id || madeId(), toolName, input: input.trim() === '' ? '{}' : input });

/** Some servers say `stop` where a tool is called. */
function finish(raw: string, isCall: boolean): AiFinish {
  const unified = FINISH[raw] ?? 'other';
  return { unified: isCall && unified === 'stop' ? 'tool-calls' : unified, raw: raw || undefined };
}

function usage(used: ProviderUsage | undefined): AiUsage {
  const { promptTokens = 0, completionTokens = 0, cachedTokens = 0, reasoningTokens = 0 } = used ?? {};
  return {
    inputTokens: { total: promptTokens, noCache: Math.max(0, promptTokens - cachedTokens), cacheRead: cachedTokens, cacheWrite: undefined },
    outputTokens: { total: completionTokens, text: Math.max(0, completionTokens - reasoningTokens), reasoning: reasoningTokens },
  };
}

function told({ endpoint, missed }: AnswerChunk['metadata'] | ModelAnswer, used: ProviderUsage | undefined): AiMetadata[string] {
  return { endpoint, ...(missed !== undefined && { missed: missed.map((each) => ({ ...each })) }), estimated: used?.estimated ?? true, ...(used?.cost !== undefined && { cost: used.cost }) };
}

/** `ai` knows an abort by its name. */
function ended(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!signal?.aborted) return error;
  const { reason } = signal;
  return reason instanceof Error && (reason.name === 'AbortError' || reason.name === 'TimeoutError') ? reason : new DOMException('The caller ended it.', 'AbortError');
}
