/**
 * `opencode-session/provider`: code models behind OpenAI-compatible endpoints, with limits, retries, budgets and holes.
 * @module
 */
import type { ModelAnswer, ChatRequest, CodeBlock, CompletionRequest, FimRequest, ModelFigures, ProviderConfig, ProviderModel, ProviderOptions, ProviderStats, RequestOptions } from './types.js';
import { credentials, withoutSecrets } from './auth.js';
import type { Catalogue } from './catalogue.js';
import { checkTaken } from './taken.js';
import { asError, cancelled, type ConfigProblem, fault } from './error.js';
import { extras } from './extras.js';
import { type Access, Host } from './host.js';
import { load, type Wasm } from './load.js';
import { type AnswerStream, Call } from './stream.js';

export { type ClientAuth, type ClientAuthOptions, clientAuth } from './client-auth.js';
export { type ConfigProblem, ProviderError } from './error.js';
export { type MessageRequest, OpenCodeProvider, type ProviderCapabilities } from './opencode.js';
export type { LoginOptions } from './login.js';
export { finishLogin, openVault, startLogin } from './sign-in.js';
export type { AnswerStream } from './stream.js';
export type * from './types.js';
export type { Vault, VaultOptions } from './vault.js';

const CHAT = 0;
const COMPLETION = 1;
const FIM = 2;

/**
 * One endpoint. Several may be used side by side: they share nothing but the code.
 *
 * @example
 * ```ts
 * const ask = async (provider: Provider, content: string) => (await provider.chat({ messages: [{ role: 'user', content }] })).text;
 * ```
 */
export interface Provider {
  /** All models, from the cache while that is fresh. */
  models(): Promise<readonly ProviderModel[]>;
  /** One model: the server's own word, or what its list says. */
  model(id: string): Promise<ProviderModel>;
  /** Whether the key is taken: throws `unauthorized` or `forbidden` when it is not. */
  validate(): Promise<void>;
  /** A chat, whole. */
  chat(request: ChatRequest): Promise<ModelAnswer>;
  /** A chat, bit by bit. */
  streamChat(request: ChatRequest): AnswerStream;
  /** A plain completion, whole. */
  complete(request: CompletionRequest): Promise<ModelAnswer>;
  /** A plain completion, bit by bit. */
  streamCompletion(request: CompletionRequest): AnswerStream;
  /** A hole, filled whole. */
  fim(request: FimRequest): Promise<ModelAnswer>;
  /** A hole, filled bit by bit. */
  streamFim(request: FimRequest): AnswerStream;
  /** What the server tells of usage (`paths.usage`). */
  usage(): Promise<unknown>;
  /** What was used here, and what waits and runs. */
  stats(): ProviderStats;
  /** How a model did here; undefined: it was not used yet. */
  figures(model: string): ModelFigures | undefined;
  /** The budget's state, for `ProviderOptions.budget` of a later run. */
  budgetSnapshot(): string;
  /** Forgets what the server and its failures said about limits: the key or the plan is another one. */
  resetLimits(): void;
  /** Ends all requests, with `disposed`. */
  dispose(): void;
}

/**
 * Makes a provider. Throws `bad_config` with everything that is wrong in `problems`.
 *
 * @example
 * ```ts
 * const local = await createProvider({
 *   apiEndpoint: 'http://127.0.0.1:8080/v1',
 *   auth: { type: 'none' },
 *   rateLimits: { requestsPerMinute: 60, tokensPerMinute: 60_000 },
 * });
 * ```
 */
export async function createProvider(config: ProviderConfig, options: ProviderOptions = {}): Promise<Provider> {
  const wasm = await load();
  const problems = checked(wasm, config);
  if (problems.length > 0) {
    const said = problems.map(({ path, reason }) => `${path} ${reason}`.trim()).join('; ');
    throw fault('bad_config', `The configuration is wrong: ${said}.`, problems.map(({ remedy }) => remedy).join(' '), { problems });
  }
  const endpoints = [config, ...(config.fallback?.endpoints ?? [])];
  const all = await Promise.all(endpoints.map(async ({ auth, headers = {} }) => ({ credentials: await credentials(auth, wasm, options), headers })));
  const { catalogue } = options;
  return new Own(wasm, config, options, all, catalogue !== undefined && 'url' in catalogue ? (await extras()).Catalogue : undefined);
}

/**
 * The fenced blocks of code in a text, also a last one without an end.
 *
 * @example
 * ```ts
 * for (const { language, code } of await codeBlocks('```js\nlet a;\n```')) console.log(language, code);
 * ```
 */
export async function codeBlocks(text: string): Promise<readonly CodeBlock[]> {
  return (await load()).blocks(String(text)) as readonly CodeBlock[];
}

/**
 * Everything that is wrong with a configuration; empty: nothing is.
 *
 * @example
 * ```ts
 * for (const { path, reason } of await checkConfig({ apiEndpoint: 'nowhere' })) console.log(path, reason);
 * ```
 */
export async function checkConfig(config: unknown): Promise<readonly ConfigProblem[]> {
  return checked(await load(), config);
}

