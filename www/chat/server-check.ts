import type { Client, Health } from 'opencode-session';

/** Wait between two tries, in milliseconds. */
const AGAIN = 5_000;

export interface ServerCheckEvents {
  checking(): void;
  reachable(health: Health): void;
  unreachable(error: unknown, attempt: number, retryAt: number): void;
}

/** While no chat is open, asks the server whether it is there, again and again until it is. */
export class ServerCheck {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private run = 0;
  private attempt = 0;

  constructor(private readonly events: ServerCheckEvents) {}

  async start(client: Client): Promise<void> {
    this.stop();
    const run = this.run;
    this.events.checking();
    try {
      const health = await client.health();
      if (run !== this.run) return;
      this.attempt = 0;
      this.events.reachable(health);
    } catch (error) {
      if (run !== this.run) return;
      this.timer = setTimeout(() => void this.start(client), AGAIN);
      this.events.unreachable(error, ++this.attempt, Date.now() + AGAIN);
    }
  }

  stop(): void {
    // An answer that is still on its way belongs to an older run.
    this.run++;
    clearTimeout(this.timer);
  }
}
