/**
 * The streams of this process: one for a server, however many relays and copies of this module there are, and its end with the process.
 * @module
 */
import type { Desk } from './desk.js';
import { Hub, type Judge, type Server } from './hub.js';
import { load } from './load.js';
import type { RelayOptions } from './options.js';
import type { Upstream } from './upstream.js';

/** Frameworks load modules several times: https://github.com/vercel/next.js/issues/65350. */
const PLACE = Symbol.for('opencode-session.relay');
/** Longest way out, milliseconds: the machine takes two seconds at most. */
const DRAIN = 3_000;

/** What is used of Node's `process`. */
interface Process {
  readonly pid: number;
  on(event: 'SIGTERM', listener: () => void): unknown;
  off(event: 'SIGTERM', listener: () => void): unknown;
  listenerCount(event: 'SIGTERM'): number;
  kill(pid: number, signal: 'SIGTERM'): unknown;
}

export class Hubs {
  readonly desks = new Set<Desk>();
  readonly #open = new Map<string, Promise<Hub>>();
  readonly #ready = new Map<string, Hub>();
  #isWatched = false;

  get(server: string): Hub | undefined {
    return this.#ready.get(server);
  }

  /** The hub of a server, made where there is none. */
  async open(upstream: Upstream, { store, limits = {} }: RelayOptions, judge: Judge): Promise<Hub> {
    this.#watch();
    const { base } = upstream;
    const ready = this.#ready.get(base);
    if (ready?.isOver === false) {
      // Credentials that were put right, or code that was loaded anew.
      ready.server = serverOf(upstream);
      return ready;
    }
    let opening = this.#open.get(base);
    if (opening === undefined) {
      opening = load().then((instance) => {
        const hub = new Hub(instance, serverOf(upstream), store, limits, judge, () => {
          if (this.#ready.get(base) === hub) this.#ready.delete(base);
        });
        this.#ready.set(base, hub);
        return hub;
      }).finally(() => this.#open.delete(base));
      this.#open.set(base, opening);
    }
    return opening;
  }

  /** Ends the readers of a server, and waits until its hub has let go. */
  async drain(server: string): Promise<void> {
    const hub = this.#ready.get(server);
    if (hub === undefined) return;
    hub.drain();
    const end = performance.now() + DRAIN;
    while (!hub.isOver && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
    hub.close();
  }

  /** Frameworks wait for open streams when they are told to end: these are ended here. */
  #watch(): void {
    const { process } = globalThis as { process?: Process };
    if (this.#isWatched || typeof process?.on !== 'function') return;
    this.#isWatched = true;
    const ended = (): void => {
      process.off('SIGTERM', ended);
      const isAlone = process.listenerCount('SIGTERM') === 0;
      Promise.all([...this.desks].map((desk) => desk.drain())).finally(() => {
        // Nobody else does what the signal says.
        if (isAlone) process.kill(process.pid, 'SIGTERM');
      });
    };
    process.on('SIGTERM', ended);
  }
}

function serverOf(upstream: Upstream): Server {
  return { log: upstream.base, stream: (signal) => upstream.stream(signal) };
}

/** The one of this process. */
export function hubs(): Hubs {
  const shared = globalThis as { [PLACE]?: Hubs };
  shared[PLACE] ??= new Hubs();
  return shared[PLACE];
}
