/**
 * A catalogue of models by its address. What goes wrong with it costs the catalogue, and nothing else.
 * @module
 */
import { asError, fault } from './error.js';
import { checkTaken } from './taken.js';
import { textOf } from './text.js';
import type { CatalogueOption } from './types.js';

/** Largest catalogue, bytes; what is read of it has the same limit in the wasm (`MAX_BODY`). */
const MAX_CATALOGUE = 16 * 1024 * 1024;
/** It has so long, milliseconds. */
const PATIENCE = 30_000;
/** After a failure nobody asks for it again for so long, milliseconds. */
const PAUSE = 60_000;

/** Takes a catalogue up: the number of its models, or less than 0 when it is none. */
type Take = (json: string, provider: string) => number;

export class Catalogue {
  readonly #option: Extract<CatalogueOption, { url: string }>;
  readonly #ask: typeof fetch;
  readonly #take: Take;
  #loading: Promise<void> | undefined;
  #failed = Number.NEGATIVE_INFINITY;

  constructor(option: Extract<CatalogueOption, { url: string }>, ask: typeof fetch, take: Take) {
    this.#option = option;
    this.#ask = ask;
    this.#take = take;
  }

  /** It is here, or it failed. Asked for once. */
  ready(): Promise<void> {
    if (Date.now() - this.#failed < PAUSE) return Promise.resolve();
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined;
      this.#failed = Date.now();
      try {
        this.#option.onError?.(asError(error) as Error);
      } catch (thrown) {
        // The caller's fault is not a request's.
        queueMicrotask(() => {
          throw thrown;
        });
      }
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    const { url, provider } = this.#option;
    let text: string | undefined;
    let status = 0;
    try {
      // A public file: nothing of the caller's is sent, and not to another place than the one that was named.
      const response = await this.#ask(url, { headers: { accept: 'application/json' }, credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer', signal: AbortSignal.timeout(PATIENCE) });
      status = response.status;
      text = await textOf(response, MAX_CATALOGUE);
    } catch {
      throw fault('unreachable', 'The catalogue cannot be read.', 'Check catalogue.url, and that its server answers pages of this origin; it must not redirect.', { retryable: true });
    }
    if (status !== 200) throw fault('invalid_response', `The catalogue is not there (HTTP ${status}).`, 'Check catalogue.url.', { status });
    if (text === undefined) throw fault('too_large', 'The catalogue is over its limit.', 'Give the part of it that is needed as catalogue.data.');
    checkTaken(this.#take(text, provider), provider);
  }
}