function checked(wasm: Wasm, config: unknown): readonly ConfigProblem[] {
  const plain = typeof config === 'object' && config !== null && !Array.isArray(config) ? withoutSecrets(config) : config;
  return wasm.check(JSON.stringify(plain) ?? '') as readonly ConfigProblem[];
}

/** An address as people know it: what stands in its query may be a key. @param address of a configuration */
const shown = (address: string): string => address.split(/[?#]/, 1)[0] as string;

class Own implements Provider {
  readonly #engine: ReturnType<Wasm['engine']>;
  readonly #host: Host;
  readonly #calls = new Map<number, Call>();
  readonly #leave: () => void;
  readonly #addresses: readonly string[];
  #catalogue: Catalogue | undefined;
  #next = 1;

  constructor(wasm: Wasm, config: ProviderConfig, options: ProviderOptions, all: readonly Access[], Addressed: typeof Catalogue | undefined) {
    const endpoints = [config, ...(config.fallback?.endpoints ?? [])];
    this.#addresses = endpoints.map(({ apiEndpoint }) => shown(apiEndpoint));
    this.#host = new Host(all, options);
    const families = options.families === undefined ? '' : JSON.stringify(options.families);
    try {
      this.#engine = wasm.engine(this.#host, JSON.stringify(withoutSecrets(config)), families);
    } catch (error) {
      throw asError(error);
    }
    this.#leave = wasm.onBreak(() => {
      for (const call of this.#calls.values()) call.fail(fault('crashed', 'The wasm of the provider broke off.', 'Make a new provider.'));
    });
    const { catalogue, budget } = options;
    if (catalogue !== undefined) {
      const take = (json: string, name: string) => this.#engine.catalogue(json, name);
      if ('url' in catalogue) this.#catalogue = Addressed && new Addressed(catalogue, this.#host.fetch, take);
      else checkTaken(take(JSON.stringify(catalogue.data) ?? '', catalogue.provider), catalogue.provider);
    }
    if (budget !== undefined && !this.#engine.restore(budget)) {
      throw fault('bad_config', 'The budget cannot be read.', 'Give what budgetSnapshot() gave, or leave it out.');
    }
  }

  models(): Promise<readonly ProviderModel[]> {
    return this.#run(() => this.#engine.models(), true);
  }

  model(id: string): Promise<ProviderModel> {
    return this.#run(() => this.#engine.model(String(id)), true);
  }

  async validate(): Promise<void> {
    await this.#run(() => this.#engine.validate());
  }

  chat(request: ChatRequest): Promise<ModelAnswer> {
    return this.#start(CHAT, request, false).answer();
  }

  streamChat(request: ChatRequest): AnswerStream {
    return this.#start(CHAT, request, true);
  }

  complete(request: CompletionRequest): Promise<ModelAnswer> {
    return this.#start(COMPLETION, request, false).answer();
  }

  streamCompletion(request: CompletionRequest): AnswerStream {
    return this.#start(COMPLETION, request, true);
  }

  fim(request: FimRequest): Promise<ModelAnswer> {
    return this.#start(FIM, request, false).answer();
  }

  streamFim(request: FimRequest): AnswerStream {
    return this.#start(FIM, request, true);
  }

  async usage(): Promise<unknown> {
    const text = await this.#run<string>(() => this.#engine.usage());
    try {
      return JSON.parse(text);
    } catch {
      throw fault('invalid_response', 'What the server tells of usage is no JSON.', 'Check paths.usage.');
    }
  }

  stats(): ProviderStats {
    return this.#engine.stats();
  }

  figures(model: string): ModelFigures | undefined {
    return this.#engine.figures(String(model));
  }

  budgetSnapshot(): string {
    return this.#engine.snapshot();
  }

  resetLimits(): void {
    this.#engine.reset();
  }

  dispose(): void {
    this.#engine.dispose();
    this.#leave();
  }

  #start(kind: number, request: RequestOptions, stream: boolean): Call {
    const { signal, headers, ...plain } = Object(request) as RequestOptions;
    const id = this.#next;
    this.#next += 1;
    const call = new Call(this.#addresses, () => this.#engine.cancel(id));
    if (signal?.aborted) {
      call.fail(cancelled());
      return call;
    }
    const abort = () => call.cancel();
    signal?.addEventListener('abort', abort);
    this.#calls.set(id, call);
    this.#host.expect(id, headers);
    call.onEnd(() => {
      signal?.removeEventListener('abort', abort);
      this.#calls.delete(id);
      this.#host.forget(id);
    });
    try {
      this.#engine.start(id, call, kind, stream, JSON.stringify(plain));
    } catch (error) {
      // What cannot be JSON, or a wasm that broke.
      call.fail(error instanceof TypeError ? fault('bad_request', 'The request cannot be written as JSON.', 'Give plain data.') : error);
    }
    return call;
  }

  async #run<T>(ask: () => Promise<unknown>, isAboutModels = false): Promise<T> {
    try {
      if (isAboutModels) await this.#catalogue?.ready();
      return (await ask()) as T;
    } catch (error) {
      throw asError(error);
    }
  }
}
