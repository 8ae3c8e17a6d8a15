/**
 * What is new in the answer to a prompt since the last look at the state, and a mark to go on from there.
 * @module
 */
import type { Message, Part, PermissionRequest, QuestionRequest, SessionState } from '../index.js';

/** One thing that is new. */
export type Step =
  | { readonly type: 'message-begins' | 'message-ends'; readonly message: Message }
  /** A part is there. Of a text nothing is said yet. */
  | { readonly type: 'begins' | 'ends'; readonly message: Message; readonly part: Part }
  /** More of a `text` or `reasoning` part. */
  | { readonly type: 'text'; readonly message: Message; readonly part: Part; readonly text: string }
  /** The server took back what was said: from here on the part says `text`. */
  | { readonly type: 'rewritten'; readonly message: Message; readonly part: Part; readonly text: string }
  /** Another state of a tool, or more of its output. */
  | { readonly type: 'tool'; readonly message: Message; readonly part: Part }
  | { readonly type: 'permission'; readonly request: PermissionRequest }
  | { readonly type: 'question'; readonly request: QuestionRequest };

/** What was said of a part that has not ended. */
interface Open {
  /** `undefined`: only its length is known, because another reader's mark says so. */
  text: string | undefined;
  length: number;
  tool: string;
}

/** In a mark, the length of a tool that was said to run. */
const RUNS = 1;
/** Longest mark that is read. */
const MAX_MARK = 4_096;

/** The prompt that a mark is about; `undefined` for what is no mark. */
export function promptOf(mark: string): string | undefined {
  return mark.length > MAX_MARK ? undefined : /^[\w-]+(?=~[\w-]*(?:~[\w-]+\.\d+)*$)/.exec(mark)?.[0];
}

/**
 * Goes along with the answer to one prompt: all assistant messages that name it as their parent. What was said is known by the last part
 * that has begun, and what was said of those before it that have not ended: so a mark is short, and any process can go on from it.
 */
export class Walk {
  readonly #prompt: string;
  readonly #open = new Map<string, Open>();
  readonly #asked = new Set<string>();
  readonly #messages = new Map<string, 'begun' | 'ended'>();
  #last: string;

  /** `mark`: what another reader has got already. */
  constructor(prompt: string, mark?: string) {
    this.#prompt = prompt;
    const [, last = '', ...open] = mark?.split('~') ?? [];
    this.#last = last;
    for (const each of open) {
      const [id = '', length = '0'] = each.split('.');
      this.#open.set(id, { text: undefined, length: Number(length), tool: '' });
    }
  }

  /** Where a reader is that has got all steps so far. */
  get mark(): string {
    const open = [...this.#open].map(([id, { length }]) => `${id}.${length}`);
    return [this.#prompt, this.#last, ...open].join('~');
  }

  /** The messages that answer the prompt. */
  answer(state: SessionState): readonly Message[] {
    return state.messages.filter(({ info }) => info.role === 'assistant' && info.parentID === this.#prompt);
  }

  /** What is new. `whole`: nothing more comes, so that what has no end yet ends here. */
  *steps(state: SessionState, whole: boolean): Generator<Step> {
    const messages = this.answer(state);
    const parts = messages.flatMap((message) => message.parts);
    const at = parts.findIndex(({ id }) => id === this.#last);
    // A last part that was removed: ids grow.
    const isTold = (part: Part, index: number): boolean => (at >= 0 ? index <= at : part.id <= this.#last);
    const told = new Set(parts.filter(isTold).map(({ id }) => id));
    for (const message of messages) {
      const said = this.#messages.get(message.info.id);
      if (said === 'ended') continue;
      // What a mark has passed over was said to another reader.
      const isNew = said === undefined && !message.parts.some(({ id }) => told.has(id));
      this.#messages.set(message.info.id, 'begun');
      if (isNew) yield { type: 'message-begins', message };
      for (const part of message.parts) yield* this.#part(message, part, told.has(part.id), whole);
      if (whole || message.info.time.completed !== undefined) {
        this.#messages.set(message.info.id, 'ended');
        yield { type: 'message-ends', message };
      }
    }
    for (const request of state.permissions) if (this.#isNew(request)) yield { type: 'permission', request };
    for (const request of state.questions) if (this.#isNew(request)) yield { type: 'question', request };
  }

  *#part(message: Message, part: Part, isTold: boolean, whole: boolean): Generator<Step> {
    let open = this.#open.get(part.id);
    if (open === undefined) {
      if (isTold) return;
      open = { text: '', length: 0, tool: '' };
      this.#open.set(part.id, open);
      this.#last = part.id;
      yield { type: 'begins', message, part };
    }
    const isOver = whole || message.info.time.completed !== undefined;
    if (isText(part)) {
      const ends = isOver || part.continuity === 'settled' || part.continuity === 'interrupted';
      // Another reader got more than this one knows yet: of a text in flight a server tells nothing. Its end tells all.
      const isBehind = open.text === undefined && (part.text ?? '').length < open.length;
      if (ends || !isBehind) yield* this.#text(message, part, open);
      if (!ends) return;
    } else if (part.type === 'tool') {
      const { status = 'pending', output = '', metadata } = part.state ?? {};
      const tool = `${status} ${output.length} ${String(metadata?.['output'] ?? '').length}`;
      // Another reader has seen it begin to run.
      const isKnown = open.text === undefined && open.length === RUNS && status === 'running';
      const isNew = open.tool !== tool && !isKnown;
      const ends = isOver || status === 'completed' || status === 'error';
      Object.assign(open, { text: '', tool, length: status === 'running' ? RUNS : 0 });
      // Before it is said: the mark is one of a reader that knows.
      if (ends) this.#open.delete(part.id);
      if (isNew) yield { type: 'tool', message, part };
      if (!ends) return;
    }
    this.#open.delete(part.id);
    yield { type: 'ends', message, part };
  }

  *#text(message: Message, part: Part, open: Open): Generator<Step> {
    const { text = '' } = part;
    const isMore = open.text === undefined ? text.length >= open.length : text.startsWith(open.text);
    const more = text.slice(open.length);
    open.text = text;
    open.length = text.length;
    if (!isMore) yield { type: 'rewritten', message, part, text };
    else if (more !== '') yield { type: 'text', message, part, text: more };
  }

  #isNew({ id }: { readonly id: string }): boolean {
    const isNew = !this.#asked.has(id);
    this.#asked.add(id);
    return isNew;
  }
}

/** Whether the server put a part in by itself: it is nobody's words. */
export function isHidden({ synthetic, ignored }: Part): boolean {
  return synthetic === true || ignored === true;
}

/** Whether a part is one that grows letter by letter. */
export function isText({ type }: Part): boolean {
  return type === 'text' || type === 'reasoning';
}
