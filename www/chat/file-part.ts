import type { Part } from 'opencode-session';
import { el, setAttribute, setText } from './dom.js';
import { textOf } from './fields.js';
import type { PartView } from './part-view.js';

/** An attached file: a name, and a picture where the bytes came along. */
export class FilePart implements PartView {
  readonly node = el('div', { class: 'part file' });
  private readonly name = el('span', { class: 'file-name' });
  private picture: HTMLImageElement | undefined;

  constructor() {
    this.node.append(this.name);
  }

  update(part: Part): void {
    const name = textOf(part.filename ?? part.mime ?? 'file');
    setText(this.name, name);
    if (part.url === undefined || !PICTURE.test(part.url)) return;
    if (!this.picture) {
      this.picture = el('img', { class: 'picture' });
      this.node.prepend(this.picture);
    }
    setAttribute(this.picture, 'alt', name);
    if (this.picture.src !== part.url) this.picture.src = part.url;
  }
}

// Only formats that cannot hold script, and only from the message itself: a remote picture would tell its host who reads.
const PICTURE = /^data:image\/(?:png|jpeg|gif|webp|avif);base64,/;
