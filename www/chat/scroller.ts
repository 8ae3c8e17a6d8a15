/** How close to the bottom counts as being there, and to the top as wanting older messages, in pixels. */
const BOTTOM = 48;
const TOP = 400;

/** Keeps the log at its end while the reader is there, and keeps the reader's place when they are not. */
export class Scroller {
  private pinned = true;

  constructor(
    private readonly log: HTMLElement,
    private readonly column: HTMLElement,
    private readonly jump: HTMLButtonElement,
    private readonly onNearTop: () => void,
  ) {
    log.addEventListener('scroll', () => this.onScroll(), { passive: true });
    // Opening a folded block is reading: the log must not run away from under it.
    log.addEventListener('click', (event) => {
      if (event.target instanceof Element && event.target.closest('summary')) this.setPinned(false);
    });
    jump.addEventListener('click', () => {
      this.toBottom();
      log.focus({ preventScroll: true });
    });
    const sizes = new ResizeObserver(() => {
      if (this.pinned) this.log.scrollTop = this.log.scrollHeight;
      else this.onScroll();
    });
    sizes.observe(log);
    sizes.observe(column);
  }

  toBottom(): void {
    this.setPinned(true);
    this.log.scrollTop = this.log.scrollHeight;
  }

  /** Runs an update that adds or removes content above the reader, and keeps what they see where it is. */
  keepingPlace(rows: Element, update: () => void): void {
    const anchor = this.pinned ? undefined : this.firstVisible(rows);
    const before = anchor?.getBoundingClientRect().top ?? 0;
    update();
    if (anchor?.isConnected) this.log.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  /** Asks for older messages when the reader is near the top, or when there is nothing to scroll. */
  checkTop(): void {
    if (this.log.scrollTop < TOP && this.column.isConnected) this.onNearTop();
  }

  private firstVisible(rows: Element): Element | undefined {
    const top = this.log.getBoundingClientRect().top;
    for (const row of rows.children) if (row.getBoundingClientRect().bottom > top) return row;
    return undefined;
  }

  private onScroll(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    this.setPinned(scrollHeight - scrollTop - clientHeight < BOTTOM);
    this.checkTop();
  }

  private setPinned(pinned: boolean): void {
    this.pinned = pinned;
    this.jump.hidden = pinned;
  }
}
