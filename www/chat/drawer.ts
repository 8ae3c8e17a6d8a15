import { byId } from './dom.js';

/** On a narrow screen the list of chats slides over the page. */
export class Drawer {
  private readonly sidebar = byId('sidebar', HTMLElement);
  private readonly page = byId('page', HTMLElement);
  private readonly menu = byId('menu', HTMLButtonElement);
  private readonly narrow = matchMedia('(max-width: 760px)');

  constructor() {
    const close = byId('sidebar-close', HTMLButtonElement);
    this.menu.addEventListener('click', () => {
      this.set(true);
      close.focus();
    });
    close.addEventListener('click', () => this.dismiss());
    byId('shade', HTMLButtonElement).addEventListener('click', () => this.dismiss());
    this.sidebar.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !this.isOpen) return;
      event.stopPropagation();
      this.dismiss();
    });
    this.narrow.addEventListener('change', () => this.set(false));
  }

  get isOpen(): boolean {
    return this.sidebar.classList.contains('open');
  }

  close(): void {
    if (this.isOpen) this.set(false);
  }

  private dismiss(): void {
    this.set(false);
    this.menu.focus();
  }

  private set(open: boolean): void {
    this.sidebar.classList.toggle('open', open && this.narrow.matches);
    this.page.inert = this.isOpen;
    this.menu.setAttribute('aria-expanded', String(this.isOpen));
  }
}
