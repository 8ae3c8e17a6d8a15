/**
 * What the doctor is asked, and what it says.
 * @module
 */
import type { Client } from '../api.js';
import type { SessionError } from '../errors.js';
import type { Auth, ClientOptions } from '../types.js';

/**
 * What to look at.
 *
 * @example
 * ```ts
 * const report = await diagnose({ baseUrl: 'http://127.0.0.1:4096', model: 'anthropic/claude-sonnet-4-5' });
 * for (const { name, status, cause } of report.checks) console.log(name, status, cause ?? '');
 * ```
 */
export interface DoctorOptions {
  /** Address of the server, as for `createClient`. */
  readonly baseUrl: string;
  readonly auth?: Auth;
  /** Credentials that are sent only after the server answered 401, as those of the environment, which may be meant for another one. */
  readonly authIfAsked?: Auth;
  readonly directory?: string;
  /** Whose models count: the id of a provider. Default: all that are configured. */
  readonly provider?: string;
  /** `provider/model`, or the model's own name with `provider`. Default: the provider's default. */
  readonly model?: string;
  /** The prompt of the check `message`. */
  readonly message?: string;
  /** The page's origin, for the checks `cors` and `older`. Default: this page's. */
  readonly origin?: string;
  /** Names of the checks to run, with those they need. Default: all. */
  readonly only?: readonly string[];
  /** Longest wait for one answer of the model, milliseconds. Default 60 000. */
  readonly patience?: number;
  /** Told when a check begins and when it ends. */
  readonly onCheck?: (check: CheckStart | CheckResult) => void;
}

/**
 * A check begins.
 *
 * @example
 * ```ts
 * await diagnose({ baseUrl, onCheck: (check) => check.status === 'running' && console.log(`${check.title} …`) });
 * ```
 */
export interface CheckStart {
  readonly name: string;
  readonly title: string;
  readonly status: 'running';
}

/**
 * How a check ended.
 *
 * @example
 * ```ts
 * const advice = report.checks.filter((check) => check.status === 'failed').map((check) => check.remedy);
 * ```
 */
export interface CheckResult {
  readonly name: string;
  readonly title: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  /** What was seen, or why it was skipped. */
  readonly detail: string;
  /** Of a failure: a stable name of its cause, see docs/doctor.md. */
  readonly cause?: string;
  /** Of a failure: the one thing to do about it. */
  readonly remedy?: string;
  /** Milliseconds. */
  readonly time: number;
}

/**
 * All results, in the order of the checks.
 *
 * @example
 * ```ts
 * const report: Report = await diagnose({ baseUrl });
 * if (report.failed > 0) console.log(summarize(report));
 * ```
 */
export interface Report {
  readonly baseUrl: string;
  readonly checks: readonly CheckResult[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Milliseconds. */
  readonly time: number;
}

/**
 * A check that there is.
 *
 * @example
 * ```ts
 * const names = CHECKS.map((check) => check.name); // for the option `only`
 * ```
 */
export interface Check {
  readonly name: string;
  readonly title: string;
  /** Checks that must have passed. */
  readonly needs: readonly string[];
}

/** What a check does. It ends by saying what it saw; by throwing a {@link Finding}; or by throwing an error of the client. */
export interface Job extends Check {
  run(visit: Visit): Promise<string>;
}

/** What a check found: why the server cannot be used like that, or why there is nothing to check. */
export class Finding extends Error {
  readonly status: 'failed' | 'skipped';
  override readonly cause: string;
  readonly remedy: string | undefined;

  constructor(status: 'failed' | 'skipped', cause: string, detail: string, remedy?: string) {
    super(detail);
    this.status = status;
    this.cause = cause;
    this.remedy = remedy;
  }
}

/** A failure with its cause and its remedy. */
export function failed(cause: string, detail: string, remedy: string): Finding {
  return new Finding('failed', cause, detail, remedy);
}

/** There is nothing to check. */
export function skipped(detail: string): Finding {
  return new Finding('skipped', 'skipped', detail);
}

/** What is asked, and for how long. */
export interface Ask {
  readonly method?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string;
  /** Milliseconds until the answer is wholly there. */
  readonly patience?: number;
  /** Without credentials. */
  readonly anonymous?: boolean;
}

/** An answer that is wholly there. */
export interface Told {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Headers;
  /** @throws what is no JSON. */
  json(): unknown;
}

/** One look at one server: what the checks share. */
export interface Visit {
  readonly options: DoctorOptions;
  /** Without a slash at its end. */
  readonly base: string;
  readonly patience: number;
  /** The package itself, in the way that pages use it. */
  client(options?: Partial<ClientOptions>): Promise<Client>;
  /** What is sent with requests now. */
  readonly auth: Auth | undefined;
  /** A plain request, with the credentials; its answer is bounded in time and size. */
  ask(path: string, init?: Ask): Promise<Told>;
  /** The same, whose body the caller reads. */
  open(path: string, signal: AbortSignal, init?: Ask): Promise<Response>;
  /** Waits for the package itself, but not for ever. */
  soon<T>(promise: Promise<T>): Promise<T>;
  /** What earlier checks found out. */
  readonly known: Known;
}

/** What earlier checks found out. */
export interface Known {
  version?: string;
  /** The server's clock minus this one, milliseconds. */
  skew?: number;
  /** `provider/model`. */
  model?: string;
  session?: string;
}

/** Whether something is an error of the client. */
export function isProblem(error: unknown): error is SessionError {
  return error instanceof Error && 'code' in error && 'hint' in error;
}

/** The query that names a directory. Servers decode it twice, so a `%` in it is written twice. */
export function inDirectory(directory: string | undefined): string {
  return directory === undefined ? '' : `?directory=${encodeURIComponent(directory.replaceAll('%', '%25'))}`;
}
