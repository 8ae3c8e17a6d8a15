import type { PromptPart } from 'opencode-session';
import { button, el, setAttribute } from './dom.js';
import type { Problem } from './problem.js';

/** Files travel inside the prompt as text: much larger ones would only fail later. */
const MAX_FILES = 16;
const MAX_BYTES = 16 * 1024 * 1024;

/** The files that go with the next message. */
export class Attachments {
  private files: File[] = [];

  constructor(
    private readonly list: HTMLElement,
    private readonly onRefused: (problem: Problem | undefined) => void,
    private readonly onChange: () => void,
  ) {}

  get empty(): boolean {
    return this.files.length === 0;
  }

  add(files: Iterable<File>): void {
    let refused: Problem | undefined;
    for (const file of files) {
      const bytes = this.files.reduce((sum, one) => sum + one.size, file.size);
      if (this.files.length < MAX_FILES && bytes <= MAX_BYTES) this.files.push(file);
      else refused = tooMuch(file.name);
    }
    this.onRefused(refused);
    this.render();
  }

  /** Takes the files out as parts of a prompt. */
  take(): PromptPart[] {
    const parts = this.files.map((file): PromptPart => ({
      type: 'file', file, filename: file.name || 'pasted', ...(file.type !== '' && { mime: file.type }),
    }));
    this.files = [];
    this.render();
    return parts;
  }

  /** Puts parts that were taken back, after a send that did not get anywhere. */
  restore(parts: readonly PromptPart[]): void {
    for (const part of parts) if ('file' in part && part.file instanceof File) this.files.push(part.file);
    this.render();
  }

  private render(): void {
    setAttribute(this.list, 'hidden', this.empty);
    this.list.replaceChildren(...this.files.map((file) => el('li', { 'data-testid': 'attachment' },
      preview(file), el('span', {}, file.name || 'pasted'), el('small', {}, size(file.size)),
      button('', { class: 'icon close', 'aria-label': `Remove ${file.name}` }, () => {
        this.files = this.files.filter((one) => one !== file);
        this.render();
      }))));
    this.onChange();
  }
}

/** A small picture of a picture; its name says the rest. */
function preview(file: File): HTMLElement | undefined {
  if (!PICTURE.test(file.type)) return undefined;
  const src = URL.createObjectURL(file);
  const picture = el('img', { class: 'preview', src, alt: '' });
  // Its address holds the file in memory; once it is drawn it is not needed.
  for (const name of ['load', 'error']) picture.addEventListener(name, () => URL.revokeObjectURL(src));
  return picture;
}

// Formats that cannot hold script.
const PICTURE = /^image\/(?:png|jpeg|gif|webp|avif)$/;

function tooMuch(name: string): Problem {
  return {
    code: 'attachment_too_large',
    message: `“${name}” was not attached: a message takes up to ${MAX_FILES} files and ${size(MAX_BYTES)} together.`,
    hint: 'Put large files into the project folder and name their path in the message.',
  };
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
