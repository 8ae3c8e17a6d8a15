/**
 * The part of the AI SDK's specification v4 that is spoken here, as types of our own: neither `ai` nor its packages are needed by those
 * who do not use them, and no version of them is asked for.
 * @module
 */

/**
 * A part of a message, as `ai` has it.
 *
 * @example
 * ```ts
 * const part: AiPart = { type: 'text', text: 'Hello' };
 * ```
 */
export interface AiPart {
  /** `text`, `file`, `reasoning`, `tool-call`, `tool-result` … */
  readonly type: string;
  readonly text?: string;
  /** Of files: `{ type: 'data' | 'url' | 'reference' | 'text', … }`. */
  readonly data?: unknown;
  readonly mediaType?: string;
  readonly filename?: string;
  readonly toolCallId?: string;
  readonly toolName?: string;
  readonly input?: unknown;
  /** Of results of tools. */
  readonly output?: unknown;
}

/**
 * What `ai` asks with.
 *
 * @example
 * ```ts
 * const options: AiCallOptions = { prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }], maxOutputTokens: 100 };
 * ```
 */
export interface AiCallOptions {
  readonly prompt: readonly { readonly role: string; readonly content: string | readonly AiPart[] }[];
  readonly maxOutputTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly stopSequences?: readonly string[] | undefined;
  readonly topP?: number | undefined;
  readonly topK?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly responseFormat?: { readonly type: string; readonly schema?: unknown; readonly name?: string | undefined; readonly description?: string | undefined } | undefined;
  readonly seed?: number | undefined;
  readonly tools?: readonly { readonly type: string; readonly name: string; readonly id?: string; readonly description?: string | undefined; readonly inputSchema?: unknown; readonly strict?: boolean | undefined }[] | undefined;
  readonly toolChoice?: { readonly type: string; readonly toolName?: string } | undefined;
  readonly includeRawChunks?: boolean | undefined;
  readonly abortSignal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  readonly reasoning?: string | undefined;
  /** `opencodeSession`: `priority`, `timeouts`, `parameters`, `minP`, `repeatPenalty` of a request. */
  readonly providerOptions?: Readonly<Record<string, object>> | undefined;
}

/**
 * What was asked for and is not done, or not as it was asked for.
 *
 * @example
 * ```ts
 * const show = (warnings: readonly AiWarning[]) => warnings.forEach((warning) => console.warn(warning.type, warning.feature));
 * ```
 */
export type AiWarning = { type: 'unsupported' | 'compatibility'; feature: string; details?: string };

/**
 * Why an answer ended.
 *
 * @example
 * ```ts
 * const isWhole = ({ unified }: AiFinish) => unified === 'stop';
 * ```
 */
export type AiFinish = { unified: 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other'; raw: string | undefined };

/**
 * What an answer used.
 *
 * @example
 * ```ts
 * const tokens = ({ inputTokens, outputTokens }: AiUsage) => (inputTokens.total ?? 0) + (outputTokens.total ?? 0);
 * ```
 */
export type AiUsage = {
  inputTokens: { total: number; noCache: number; cacheRead: number; cacheWrite: undefined };
  outputTokens: { total: number; text: number; reasoning: number };
};

/**
 * Under `opencodeSession`: who answered (`endpoint`), who was asked before and did not (`missed`), how many requests it took (`tries`),
 * whether the tokens were counted here because the server did not (`estimated`), and US dollars (`cost`), where they are known.
 *
 * @example
 * ```ts
 * const tries = (metadata: AiMetadata) => metadata['opencodeSession']?.tries;
 * ```
 */
export type AiMetadata = Record<string, { endpoint: string; missed?: { endpoint: string; model: string; code: string; message: string }[]; tries?: number; estimated: boolean; cost?: number }>;

/**
 * A tool that the model calls.
 *
 * @example
 * ```ts
 * const input = (call: AiToolCall): unknown => JSON.parse(call.input);
 * ```
 */
export type AiToolCall = { type: 'tool-call'; toolCallId: string; toolName: string; input: string };

/**
 * A whole answer.
 *
 * @example
 * ```ts
 * const texts = ({ content }: AiResult) => content.map((part) => (part.type === 'text' ? part.text : ''));
 * ```
 */
export type AiResult = {
  content: ({ type: 'text'; text: string } | { type: 'reasoning'; text: string } | AiToolCall)[];
  finishReason: AiFinish;
  usage: AiUsage;
  providerMetadata: AiMetadata;
  response: { id?: string; timestamp: Date; modelId: string; body?: unknown };
  warnings: AiWarning[];
};

/**
 * A bit of an answer.
 *
 * @example
 * ```ts
 * const text = (piece: AiStreamPart) => (piece.type === 'text-delta' ? piece.delta : '');
 * ```
 */
export type AiStreamPart =
  | { type: 'stream-start'; warnings: AiWarning[] }
  | { type: 'response-metadata'; timestamp: Date; modelId: string }
  | { type: 'text-start' | 'text-end' | 'reasoning-start' | 'reasoning-end' | 'tool-input-end'; id: string }
  | { type: 'text-delta' | 'reasoning-delta' | 'tool-input-delta'; id: string; delta: string }
  | { type: 'tool-input-start'; id: string; toolName: string }
  | AiToolCall
  | { type: 'finish'; usage: AiUsage; finishReason: AiFinish; providerMetadata: AiMetadata }
  | { type: 'error'; error: unknown };

/**
 * A model for `generateText`, `streamText` and all else of `ai` 7 that takes one.
 *
 * @example
 * ```ts
 * const model: AiLanguageModel = languageModel(provider, 'codellama-7b');
 * ```
 */
export interface AiLanguageModel {
  readonly specificationVersion: 'v4';
  /** The name that was given, or `opencode-session`. */
  readonly provider: string;
  readonly modelId: string;
  /** None: files are sent with the request. */
  readonly supportedUrls: Record<string, RegExp[]>;
  /** Called by `ai`. */
  doGenerate(options: AiCallOptions): Promise<AiResult>;
  /** Called by `ai`. */
  doStream(options: AiCallOptions): Promise<{ stream: ReadableStream<AiStreamPart> }>;
}
