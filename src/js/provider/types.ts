/**
 * What goes in and what comes out.
 * @module
 */
import type { Vault } from './vault.js';

/**
 * How requests are authenticated.
 *
 * @example
 * ```ts
 * const auth: ProviderAuth = { type: 'api-key', apiKey: 'sk-1' };
 * ```
 */
export type ProviderAuth =
  | { readonly type: 'none' }
  | { readonly type: 'api-key'; readonly apiKey: string }
  | { readonly type: 'oauth'; readonly clientId: string; readonly clientSecret?: string; readonly tokenUrl: string; readonly scopes?: readonly string[] }
  | { readonly type: 'jwt'; readonly privateKey: string; readonly subject?: string; readonly audience?: string; readonly algorithm?: 'RS256' | 'RS384' | 'RS512' | 'ES256' | 'ES384' | 'ES512'; readonly expiresIn?: number };

/**
 * The configuration: plain data, as it may stand in a JSON file. `provider-schema.json` of the package is its JSON Schema.
 *
 * @example
 * ```ts
 * const config: ProviderConfig = {
 *   apiEndpoint: 'https://opencode.ai/zen/v1',
 *   auth: { type: 'api-key', apiKey: 'sk-1' },
 *   rateLimits: { requestsPerMinute: 60, tokensPerMinute: 60_000 },
 * };
 * ```
 */
export interface ProviderConfig {
  /** The address with its version, such as `https://host/v1`. */
  readonly apiEndpoint: string;
  /** Goes where `apiVersionIn` says. A server that names another one is `version_mismatch`. */
  readonly apiVersion?: string;
  /** The header `api-version`, or the end of the path. Default header. */
  readonly apiVersionIn?: 'header' | 'path';
  readonly auth: ProviderAuth;
  /** Headers of every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Query of every request. */
  readonly query?: Readonly<Record<string, string>>;
  readonly rateLimits: {
    /** In any minute, 1 to 1,000. */
    readonly requestsPerMinute: number;
    /** In any minute, 1,000 to 1,000,000. */
    readonly tokensPerMinute: number;
    /** At a time. Default 5. */
    readonly concurrentRequests?: number;
    /** That wait; one more is `queue_full`. Default 100. */
    readonly maxQueueSize?: number;
    /** Milliseconds; what would wait longer is `quota`. Default 120,000. */
    readonly maxWait?: number;
  };
  readonly models?: {
    readonly defaultModel?: string;
    readonly enabledModels?: readonly string[];
    /** Ask the server for its list. Default true. */
    readonly autoDiscovery?: boolean;
    /** Seconds. Default 300. */
    readonly cacheTimeout?: number;
  };
  readonly features?: {
    readonly streaming?: boolean;
    readonly codeCompletion?: boolean;
    readonly codeAnalysis?: boolean;
    readonly customParameters?: boolean;
  };
  readonly retry?: { readonly maxTries?: number };
  /** What is asked when the endpoint or the model fails. */
  readonly fallback?: {
    /** Models of the same endpoint, asked next, in this order; at most 8. */
    readonly models?: readonly string[];
    /** Milliseconds that are waited for room or another try while there is something else to ask. Default 5,000. */
    readonly maxWait?: number;
    /** Endpoints, asked next, in this order; at most 8. */
    readonly endpoints?: readonly FallbackEndpoint[];
  };
  readonly paths?: { readonly validate?: string; readonly usage?: string };
  /** What may be used by day and month; 0 is no limit. Costs are US dollars. */
  readonly budget?: {
    readonly requestsPerDay?: number;
    readonly tokensPerDay?: number;
    readonly costPerDay?: number;
    readonly requestsPerMonth?: number;
    readonly tokensPerMonth?: number;
    readonly costPerMonth?: number;
    /** A day with so many times the tokens of a usual one is told of. Default 5. */
    readonly unusual?: number;
    /** Minutes that the days are ahead of UTC. Default 0. */
    readonly offset?: number;
  };
  /** Milliseconds, of a whole request; of an answer that streams, the wait for its beginning. Default 30,000. */
  readonly timeout?: number;
  /** Milliseconds, of an answer that streams. Default 600,000. */
  readonly streamTimeout?: number;
  /** Milliseconds. Default 30,000. */
  readonly firstByteTimeout?: number;
  /** Milliseconds. Default 30,000. */
  readonly idleTimeout?: number;
}

