import type { SessionInfo } from 'opencode-session';
import { inLine } from '../../src/js/visible.js';
import { byId, setAttribute, setText } from './dom.js';

/** The title of the page: which chat this is, where it belongs, and what can be done with it. */
export class Heading {
  private readonly title = byId('title', HTMLElement);
  private readonly parent = byId('parent', HTMLAnchorElement);
  private readonly actions = byId('actions', HTMLElement);

  constructor(on: { readonly rename: () => void; readonly remove: () => void }) {
    byId('rename', HTMLButtonElement).addEventListener('click', on.rename);
    byId('delete', HTMLButtonElement).addEventListener('click', on.remove);
  }

  showStart(): void {
    this.show('New chat', undefined);
    this.actions.hidden = true;
  }

  /** `info` is undefined until the server has described the chat. */
  showChat(info: SessionInfo | undefined): void {
    this.show(info ? info.title || 'Untitled' : 'Chat', info?.parentID);
    this.actions.hidden = false;
  }

  private show(title: string, parent: string | undefined): void {
    setText(this.title, inLine(title));
    document.title = `${this.title.textContent} · OpenCode chat`;
    setAttribute(this.parent, 'hidden', parent === undefined);
    setAttribute(this.parent, 'href', parent === undefined ? undefined : `#${parent}`);
  }
}
