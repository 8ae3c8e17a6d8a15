/**
 * All streams that one context holds for others, and who reads them.
 * @module
 */
import { isByCookie, type StreamSink, type Target } from './protocol.js';
import { type Holding, Upstream } from './upstream.js';

interface Member {
  detach(): void;
  heard: number;
}

/** Streams held at the same time, of all servers and persons. */
const STREAMS = 32;

/** One upstream per target: server, path, credentials and identity. Credentials are only in memory. */
export class Hub {
  readonly #holding: Holding;
  readonly #lapse: number;
  readonly #empty: () => void;
  readonly #upstreams = new Map<string, Upstream>();
  readonly #members = new Map<string, Member>();

  /** `lapse`: a reader not heard of for so many milliseconds is gone. `empty` is called when the last stream was let go. */
  constructor(holding: Holding, lapse: number, empty: () => void = () => undefined) {
    this.#holding = holding;
    this.#lapse = lapse;
    this.#empty = empty;
  }

  /** Whether any stream has a reader, or a part in flight. */
  get isNeeded(): boolean {
    this.#sweep();
    return [...this.#upstreams.values()].some((upstream) => upstream.isNeeded);
  }

  /** Adds the reader `id`, in place of an older one of that name. */
  attach(id: string, target: Target, position: string | undefined, sink: StreamSink): void {
    this.detach(id);
    // A browser has one set of cookies for a server: those of the person before are gone.
    if (isByCookie(target)) this.#end((other) => isByCookie(other) && other.base === target.base && other.who !== target.who);
    const key = JSON.stringify([target.base, target.path, target.auth?.name, target.auth?.value, target.identity]);
    let upstream = this.#upstreams.get(key);
    if (upstream === undefined) {
      if (this.#upstreams.size >= STREAMS) this.#spare();
      if (this.#upstreams.size >= STREAMS) {
        sink.opened(503, '', '');
        return sink.closed(0);
      }
      try {
        upstream = new Upstream(target, this.#holding, () => {
          this.#upstreams.delete(key);
          if (this.#upstreams.size === 0) this.#empty();
        });
      } catch {
        return sink.closed(4);
      }
      this.#upstreams.set(key, upstream);
    }
    const member: Member = { detach: () => undefined, heard: performance.now() };
    this.#members.set(id, member);
    const forget = (): void => {
      if (this.#members.get(id) === member) this.#members.delete(id);
    };
    member.detach = upstream.attach(position, {
      opened: (status, contentType, retryAfter) => sink.opened(status, contentType, retryAfter),
      bytes: (chunk) => sink.bytes(chunk),
      closed: (cause) => {
        forget();
        sink.closed(cause);
      },
    });
  }

  /** The reader says that it is there. Gives whether it is known. */
  ping(id: string): boolean {
    const member = this.#members.get(id);
    if (member !== undefined) member.heard = performance.now();
    this.#sweep();
    return member !== undefined;
  }

  /** Removes a reader. */
  detach(id: string): void {
    const member = this.#members.get(id);
    this.#members.delete(id);
    member?.detach();
  }

  /** Ends the streams of a person. */
  forget(base: string, who: string): void {
    this.#end((target) => target.base === base && target.who === who);
  }

  /** Ends all streams. */
  close(): void {
    this.#end(() => true);
  }

  #end(which: (target: Target) => boolean): void {
    for (const upstream of [...this.#upstreams.values()]) if (which(upstream.target)) upstream.close();
  }

  /** Ends the oldest stream that nobody reads. */
  #spare(): void {
    [...this.#upstreams.values()].find((upstream) => upstream.isIdle)?.close();
  }

  #sweep(): void {
    const oldest = performance.now() - this.#lapse;
    for (const [id, member] of this.#members) if (member.heard < oldest) this.detach(id);
  }
}