/**
 * Another endpoint. What it leaves out is as in the configuration around it, but for addresses, keys, headers, query and models.
 *
 * @example
 * ```ts
 * const local: FallbackEndpoint = { apiEndpoint: 'http://127.0.0.1:8080/v1', auth: { type: 'none' }, models: { defaultModel: 'qwen2.5-coder-7b' } };
 * ```
 */
export interface FallbackEndpoint extends Pick<ProviderConfig, 'apiEndpoint' | 'auth' | 'apiVersion' | 'apiVersionIn' | 'headers' | 'query' | 'retry' | 'timeout' | 'streamTimeout' | 'firstByteTimeout' | 'idleTimeout'> {
  readonly rateLimits?: ProviderConfig['rateLimits'];
  /** What the model is called there. Default: as it was asked for. */
  readonly models?: { readonly defaultModel?: string };
  /** Models that are asked there after it. */
  readonly fallback?: { readonly models?: readonly string[] };
}

/**
 * An endpoint and a model that did not answer.
 *
 * @example
 * ```ts
 * const told = (missed: readonly MissedTarget[]) => missed.map(({ endpoint, model, code }) => `${model} at ${endpoint}: ${code}`);
 * ```
 */
export interface MissedTarget {
  /** The address, without its query. */
  readonly endpoint: string;
  readonly model: string;
  /** Of the error that it would have been. */
  readonly code: string;
  readonly message: string;
}

/**
 * One model, whatever dialect told of it. What is missing was not told.
 *
 * @example
 * ```ts
 * const holes = (await provider.models()).filter((model: ProviderModel) => model.fim);
 * ```
 */
export interface ProviderModel {
  readonly id: string;
  readonly name: string;
  readonly owner?: string;
  readonly description?: string;
  readonly version?: string;
  /** Tokens of prompt and answer together. */
  readonly contextWindow?: number;
  /** Tokens of an answer. */
  readonly outputLimit?: number;
  readonly streaming?: boolean;
  readonly tools?: boolean;
  readonly reasoning?: boolean;
  readonly chat?: boolean;
  readonly completion?: boolean;
  /** It fills in the middle. */
  readonly fim?: boolean;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly languages: readonly string[];
  /** The family that is known here, such as `starcoder2`. */
  readonly family?: string;
  readonly architecture?: string;
  readonly baseModel?: string;
  readonly fineTuned?: boolean;
  readonly licence?: string;
  /** US dollars for a million tokens; `request` for each request. */
  readonly price?: { readonly input: number; readonly output: number; readonly cached?: number; readonly request: number };
  readonly tags: readonly string[];
  readonly aliases: readonly string[];
  /** As told, raw JSON. */
  readonly benchmarks?: string;
  /** False: the server says that it is switched off. */
  readonly active: boolean;
}

/**
 * What every request may have.
 *
 * @example
 * ```ts
 * const options: RequestOptions = { model: 'm', maxTokens: 200, signal: AbortSignal.timeout(60_000) };
 * ```
 */
export interface RequestOptions {
  /** Default: `models.defaultModel`. */
  readonly model?: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly stop?: string | readonly string[];
  /** Answers at once. */
  readonly n?: number;
  readonly seed?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly logprobs?: boolean | number;
  readonly topLogprobs?: number;
  /** Sent as it is: the server says when it has none. */
  readonly topK?: number;
  readonly minP?: number;
  /** Called as the server calls it; under both names where that is not known. */
  readonly repeatPenalty?: number;
  readonly logitBias?: Readonly<Record<string, number>>;
  /** Who asks, for the server's own watch over misuse. */
  readonly user?: string;
  /** Anything else for the body, under the server's own names. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Who goes first when many wait. Default normal. */
  readonly priority?: 'low' | 'normal' | 'high';
  /** Waits of this request alone, milliseconds. */
  readonly timeouts?: { readonly total?: number; readonly firstByte?: number; readonly idle?: number };
  /** Headers of this request alone. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * A message, as the wire has it.
 *
 * @example
 * ```ts
 * const messages: ProviderMessage[] = [{ role: 'user', content: 'Hello' }];
 * ```
 */
export interface ProviderMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  readonly content?: string | readonly object[] | null;
  readonly name?: string;
  readonly tool_calls?: readonly object[];
  readonly tool_call_id?: string;
}

/**
 * A chat.
 *
 * @example
 * ```ts
 * const request: ChatRequest = { messages: [{ role: 'user', content: 'Hello' }], tools: [] };
 * ```
 */
export interface ChatRequest extends RequestOptions {
  readonly messages: readonly ProviderMessage[];
  /** As the wire has them. */
  readonly tools?: readonly object[];
  readonly toolChoice?: string | object;
  readonly responseFormat?: object;
  readonly reasoningEffort?: string;
}

