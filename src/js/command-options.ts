/**
 * What commands take and give.
 * @module
 */
import type { Passthrough, PromptPart, SendOptions } from './types.js';

/**
 * How a slash command runs.
 *
 * @example
 * ```ts
 * await session.command('review', 'src/', { model: 'anthropic/claude-sonnet-4-5' });
 * ```
 */
export interface CommandOptions {
  readonly model?: SendOptions['model'];
  readonly agent?: string;
  /** The model's variant (for example a reasoning effort), where it has any. */
  readonly variant?: string;
  /** Files that go with it, by URL. */
  readonly parts?: readonly Extract<PromptPart, { url: string }>[];
}

/**
 * How a shell command runs.
 *
 * @example
 * ```ts
 * await session.shell('git status', { agent: 'build' });
 * ```
 */
export interface ShellOptions {
  /** In whose name. Default: the agent of the newest message, else `build`. */
  readonly agent?: string;
  readonly model?: SendOptions['model'];
}

/**
 * What changed in one file.
 *
 * @example
 * ```ts
 * for (const { file, additions, deletions } of await session.diff(messageID)) console.log(file, `+${additions} -${deletions}`);
 * ```
 */
export interface FileDiff extends Passthrough {
  readonly file: string;
  readonly additions: number;
  readonly deletions: number;
  readonly before?: string;
  readonly after?: string;
}
