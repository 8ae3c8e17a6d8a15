/** Calls back with the whole seconds left, once now and then at each change, until zero. */
export class Countdown {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private until = 0;

  /** `show` gets 0 when the time is up. Starting again with the same end is free. */
  start(until: number, show: (seconds: number) => void): void {
    if (this.until === until && this.timer !== undefined) return;
    this.stop();
    this.until = until;
    const tick = () => {
      const left = Math.max(0, until - Date.now());
      show(Math.ceil(left / 1000));
      this.timer = left > 0 ? setTimeout(tick, left % 1000 || 1000) : undefined;
    };
    tick();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.until = 0;
  }
}