/**
 * A plain completion.
 *
 * @example
 * ```ts
 * const request: CompletionRequest = { prompt: 'fn main() {' };
 * ```
 */
export interface CompletionRequest extends RequestOptions {
  readonly prompt: string;
  /** Most servers ignore it: see `fim`. */
  readonly suffix?: string;
}

/**
 * A hole between two texts. The model's family says how it is asked.
 *
 * @example
 * ```ts
 * const request: FimRequest = { model: 'qwen2.5-coder-7b', prefix: 'def add(a, b):\n    return ', suffix: '\n' };
 * ```
 */
export interface FimRequest extends RequestOptions {
  readonly prefix: string;
  readonly suffix: string;
  /** Path of the file. */
  readonly path?: string;
  /** Name of the repository. */
  readonly repo?: string;
  /** Other files that help. */
  readonly files?: readonly { readonly path: string; readonly text: string }[];
  /** The server takes `suffix` itself: whatever is known of the model's family. */
  readonly native?: boolean;
}

/**
 * What an answer used.
 *
 * @example
 * ```ts
 * const cost = (usage: ProviderUsage) => `${usage.totalTokens} tokens, ${usage.cost ?? '?'} $`;
 * ```
 */
export interface ProviderUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly totalTokens: number;
  readonly cachedTokens: number;
  readonly reasoningTokens: number;
  /** US dollars, where the server or the model's price tells them. */
  readonly cost?: number;
  /** Counted here, because the server told none. */
  readonly estimated: boolean;
}

/**
 * A piece of a tool call.
 *
 * @example
 * ```ts
 * const show = (call: ToolCallPiece) => console.log(call.index, call.name ?? '', call.arguments);
 * ```
 */
export interface ToolCallPiece {
  /** Which call. */
  readonly index: number;
  /** In its first piece. */
  readonly id?: string;
  /** In its first piece. */
  readonly name?: string;
  /** More of the arguments' JSON. */
  readonly arguments: string;
}

/**
 * A piece of an answer. `content` is of chats, `text` of completions.
 *
 * @example
 * ```ts
 * const show = (chunk: AnswerChunk) => console.log(chunk.text, chunk.done);
 * ```
 */
export interface AnswerChunk {
  /** The same as `content`. */
  readonly text: string;
  /** The same as `text`. */
  readonly content: string;
  /** Which of `n` answers. */
  readonly choice: number;
  /** More of what the model thinks. */
  readonly reasoning?: string;
  readonly toolCalls?: readonly ToolCallPiece[];
  /** Log probabilities of its tokens, as the server has them. */
  readonly logprobs?: unknown;
  /** Only in the last chunk, and only when the answer is whole. */
  readonly done: boolean;
  /** `stop`, `length`, `tool_calls`, `content_filter`, or the server's own word. */
  readonly finishReason?: string;
  readonly metadata: {
    /** What the server says; before it says something, what was asked for. */
    readonly model: string;
    /** The address of who answers, without its query. */
    readonly endpoint: string;
    /** In the last chunk: who was asked before, and did not answer. */
    readonly missed?: readonly MissedTarget[];
    /** In the last chunk. */
    readonly usage?: ProviderUsage;
    /** When it came, ISO 8601. */
    readonly timestamp: string;
  };
}

/**
 * A whole answer.
 *
 * @example
 * ```ts
 * const { text, usage }: ModelAnswer = await provider.complete({ prompt: 'fn main() {' });
 * ```
 */
export interface ModelAnswer {
  /** Of the first choice. */
  readonly text: string;
  readonly content: string;
  readonly reasoning: string;
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  readonly finishReason: string;
  /** All of `n` answers. */
  readonly choices: readonly Choice[];
  readonly usage: ProviderUsage;
  readonly model: string;
  /** The address of who answered, without its query. */
  readonly endpoint: string;
  /** Who was asked before, and did not answer. */
  readonly missed?: readonly MissedTarget[];
  /** Requests that it took. */
  readonly tries: number;
  /** Log probabilities of the first choice as the server has them, one for each piece that it sent. */
  readonly logprobs?: readonly unknown[];
  /** What the server answered, where it did not stream. */
  readonly raw?: unknown;
}

/**
 * One of the answers.
 *
 * @example
 * ```ts
 * const texts = (choices: readonly Choice[]) => choices.map(({ text }) => text);
 * ```
 */
