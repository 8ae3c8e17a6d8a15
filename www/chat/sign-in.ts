import type { Auth } from 'opencode-session';
import { askPassword } from './dialogs.js';

/** Asks for the password when the server wants one, without asking again and again. */
export class SignIn {
  private open = false;
  private offered = false;
  private tried = false;

  constructor(
    private readonly server: () => string | undefined,
    private readonly use: (auth: Auth) => Promise<void>,
  ) {}

  /** Asks by itself once per try: after "Cancel" it is the person's turn, by the banner's button. */
  offer(): void {
    if (!this.offered) void this.ask();
  }

  async ask(): Promise<void> {
    const server = this.server();
    if (this.open || server === undefined) return;
    this.open = this.offered = true;
    const auth = await askPassword(new URL(server).origin, this.tried);
    this.open = false;
    if (!auth) return;
    this.tried = true;
    this.offered = false;
    await this.use(auth);
  }
}
