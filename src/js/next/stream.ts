/**
 * The answer to a prompt as an event stream, at the speed of its reader.
 * @module
 */
import type { ChatSession, SessionError } from '../index.js';
import type { Encoder } from './events.js';

/** Proxies end a stream on which nothing comes for longer, milliseconds. */
const KEEP_ALIVE = 15_000;
/** A reader that takes nothing for longer is let go, milliseconds. What it missed it gets when it comes back. */
const STALL = 60_000;
/** Some browsers show nothing of a stream before so many bytes: https://bugs.webkit.org/show_bug.cgi?id=252413. */
const PADDING = `:${' '.repeat(1_024)}\n\n`;

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
}

/** Nothing is queued for a slow reader: it gets what is new when it takes more. */
export function streamed({ session, encoder, over, signals, close }: Answering, headers: Readonly<Record<string, string>>): Response {
  const bytes = new TextEncoder();
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
    if (!isOver) alive = setTimeout(() => tell(':\n\n'), KEEP_ALIVE);
  };
  const write = (frames: string): void => {
    rest();
    controller.enqueue(bytes.encode(frames));
  };
  const tell = (comment = ''): void => {
    if (isOver) return;
    if ((controller.desiredSize ?? 0) <= 0) {
      stall ??= setTimeout(cut, STALL);
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
      write(PADDING + encoder.begin());
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
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no', ...headers },
  });
}