export interface Choice {
  /** Log probabilities as the server has them, one for each piece that it sent. */
  readonly logprobs?: readonly unknown[];
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  readonly finishReason: string;
}

/**
 * A fenced block of code in a text.
 *
 * @example
 * ```ts
 * const rust = (blocks: readonly CodeBlock[]) => blocks.filter(({ language }) => language === 'rust');
 * ```
 */
export interface CodeBlock {
  /** The language that it names; may be empty. */
  readonly language: string;
  /** The code, without its last line break. */
  readonly code: string;
  /** Its end is there. */
  readonly closed: boolean;
}

/**
 * What was used here, and what waits and runs.
 *
 * @example
 * ```ts
 * const { day, waiting }: ProviderStats = provider.stats();
 * ```
 */
export interface ProviderStats {
  readonly day: Spent;
  readonly month: Spent;
  /** Requests in the queue. */
  readonly waiting: number;
  /** Requests under way. */
  readonly running: number;
}

/**
 * What was used in a time.
 *
 * @example
 * ```ts
 * const dollars = (spent: Spent) => spent.cost.toFixed(2);
 * ```
 */
export interface Spent {
  readonly requests: number;
  readonly tokens: number;
  /** Of these, tokens that no server counted. */
  readonly estimatedTokens: number;
  /** US dollars. */
  readonly cost: number;
}

/**
 * How a model did here, over its newest requests. Times are milliseconds.
 *
 * @example
 * ```ts
 * const slow = (figures: ModelFigures) => (figures.firstTokenP95 ?? 0) > 2_000;
 * ```
 */
export interface ModelFigures {
  readonly requests: number;
  /** 0 to 1. */
  readonly errorRate: number;
  readonly firstTokenP50?: number;
  readonly firstTokenP95?: number;
  readonly tokensPerSecondP50?: number;
  readonly tokensPerSecondP95?: number;
}

/**
 * Told when a part of a budget is used (`threshold`), or when a day is unlike the others (`unusual`).
 *
 * @example
 * ```ts
 * const onAlert = (alert: BudgetAlert) => console.warn(alert.kind, alert.used, alert.limit);
 * ```
 */
export interface BudgetAlert {
  readonly kind: 'threshold' | 'unusual';
  readonly measure?: 'requests' | 'tokens' | 'cost';
  readonly period?: 'day' | 'month';
  readonly percent?: number;
  readonly used: number;
  /** The budget; of `unusual`, what is usual. */
  readonly limit: number;
}

/**
 * Ids of what moved between two lists of models.
 *
 * @example
 * ```ts
 * const onModels = (changes: ModelChanges) => console.log(changes.new, changes.withdrawn);
 * ```
 */
export interface ModelChanges {
  readonly new: readonly string[];
  readonly changed: readonly string[];
  readonly withdrawn: readonly string[];
}

/**
 * A catalogue in the form of models.dev, or its address, and the provider's name in it. One by address is asked for with the first list of
 * models, without keys; when it fails, models are told without it.
 *
 * @example
 * ```ts
 * const catalogue: CatalogueOption = { url: 'https://models.dev/api.json', provider: 'openrouter', onError: (error) => console.warn(error.message) };
 * ```
 */
export type CatalogueOption =
  | { readonly data: object; readonly provider: string }
  | {
      readonly url: string;
      readonly provider: string;
      /** Why there is no catalogue. */
      readonly onError?: (error: Error) => void;
    };

/**
 * What is no plain data.
 *
 * @example
 * ```ts
 * const options: ProviderOptions = { onAlert: (alert) => console.warn(alert) };
 * ```
 */
export interface ProviderOptions {
  /** In place of the host's own. */
  readonly fetch?: typeof fetch;
  /** Families of one's own, in the form of the package's table: they come before it. */
  readonly families?: readonly object[];
  /** What is known of models that the server does not tell. */
  readonly catalogue?: CatalogueOption;
  /** Where OAuth tokens are kept. Default: in memory. */
  readonly vault?: Vault;
  /** `auth.clientSecret` may stand in a page. Every visitor can read it there. */
  readonly allowSecretInPage?: boolean;
  /** A budget of an earlier run: what `budgetSnapshot()` gave. */
  readonly budget?: string;
  /** A part of a budget is used, or a day is unlike the others. */
  readonly onAlert?: (alert: BudgetAlert) => void;
  /** The list of models is not what it was. */
  readonly onModels?: (changes: ModelChanges) => void;
  /** The budget changed: a good time to store `budgetSnapshot()`. */
  readonly onUsage?: () => void;
}
