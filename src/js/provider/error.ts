/**
 * The one error class. Codes are stable; texts are not.
 * @module
 */

import type { MissedTarget } from './types.js';

/** What is thrown here, and what the wasm throws. */
export type Fault = ConstructorParameters<typeof ProviderError>[0];

/**
 * One thing that is wrong with a configuration.
 *
 * @example
 * ```ts
 * const told = (problems: readonly ConfigProblem[]) => problems.map(({ path, reason }) => `${path} ${reason}`);
 * ```
 */
export interface ConfigProblem {
  /** Where: `rateLimits.tokensPerMinute`. Empty: the whole. */
  readonly path: string;
  /** The value as JSON, shortened; `***` for secrets, empty when it is missing. */
  readonly value: string;
  /** Stable: `missing`, `wrong_type`, `too_small` … */
  readonly code: string;
  /** What is wrong, as it goes on behind the path. */
  readonly reason: string;
  /** What to do. */
  readonly remedy: string;
}

/**
 * What went wrong (`message`), and the one thing to do about it (`hint`).
 *
 * @example
 * ```ts
 * try { await provider.chat({ messages: [{ role: 'user', content: 'Hi' }] }); }
 * catch (e) { if (e instanceof ProviderError) console.log(e.code, e.hint, e.retryAt); }
 * ```
 */
export class ProviderError extends Error {
  declare readonly name: 'ProviderError';
  /** Stable code, for example `unauthorized` or `quota`; all are listed in docs/provider.md. */
  readonly code: string;
  /** The one thing to do about it. */
  readonly hint: string;
  /** Whether the same call may work later without a change. */
  readonly retryable: boolean;
  /** HTTP status, when the server answered. */
  readonly status?: number;
  /** The server's own name for it. */
  readonly kind?: string;
  /** From when it works again, milliseconds since 1970, where that is known. */
  readonly retryAt?: number;
  /** All that is wrong with a configuration (`bad_config`). */
  readonly problems?: readonly ConfigProblem[];
  /** Who was asked, where several were (`fallback`). */
  missed?: readonly MissedTarget[];

  static {
    // Bundlers shorten names, and stack traces show them.
    Object.defineProperty(ProviderError, 'name', { value: 'ProviderError' });
    Object.defineProperty(ProviderError.prototype, 'name', { value: 'ProviderError' });
  }

  constructor(fault: {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    readonly retryable: boolean;
    readonly status?: number;
    readonly kind?: string;
    readonly retryAt?: number;
    readonly problems?: readonly ConfigProblem[];
  }) {
    super(fault.message);
    this.code = fault.code;
    this.hint = fault.hint;
    this.retryable = fault.retryable;
    if (fault.status !== undefined) this.status = fault.status;
    if (fault.kind !== undefined) this.kind = fault.kind;
    if (fault.retryAt !== undefined) this.retryAt = fault.retryAt;
    if (fault.problems !== undefined) this.problems = fault.problems;
  }
}

let Own: typeof ProviderError = ProviderError;

/** A file that is loaded later has a copy of this one: its errors are to be of the entry's class. @param entry that class */
export function share(entry: typeof ProviderError): void {
  Own = entry;
}

/** An error that is found on this side. */
export function fault(code: string, message: string, hint: string, more: Partial<Fault> = {}): ProviderError {
  return new Own({ code, message, hint, retryable: false, ...more });
}

/** Of whatever was thrown. */
export function asError(thrown: unknown): unknown {
  if (thrown instanceof Error) return thrown;
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? new ProviderError(thrown as Fault) : thrown;
}

/** The caller ended it, as `AbortSignal` and `return()` do. */
export const cancelled = (): ProviderError => fault('cancelled', 'The caller ended it.', 'There is nothing to do.');
