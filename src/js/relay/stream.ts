/**
 * A reader of the event stream, as a web-standard answer.
 * @module
 */
import type { Access } from './options.js';
import type { Hub, Reader, Sink } from './hub.js';

/** Some browsers show nothing of a stream before so many bytes: https://bugs.webkit.org/show_bug.cgi?id=252413. */
export const PADDING = new TextEncoder().encode(`:${' '.repeat(1_024)}\n\n`);

/** Nothing may hold a stream back to compress or to cache it. */
export const HEADERS = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' };

/** A stream that may begin. */
export interface Opening {
  readonly access: Access;
  readonly position: string | undefined;
  readonly hub: Hub;
}

/** Attaches a reader; gives the status with which it was turned away instead. */
export function attached({ access, position, hub }: Opening, sink: Sink): Reader | number {
  let turned: number | undefined;
  let isAttached = false;
  const reader = hub.attach(access, position, {
    write: (bytes) => sink.write(bytes),
    end: (status) => {
      if (isAttached) sink.end(status);
      else turned = status || 503;
    },
  });
  isAttached = true;
  return turned ?? reader;
}

/** The answer, or the status with which the reader was turned away. */
export function streamed(opening: Opening, signal: AbortSignal, headers: Readonly<Record<string, string>>): Response | number {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let reader: Reader | undefined;
  let isOver = false;
  const leave = (): void => {
    if (isOver) return;
    isOver = true;
    signal.removeEventListener('abort', gone);
    reader?.leave();
  };
  const gone = (): void => {
    leave();
    try {
      controller?.close();
    } catch {
      // The reader has ended it already.
    }
  };
  const first: Uint8Array[] = [PADDING];
  const came = attached(opening, {
    write: (bytes) => {
      if (isOver) return true;
      if (controller === undefined) first.push(bytes);
      else controller.enqueue(bytes);
      return (controller?.desiredSize ?? 0) > 0;
    },
    end: gone,
  });
  if (typeof came === 'number') return came;
  reader = came;
  const body = new ReadableStream<Uint8Array>(
    {
      start: (own) => {
        controller = own;
        for (const bytes of first) own.enqueue(bytes);
        signal.addEventListener('abort', gone);
        if (signal.aborted) gone();
      },
      pull: () => reader?.drained(),
      cancel: leave,
    },
    { highWaterMark: QUEUE, size: (bytes) => bytes.length },
  );
  return new Response(body, { headers: { ...HEADERS, ...headers } });
}

/** Bytes that wait for a reader before it counts as slow. */
const QUEUE = 64 << 10;
