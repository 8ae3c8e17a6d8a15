import type { PromptInput } from 'opencode-session';
import { Attachments } from './attachments.js';
import { byId, setAttribute } from './dom.js';
import type { Problem } from './problem.js';
import { Remembered } from './storage.js';

export interface ComposerActions {
  /** Resolves with false when the prompt got nowhere: it is put back then. */
  send(prompt: PromptInput): Promise<boolean>;
  stop(): void;
  refused(problem: Problem | undefined): void;
}

/** The message field with its files and buttons. What is written is kept per chat, over a reload too. */
export class Composer {
  readonly field = byId('composer-text', HTMLTextAreaElement);
  private readonly form = byId('composer', HTMLFormElement);
  private readonly sendButton = byId('send', HTMLButtonElement);
  private readonly stopButton = byId('stop', HTMLButtonElement);
  private readonly attach = byId('attach', HTMLButtonElement);
  private readonly picker = byId('file-input', HTMLInputElement);
  private readonly attachments: Attachments;
  private draft = new Remembered('sessionStorage', 'draft:new');
  private working = false;
  private blocked = true;

  constructor(private readonly actions: ComposerActions) {
    this.attachments = new Attachments(byId('files', HTMLElement), actions.refused, () => this.update());
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.submit();
    });
    this.field.addEventListener('input', () => {
      this.draft.set(this.field.value);
      this.fit();
      this.update();
    });
    this.field.addEventListener('keydown', (event) => {
      // While an input method is composing, Enter picks a word; Safari says so only by the key code.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      void this.submit();
    });
    this.stopButton.addEventListener('click', () => actions.stop());
    this.listenForFiles();
    this.update();
  }

  /** Shows the draft of another chat. */
  open(chat: string): void {
    this.draft = new Remembered('sessionStorage', `draft:${chat}`);
    this.write(this.draft.get());
  }

  /** What is written becomes the draft of a chat that was just made for it. */
  moveTo(chat: string): void {
    this.draft.set('');
    this.draft = new Remembered('sessionStorage', `draft:${chat}`);
    this.draft.set(this.field.value);
  }

  setWorking(working: boolean): void {
    if (working === this.working) return;
    this.working = working;
    // The button that goes away must not take the focus with it.
    if (!working && document.activeElement === this.stopButton) this.field.focus();
    this.update();
  }

  /** No server to send to. */
  setBlocked(blocked: boolean): void {
    this.blocked = blocked;
    this.update();
  }

  focus(): void {
    // On a touch screen the focus would open the keyboard over the chat.
    if (matchMedia('(pointer: fine)').matches) this.field.focus({ preventScroll: true });
  }

  private async submit(): Promise<void> {
    const text = this.field.value;
    if (this.blocked || (text.trim() === '' && this.attachments.empty)) return;
    const draft = this.draft;
    const parts = this.attachments.take();
    draft.set('');
    this.write('');
    const taken = await this.actions.send({ ...(text.trim() !== '' && { text }), ...(parts.length > 0 && { parts }) });
    if (taken) return;
    draft.set(text);
    this.attachments.restore(parts);
    if (this.draft === draft && this.field.value === '') this.write(text);
  }

  private write(text: string): void {
    this.field.value = text;
    this.fit();
    this.update();
  }

  private fit(): void {
    this.field.style.height = 'auto';
    this.field.style.height = `${this.field.scrollHeight}px`;
  }

  private update(): void {
    const empty = this.field.value.trim() === '' && this.attachments.empty;
    this.sendButton.disabled = this.blocked || empty;
    this.field.placeholder = this.blocked ? 'Not connected to a server' : 'Write a message';
    setAttribute(this.stopButton, 'hidden', !this.working);
  }

  private listenForFiles(): void {
    this.attach.addEventListener('click', () => this.picker.click());
    this.picker.addEventListener('change', () => {
      this.attachments.add(this.picker.files ?? []);
      this.picker.value = '';
      this.field.focus();
    });
    this.field.addEventListener('paste', (event) => {
      const files = event.clipboardData?.files;
      if (!files?.length) return;
      event.preventDefault();
      this.attachments.add(files);
    });
    // Anywhere on the page: a file dropped beside the field would otherwise replace the page.
    const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    document.addEventListener('dragover', (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      this.form.classList.add('dropping');
    });
    document.addEventListener('dragleave', (event) => {
      if (event.relatedTarget === null) this.form.classList.remove('dropping');
    });
    document.addEventListener('drop', (event) => {
      this.form.classList.remove('dropping');
      if (!holdsFiles(event)) return;
      event.preventDefault();
      this.attachments.add(event.dataTransfer?.files ?? []);
    });
  }
}
