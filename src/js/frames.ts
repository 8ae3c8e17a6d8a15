/**
 * When to draw: once per animation frame, by timer where there are no frames.
 * @module
 */

/** Without frames (workers, Node), and at the latest when a frame does not come (hidden tabs), milliseconds. */
const TIMER = 16;
const LATEST = 250;

/** Calls `draw` once per frame after `request`, however often that is called. */
export class Frames {
  readonly #draw: () => void;
  #pending = false;
  #frame: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(draw: () => void) {
    this.#draw = draw;
  }

  request(): void {
    if (this.#pending) return;
    this.#pending = true;
    const framed = typeof requestAnimationFrame === 'function' && globalThis.document?.hidden === false;
    if (framed) this.#frame = requestAnimationFrame(this.#run);
    this.#timer = setTimeout(this.#run, framed ? LATEST : TIMER);
  }

  cancel(): void {
    this.#pending = false;
    clearTimeout(this.#timer);
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
  }

  readonly #run = (): void => {
    this.cancel();
    this.#draw();
  };
}
