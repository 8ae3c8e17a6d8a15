/**
 * The one way to a shared stream.
 * @module
 */
import { KeeperPort } from './port.js';
import type { Credentials, KeptStream, Log, StreamSink, StreamSource, Whose } from './protocol.js';

/** Where `keeper: true` looks for the file. */
const KEEPER_SCRIPT = '/opencode-session-keeper.js';

/** A stream shared by the origin's tabs: through the service worker, or where it cannot be had through a leading tab. */
export function openKeeper(script: string | boolean | undefined, base: string, log: Log, identity?: string): KeptStream {
  return new Shared(typeof script === 'string' ? script : KEEPER_SCRIPT, base, log, identity);
}

class Shared implements KeptStream {
  readonly #base: string;
  readonly #identity: string | undefined;
  readonly #worker: KeeperPort;
  #leader: StreamSource | undefined;
  /** Grows with each `open` and `close`: what is still loaded for an older one is of no use. */
  #opening = 0;

  constructor(script: string, base: string, log: Log, identity: string | undefined) {
    this.#base = base;
    this.#identity = identity;
    this.#worker = new KeeperPort(script, base, log, {}, identity);
  }

  async attach(
    requests: Credentials, path: string, position: string | undefined, signal: AbortSignal, sink: StreamSink, again = requests.mayRefresh,
  ): Promise<void> {
    let whose: Whose;
    try {
      const auth = await requests.credentials();
      whose = { auth, who: (await requests.owner()) ?? '' };
    } catch (error) {
      return sink.closed((error as Error).name === 'TimeoutError' ? 2 : 3);
    }
    if (signal.aborted) return;
    signal.addEventListener('abort', () => this.#close());
    this.#open(path, whose, position, {
      ...sink,
      opened: (status, contentType, retryAfter) => {
        if (status === 401 && again) void this.attach(requests, path, position, signal, sink, false);
        else sink.opened(status, contentType, retryAfter);
      },
    });
  }

  rest(resting: boolean): void {
    (this.#leader ?? this.#worker).rest(resting);
  }

  async forget(who: string): Promise<void> {
    this.#opening += 1;
    await Promise.all([this.#leader?.forget(who), this.#worker.forget(who)]);
  }

  #open(path: string, whose: Whose, position: string | undefined, sink: StreamSink): void {
    this.#close();
    if (this.#leader !== undefined) return this.#leader.open(path, whose, position, sink);
    const opening = this.#opening;
    this.#worker.open(path, whose, position, {
      opened: (status, contentType, retryAfter) => sink.opened(status, contentType, retryAfter),
      bytes: (chunk) => sink.bytes(chunk),
      closed: (cause) => {
        if (cause !== 4 || !this.#worker.isMissing) return sink.closed(cause);
        // A file of its own, with the keeper's wasm inside.
        import('./leader.js').then(
          ({ LeaderPort }) => {
            this.#leader ??= new LeaderPort(this.#base, {}, this.#identity);
            if (opening === this.#opening) this.#leader.open(path, whose, position, sink);
          },
          () => opening === this.#opening && sink.closed(4),
        );
      },
    });
  }

  #close(): void {
    this.#opening += 1;
    (this.#leader ?? this.#worker).close();
  }
}
