/**
 * A page's way to the keeper's service worker.
 * @module
 */
import { bounded } from '../answer.js';
import { type Log, PROTOCOL, readAnswer, type StreamSink, type StreamSource, uniqueId, type Whose } from './protocol.js';
import { activeWorker, type Found, findWorker } from './registration.js';

/** Waits of a {@link KeeperPort}, milliseconds. */
export interface PortTimes {
  /** Until a new worker is active. */
  readonly activate: number;
  /** For an answer. */
  readonly answer: number;
  /** Between two pings. */
  readonly ping: number;
}

/** The usual waits. */
export const PORT_TIMES: PortTimes = { activate: 3_000, answer: 2_500, ping: 15_000 };

/** Reads a stream through the keeper. One at a time. */
export class KeeperPort implements StreamSource {
  readonly #script: string;
  readonly #base: string;
  readonly #log: Log;
  readonly #times: PortTimes;
  readonly #identity: string | undefined;
  #attachment: Attachment | undefined;
  #missing = false;

  /** @param script address of the keeper file @param base address of the server, without a slash at the end */
  constructor(script: string, base: string, log: Log, times: Partial<PortTimes> = {}, identity?: string) {
    this.#identity = identity;
    this.#script = script;
    this.#base = base;
    this.#log = log;
    this.#times = { ...PORT_TIMES, ...times };
  }

  /** There is no service worker here, or no keeper file: asking again is of no use on this page. */
  get isMissing(): boolean {
    return this.#missing;
  }

