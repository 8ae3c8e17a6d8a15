/**
 * The one way to a shared stream.
 * @module
 */
import { LeaderPort } from './leader.js';
import { KeeperPort } from './port.js';
import type { AuthHeader, Log, StreamSink, StreamSource } from './protocol.js';

/** Where `keeper: true` looks for the file. */
export const KEEPER_SCRIPT = '/opencode-session-keeper.js';

/** A stream shared by the origin's tabs: through the service worker, or where it cannot be had through a leading tab. */
export function openKeeper(script: string, base: string, log: Log): StreamSource {
  return new Shared(new KeeperPort(script, base, log), new LeaderPort(base));
}

class Shared implements StreamSource {
  readonly #worker: KeeperPort;
  readonly #leader: LeaderPort;
  #current: StreamSource;

  constructor(worker: KeeperPort, leader: LeaderPort) {
    this.#worker = worker;
    this.#leader = leader;
    this.#current = worker;
  }

  open(path: string, auth: AuthHeader | undefined, position: string | undefined, sink: StreamSink): void {
    this.close();
    if (this.#current === this.#leader) return this.#leader.open(path, auth, position, sink);
    this.#worker.open(path, auth, position, {
      opened: (status, contentType, retryAfter) => sink.opened(status, contentType, retryAfter),
      bytes: (chunk) => sink.bytes(chunk),
      closed: (cause) => {
        if (cause !== 4 || !this.#worker.isMissing) return sink.closed(cause);
        this.#current = this.#leader;
        this.#leader.open(path, auth, position, sink);
      },
    });
  }

  close(): void {
    this.#current.close();
  }
}
