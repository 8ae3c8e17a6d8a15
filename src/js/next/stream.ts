/**
 * The answer to a prompt as an event stream, at the speed of its reader.
 * @module
 */
import type { ChatSession, SessionError } from '../index.js';
import { encode } from '../bytes.js';
import type { RelayLimits } from '../relay/index.js';
import { HEADERS, PADDING } from '../relay/stream.js';
import type { Encoder } from './events.js';

/** `limits.keepAlive` by default, milliseconds: proxies end a stream on which nothing comes for longer. */
const KEEP_ALIVE = 15_000;
/** `limits.stall` by default, milliseconds: a reader that takes nothing for longer gets what it missed when it comes back. */
const STALL = 60_000;

/** What is streamed, and until when. */
export interface Answering {
  readonly session: ChatSession;
  readonly encoder: Encoder;
  /** Resolves when the answer is whole, with why it is no good one. */
  readonly over: Promise<SessionError | undefined>;
  /** The reader has gone, or the process is about to. */
  readonly signals: readonly AbortSignal[];
  /** Called once, however it ends. */
  close(): void;
  readonly limits: Pick<RelayLimits, 'keepAlive' | 'stall'>;
}

/** Nothing is queued for a slow reader: it gets what is new when it takes more. */
export function streamed({ session, encoder, over, signals, close, limits }: Answering, headers: Readonly<Record<string, string>>): Response {
  const { keepAlive = KEEP_ALIVE, stall: longest = STALL } = limits;
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let alive: ReturnType<typeof setTimeout> | undefined;
  let stall: ReturnType<typeof setTimeout> | undefined;
  let ending: { readonly error: SessionError | undefined } | undefined;
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(alive);
    clearTimeout(stall);
    stop();
    for (const signal of signals) signal.removeEventListener('abort', cut);
    close();
  };
  // The reader is told by the end of the stream alone: it may come back with its position.
  const cut = (): void => {
    if (isOver) return;
    end();
    controller.close();
  };
  const rest = (): void => {
    clearTimeout(alive);
    if (!isOver) alive = setTimeout(() => tell(':\n\n'), keepAlive);
  };
  const write = (frames: string): void => {
    rest();
    controller.enqueue(encode(frames));
  };
  const tell = (comment = ''): void => {
    if (isOver) return;
    if ((controller.desiredSize ?? 0) <= 0) {
      stall ??= setTimeout(cut, longest);
      return;
    }
    if (ending === undefined) {
      const frames = encoder.next(session.state) || comment;
      if (frames !== '') write(frames);
      return;
    }
    const frames = encoder.end(session.state, ending.error);
    // First: a reader that waits takes what is written at once, and asks for more.
    end();
    write(frames);
    controller.close();
  };
  let stop = (): void => undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (own) => {
      controller = own;
      own.enqueue(PADDING);
      const first = encoder.begin();
      if (first === '') rest();
      else write(first);
      stop = session.subscribe(() => tell());
      for (const signal of signals) signal.addEventListener('abort', cut);
      if (signals.some(({ aborted }) => aborted)) cut();
      over.then((error) => {
        ending = { error };
        tell();
      });
    },
    pull: () => {
      clearTimeout(stall);
      stall = undefined;
      rest();
      tell();
    },
    cancel: end,
  });
  return new Response(body, {
    headers: { ...HEADERS, ...headers },
  });
}