  open(path: string, { auth, who }: Whose, position: string | undefined, sink: StreamSink): void {
    this.close();
    const attachment = new Attachment(sink, this.#log, this.#times);
    this.#attachment = attachment;
    const message = { type: 'attach', protocol: PROTOCOL, id: attachment.id, base: this.#base, path, auth, position, identity: this.#identity, who };
    void findWorker(this.#script, this.#times.activate).then((found) => {
      this.#missing = found === 'missing' || found === 'refused';
      if (found === 'missing') this.#log(1, 'keeper_missing', 'There is no keeper at its address, or no service worker here.');
      if (found === 'refused') this.#log(2, 'keeper_missing', "The page's policy refuses the keeper: name opencode-session in its trusted-types.");
      attachment.start(found, message);
    }).catch(() => attachment.start('missing', message));
  }

  close(): void {
    this.#attachment?.leave();
    this.#attachment = undefined;
  }

  rest(resting: boolean): void {
    this.#attachment?.rest(resting);
  }

  async forget(who: string): Promise<void> {
    this.close();
    const worker = await activeWorker(this.#script);
    if (worker === undefined) return;
    const { port1, port2 } = new MessageChannel();
    await bounded(this.#times.answer, () => new Promise((resolve) => {
      port1.onmessage = resolve;
      worker.postMessage({ type: 'forget', protocol: PROTOCOL, base: this.#base, who }, [port2]);
    })).finally(() => port1.close());
  }
}

/** One reading of the stream, from attach to its end. */
class Attachment {
  readonly id = uniqueId();
  readonly #sink: StreamSink;
  readonly #log: Log;
  readonly #times: PortTimes;
  readonly #channel = new MessageChannel();
  readonly #waiting = new AbortController();
  #found: Exclude<Found, string> | undefined;
  #over = false;
  #asleep = false;
  #here = false;
  #orphaned = false;
  #resting = false;
  #late: ReturnType<typeof setTimeout> | undefined;
  #pings: ReturnType<typeof setInterval> | undefined;

  constructor(sink: StreamSink, log: Log, times: PortTimes) {
    this.#sink = sink;
    this.#log = log;
    this.#times = times;
  }

  start(found: Found, message: object): void {
    if (this.#over) return;
    if (typeof found === 'string') return this.#end(4);
    this.#found = found;
    const { port1, port2 } = this.#channel;
    port1.onmessage = ({ data }) => this.#take(data);
    // Nobody tells the worker that a page is gone.
    addEventListener('pagehide', this.#hidden);
    found.worker.postMessage(message, [port2]);
    this.#await();
  }

  /** A worker that is not asked for may be ended meanwhile; the first ping after the rest shows it. */
  rest(resting: boolean): void {
    if (this.#resting === resting || this.#over) return;
    this.#resting = resting;
    clearInterval(this.#pings);
    if (resting || !this.#here) return;
    if (this.#orphaned) return this.#end(0);
    this.#pings = setInterval(() => this.#ping(), this.#times.ping);
    this.#ping();
  }

  /** The reader goes; it is told nothing more. */
  leave(): void {
    this.#asleep = false;
    if (this.#over) return;
    this.#channel.port1.postMessage('detach');
    this.#stop();
  }

  /** A page that is shown again reads on where it was. */
  readonly #hidden = (): void => {
    this.leave();
    this.#asleep = true;
    addEventListener('pageshow', () => this.#asleep && this.#sink.closed(0), { once: true });
  };

  #take(data: unknown): void {
    if (this.#over) return;
    const answer = readAnswer(data);
    if (answer instanceof Uint8Array) return this.#sink.bytes(answer);
    switch (answer?.type) {
      case 'here':
        this.#answered();
        this.#here = true;
        if (!this.#resting) this.#pings = setInterval(() => this.#ping(), this.#times.ping);
        return;
      case 'life':
        return this.#outlive(answer.lock);
      case 'open':
        return this.#sink.opened(answer.status, answer.contentType, answer.retryAfter);
      case 'close':
        return this.#end(answer.cause);
      case 'other':
        this.#log(2, 'keeper_version', 'The keeper is of another version: copy its file again (npx opencode-session keeper <public folder>).');
        return this.#end(4);
      case 'broken':
        this.#log(2, 'keeper_blocked', "The keeper may not compile wasm: allow 'wasm-unsafe-eval' in the policy of its file.");
        return this.#end(4);
      default:
    }
  }

  /** The worker has this lock as long as it lives: who gets it knows of its end, without any timer. */
  #outlive(lock: string): void {
    const request = globalThis.navigator.locks?.request(lock, { mode: 'shared', signal: this.#waiting.signal }, () => {
      this.#orphaned = true;
      if (!this.#resting) this.#end(0);
    });
    request?.catch(() => undefined);
  }

  /** Wakes the worker if it sleeps; one that was ended does not know this reader any more. */
  #ping(): void {
    if (this.#late !== undefined) return;
    const worker = this.#found?.registration.active ?? this.#found?.worker;
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => {
      port1.close();
      this.#answered();
      const answer = readAnswer(data);
      if (answer instanceof Uint8Array || answer?.type !== 'known') this.#take(data);
      else if (!answer.known) this.#end(0);
    };
    worker?.postMessage({ type: 'ping', protocol: PROTOCOL, id: this.id }, [port2]);
    this.#await();
  }

  /** An answer is due. A page that slept meanwhile has it in its queue, so it is given that time once more. */
  #await(): void {
    const due = performance.now() + this.#times.answer;
    this.#late = setTimeout(() => {
      if (performance.now() > due + 1_000) {
        this.#late = setTimeout(() => this.#silent(), this.#times.answer);
      } else this.#silent();
    }, this.#times.answer);
  }

  #answered(): void {
    clearTimeout(this.#late);
    this.#late = undefined;
  }

  #silent(): void {
    this.#log(2, 'keeper_silent', 'The keeper does not answer.');
    this.#end(4);
  }

  #end(cause: number): void {
    if (this.#over) return;
    this.#stop();
    this.#sink.closed(cause);
  }

  #stop(): void {
    this.#over = true;
    this.#waiting.abort();
    removeEventListener('pagehide', this.#hidden);
    this.#answered();
    clearInterval(this.#pings);
    this.#channel.port1.close();
  }
}
