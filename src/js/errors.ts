/**
 * The one error class. Codes are stable; texts are not.
 * @module
 */

/**
 * What went wrong (`message`), and the one thing to do about it (`hint`).
 *
 * @example
 * ```ts
 * try { await client.health(); } catch (e) { if (e instanceof SessionError) console.log(e.code, e.hint); }
 * ```
 */
export class SessionError extends Error {
  override readonly name = 'SessionError';
  /** Stable code, for example `unauthorized` or `html_response`; all are listed in docs/errors.md. */
  readonly code: string;
  /** HTTP status, when the server answered. */
  readonly status?: number;
  /** The one thing to do about it. */
  readonly hint: string;
  /** Whether the same call may work later without a change. */
  readonly retryable: boolean;
  /** Close names, when a model, an agent or an option is not known. */
  readonly near?: readonly string[];

  constructor(init: {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    readonly status?: number;
    readonly retryable?: boolean;
    readonly near?: readonly string[];
  }) {
    super(init.message);
    this.code = init.code;
    this.hint = init.hint;
    this.retryable = init.retryable ?? false;
    if (init.status !== undefined) this.status = init.status;
    if (init.near !== undefined) this.near = init.near;
  }
}
