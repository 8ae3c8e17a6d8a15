import type { Client } from 'opencode-session';
import { askRecording } from './dialogs.js';
import { byId, el } from './dom.js';

/** How long the browser may take to begin with a download, milliseconds. */
const BEGIN = 60_000;
const FULL = 'The recording is full, and ended before now. Reload the page to begin a new one.';

/** The button that saves what the page recorded. */
export class SaveRecording {
  private readonly node = byId('save-recording', HTMLButtonElement);
  private client: Client | undefined;

  constructor(private readonly failed: (error: unknown) => void) {
    this.node.addEventListener('click', () => void this.save());
  }

  /** From here on this client's recording is saved. */
  use(client: Client): void {
    this.client = client;
    this.node.disabled = false;
  }

  private async save(): Promise<void> {
    try {
      const recording = await this.client?.record();
      const how = recording && (await askRecording(recording.ended === 'limit' ? FULL : ''));
      if (!how) return;
      const href = URL.createObjectURL(await recording.file(how));
      el('a', { href, download: recording.name }).click();
      setTimeout(() => URL.revokeObjectURL(href), BEGIN);
    } catch (error) {
      this.failed(error);
    }
  }
}
