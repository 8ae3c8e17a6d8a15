/** Bytes that are copied at once: wasm memory never shrinks. */
const PIECE = 65536;

/**
 * Only the loop; what to do is decided in Rust. `room()`, where there is one, may be a promise: reading goes on when it is fulfilled.
 * Gives a function that ends the reading.
 */
export function pump(body, feed, room) {
  const reader = body.getReader();
  let isOver = false;
  const run = async () => {
    let clean = false;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (isOver) return;
        if (done) break;
        // A view costs as much as reading a small piece does.
        if (value.length <= PIECE) {
          if (!feed.take(value)) return;
        } else for (let at = 0; at < value.length; at += PIECE) if (!feed.take(value.subarray(at, at + PIECE))) return;
        const wait = room?.();
        if (wait) {
          feed.pause(true);
          await wait;
          feed.pause(false);
        }
        if (isOver) return;
      }
      clean = true;
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) throw error;
    } finally {
      if (!isOver) {
        isOver = true;
        feed.end(clean);
        if (!clean) reader.cancel().catch(() => undefined);
      }
      feed.free();
    }
  };
  run();
  return () => {
    if (isOver) return;
    isOver = true;
    reader.cancel().catch(() => undefined);
  };
}

/** Grows evenly, whatever is done to the clock. Every host has it, not only windows. */
export const steady = () => performance.now();
