/**
 * One class in the form that a unified interface of providers has: it decides between chat and completion by itself.
 * @module
 */
import type { AnswerStream } from './stream.js';
import type { AnswerChunk, ChatRequest, ModelFigures, ProviderConfig, ProviderModel, ProviderOptions, ProviderStats, RequestOptions } from './types.js';
import { fault, ProviderError } from './error.js';
import { createProvider, type Provider } from './index.js';
import { load } from './load.js';

/**
 * What is asked.
 *
 * @example
 * ```ts
 * const request: MessageRequest = { model: 'codellama-7b', messages: [{ role: 'user', content: 'function hello() {' }], maxTokens: 100 };
 * ```
 */
export interface MessageRequest extends RequestOptions {
  readonly messages: ChatRequest['messages'];
  readonly tools?: ChatRequest['tools'];
  /** The same as `stop`. */
  readonly stopSequences?: readonly string[];
}

/**
 * What the endpoint can do.
 *
 * @example
 * ```ts
 * const ids = ({ models }: ProviderCapabilities) => models.map(({ id }) => id);
 * ```
 */
export interface ProviderCapabilities {
  readonly models: readonly ProviderModel[];
  readonly features: { readonly streaming: boolean; readonly toolUse: boolean; readonly codeCompletion: boolean; readonly codeAnalysis: boolean; readonly fillInTheMiddle: boolean };
  readonly limits: { readonly maxRequestsPerMinute: number; readonly maxTokensPerMinute: number };
}

/** These say themselves what is wrong; all others are told by what was tried. */
const OWN = new Set(['rate_limited', 'quota', 'timeout', 'cancelled', 'cut', 'invalid_response', 'cors', 'disposed', 'queue_full', 'circuit_open']);

/**
 * A provider behind the methods `initialize`, `sendMessage`, `getCapabilities`, `getUsageStats` and `dispose`. Its errors have the codes
 * `AUTHENTICATION_FAILED`, `MODEL_DISCOVERY_FAILED`, `COMPLETION_FAILED`, `CHAT_COMPLETION_FAILED`, `MODEL_INFO_FAILED` and
 * `USAGE_STATS_FAILED`, with the cause in `cause`; limits, ends and cut answers keep their own codes.
 *
 * @example
 * ```ts
 * const unified = async (config: ProviderConfig) => {
 *   const opencode = new OpenCodeProvider(config);
 *   await opencode.initialize();
 *   for await (const { content } of opencode.sendMessage({ messages: [{ role: 'user', content: 'Hi' }] })) console.log(content);
 * };
 * ```
 */
export class OpenCodeProvider {
  readonly #config: ProviderConfig;
  readonly #options: ProviderOptions;
  /** The server has no completions. */
  #chatsOnly = false;
  #ready: Promise<{ provider: Provider; prompt(text: string): string }> | undefined;

  constructor(config: ProviderConfig, options: ProviderOptions = {}) {
    this.#config = config;
    this.#options = options;
  }

  /** Checks the configuration and the key, and discovers the models. */
  async initialize(): Promise<void> {
    const { provider } = await this.#open();
    await told('AUTHENTICATION_FAILED', () => provider.validate());
    if (this.#config.models?.autoDiscovery !== false) await told('MODEL_DISCOVERY_FAILED', () => provider.models());
  }

  /**
   * A chat when there are several messages, a system's or tools; else the completion of the message's code. Where the server has no
   * completions (`not_found`), that is a chat too, from then on.
   */
  async *sendMessage(request: MessageRequest): AsyncGenerator<AnswerChunk, void, undefined> {
    const { provider, prompt } = await this.#open();
    const { messages, tools, stopSequences, ...rest } = request;
    const [first, ...more] = messages;
    const options = { ...(stopSequences !== undefined && { stop: stopSequences }), ...rest };
    const isPlain = more.length === 0 && first?.role !== 'system' && typeof first?.content === 'string' && tools === undefined && this.#config.features?.codeCompletion !== false && !this.#chatsOnly;
    if (isPlain) {
      const answer = provider.streamCompletion({ ...options, prompt: prompt(first?.content as string) });
      const begun = await answer.next().catch((error: unknown) => {
        if (!(error instanceof ProviderError) || error.code !== 'not_found') throw named('COMPLETION_FAILED', error);
        this.#chatsOnly = true;
      });
      if (begun !== undefined) {
        if (!begun.done) yield begun.value;
        yield* chunks('COMPLETION_FAILED', answer);
        return;
      }
    }
    yield* chunks('CHAT_COMPLETION_FAILED', provider.streamChat({ ...options, messages, ...(tools !== undefined && { tools }) }));
  }

  /** Models and limits. */
  async getCapabilities(): Promise<ProviderCapabilities> {
    const { provider } = await this.#open();
    const models = await told('MODEL_DISCOVERY_FAILED', () => provider.models());
    const { streaming = true, codeCompletion = true, codeAnalysis = true } = this.#config.features ?? {};
    const { requestsPerMinute, tokensPerMinute } = this.#config.rateLimits;
    return {
      models,
      features: { streaming, codeCompletion, codeAnalysis, toolUse: models.some(({ tools }) => tools === true), fillInTheMiddle: models.some(({ fim }) => fim === true) },
      limits: { maxRequestsPerMinute: requestsPerMinute, maxTokensPerMinute: tokensPerMinute },
    };
  }

  /** One model, and how it did here. */
  async getModelInfo(id: string): Promise<{ readonly model: ProviderModel; readonly figures?: ModelFigures }> {
    const { provider } = await this.#open();
    const model = await told('MODEL_INFO_FAILED', () => provider.model(id));
    const figures = provider.figures(id);
    return { model, ...(figures !== undefined && { figures }) };
  }

  /** What was used here, and what the server tells, where `paths.usage` names its route. */
  async getUsageStats(): Promise<ProviderStats & { readonly server?: unknown }> {
    const { provider } = await this.#open();
    const own = provider.stats();
    if (this.#config.paths?.usage === undefined) return own;
    return { ...own, server: await told('USAGE_STATS_FAILED', () => provider.usage()) };
  }

  /** Ends all requests. */
  async dispose(): Promise<void> {
    (await this.#ready?.catch(() => undefined))?.provider.dispose();
  }

  #open(): Promise<{ provider: Provider; prompt(text: string): string }> {
    this.#ready ??= (async () => ({ provider: await createProvider(this.#config, this.#options), prompt: (await load()).prompt }))();
    return this.#ready;
  }
}

async function* chunks(code: string, answer: AnswerStream): AsyncGenerator<AnswerChunk, void, undefined> {
  try {
    yield* answer;
  } catch (error) {
    throw named(code, error);
  }
}

async function told<T>(code: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw named(code, error);
  }
}

/** Under the name of what was tried, unless it has one that says more. */
function named(code: string, error: unknown): unknown {
  if (!(error instanceof ProviderError) || OWN.has(error.code)) return error;
  const { hint, retryable, status, kind, retryAt } = error;
  const more = { retryable, ...(status !== undefined && { status }), ...(kind !== undefined && { kind }), ...(retryAt !== undefined && { retryAt }) };
  return Object.assign(fault(code, `${code}: ${error.message}`, hint, more), { cause: error });
}
