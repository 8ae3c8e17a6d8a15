/**
 * Checks of the event stream.
 * @module
 */
import { type Job, failed, inDirectory, type Visit } from './types.js';

/** A good stream says `server.connected` at once; one that is held back says it when a buffer is full. */
const OPENS = 6_000;
const TOLD = 6_000;
/** Servers beat every 10 s, older ones every 30 s. */
const BEAT = 40_000;

/** Whether the stream opens at once, as what it is. */
export const events: Job = {
  name: 'events',
  title: 'Event stream opens',
  needs: ['auth'],
  async run(visit) {
    const start = performance.now();
    const listener = await Listener.open(visit, '/event', OPENS);
    try {
      await listener.until((event) => event.type === 'server.connected', OPENS, () => heldBack());
      const encoding = listener.headers.get('content-encoding');
      const packed = encoding === null || encoding === 'identity' ? '' : `; something packs it (${encoding}), which may hold events back`;
      return `after ${Math.round(performance.now() - start)} ms${packed}`;
    } finally {
      listener.close();
    }
  },
};

/** Whether events of the sessions in this directory come on its stream: it wants the exact spelling of the server. */
export const scope: Job = {
  name: 'scope',
  title: 'Events of this directory',
  needs: ['events', 'session'],
  async run(visit) {
    const { directory } = visit.options;
    const named = inDirectory(directory);
    const told = (await (await visit.ask(`/path${named}`)).json()) as { directory?: string };
    const own = told.directory ?? '';
    if (directory !== undefined && own !== directory) {
      throw failed('wrong_directory', `The server calls it ${own}.`, `Pass exactly that: ${own}.`);
    }
    const listener = await Listener.open(visit, `/event${inDirectory(own)}`, OPENS);
    try {
      await listener.until((event) => event.type === 'server.connected', OPENS, () => heldBack());
      const session = visit.known.session ?? '';
      const title = `opencode-session doctor ${Date.now()}`;
      await visit.ask(`/session/${encodeURIComponent(session)}${named}`, {
        method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ title }),
      });
      await listener.until(({ raw }) => raw.includes(title), TOLD, (count) =>
        count > 1
          ? failed('wrong_directory', 'The stream of this directory has events, but not those of a session made in it.', 'Check that --directory is spelled as in GET /path.')
          : failed('mute', 'The stream is open, but carries no events.', 'Check what stands between: something lets only the beginning through, or the directory is another one.'),
      );
      return `they come on /event?directory=${own}`;
    } finally {
      listener.close();
    }
  },
};

/** How often the server says that it is there. */
export const heartbeat: Job = {
  name: 'heartbeat',
  title: 'Heartbeat',
  needs: ['events'],
  async run(visit) {
    const listener = await Listener.open(visit, '/event', OPENS);
    const start = performance.now();
    try {
      await listener.until((event) => event.type === 'server.heartbeat', BEAT, () =>
        failed('no_heartbeat', `No heartbeat in ${BEAT / 1_000} s.`, 'Something in between keeps small pieces back; turn its buffering off for /event.'),
      );
      return `after ${Math.round((performance.now() - start) / 1_000)} s`;
    } finally {
      listener.close();
    }
  },
};

/** What is wrong with a stream that opens and says nothing. */
function heldBack() {
  return failed(
    'buffering_proxy',
    'The stream was asked for, but its first event does not come.',
    'Something in between collects the answer before it passes it on. Turn that off for /event (nginx: proxy_buffering off).',
  );
}

interface Told {
  readonly type: string;
  readonly raw: string;
}

/** Reads events, so far as these checks need: servers send one `data:` line per event. */
class Listener {
  readonly headers: Headers;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #stop: AbortController;
  readonly #decoder = new TextDecoder();
  #text = '';
  #count = 0;

  private constructor(response: Response, stop: AbortController) {
    this.headers = response.headers;
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader();
    this.#stop = stop;
  }

  static async open(visit: Visit, path: string, patience: number): Promise<Listener> {
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), patience);
    try {
      const response = await visit.ask(path, { headers: { accept: 'text/event-stream' }, signal: stop.signal });
      const kind = response.headers.get('content-type') ?? 'none';
      if (!response.ok || response.body === null) {
        throw failed('stream_refused', `The stream gives status ${response.status}.`, "Look at the server's log.");
      }
      if (!kind.includes('text/event-stream')) {
        throw failed('wrong_content_type', `The stream is called ${kind}.`, 'Let /event through to the server untouched: it is text/event-stream there.');
      }
      return new Listener(response, stop);
    } catch (error) {
      stop.abort();
      if (error instanceof Error && error.name === 'AbortError') throw heldBack();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  /** Reads until an event is the one; throws what `or` gives when it does not come in time. `or` gets how many came. */
  async until(is: (event: Told) => boolean, patience: number, or: (count: number) => Error): Promise<void> {
    const late = setTimeout(() => this.close(), patience);
    try {
      for (;;) {
        const end = this.#text.search(/\r?\n\r?\n/);
        if (end >= 0) {
          const frame = this.#text.slice(0, end);
          this.#text = this.#text.slice(end).replace(/^(\r?\n){2}/, '');
          const raw = /^data: ?(.*)$/m.exec(frame)?.[1];
          if (raw === undefined) continue;
          this.#count += 1;
          const type = (safely(raw) as { type?: string } | undefined)?.type ?? '';
          if (is({ type, raw })) return;
          continue;
        }
        const { value, done } = await this.#reader.read();
        if (done) throw failed('stream_cut', 'The stream ended by itself.', 'Raise the time limits for /event of whatever stands between (nginx: proxy_read_timeout).');
        this.#text += this.#decoder.decode(value, { stream: true });
      }
    } catch (error) {
      throw this.#stop.signal.aborted ? or(this.#count) : error;
    } finally {
      clearTimeout(late);
    }
  }

  close(): void {
    this.#stop.abort();
    // Node does not end a stream that was asked for with "redirect: 'error'" by the signal alone, and would wait for it.
    this.#reader.cancel().catch(() => undefined);
  }
}

function safely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
