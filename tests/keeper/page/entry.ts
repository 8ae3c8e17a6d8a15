// What a test page has: the ways to the keeper, and a reader that keeps what it was told.
import { Keeper } from '../../../src/js/keeper/core/keeper.js';
import { LeaderPort } from '../../../src/js/keeper/leader.js';
import { KeeperPort } from '../../../src/js/keeper/port.js';
import type { AuthHeader, KeptStream, StreamSource } from '../../../src/js/keeper/protocol.js';
import { openKeeper } from '../../../src/js/keeper/shared.js';

interface Told {
  status: number[];
  kinds: string[];
  closed: number[];
  text: string;
  events: { id: string; type: string; properties: Record<string, unknown> }[];
  position: string | undefined;
  /** Milliseconds from `open` to the first bytes. */
  first: number;
}

const told: Told = { status: [], kinds: [], closed: [], text: '', events: [], position: undefined, first: -1 };
const logs: string[] = [];
const log = (level: number, code: string, message: string): void => void logs.push(`${level} ${code} ${message}`);
let source: StreamSource | undefined;

/** Opens a source of this kind once, then reads a stream through it. */
function read(kind: 'port' | 'leader' | 'shared', script: string, base: string, options: { path?: string; auth?: AuthHeader; position?: string; times?: object } = {}): void {
  source ??=
    kind === 'port' ? new KeeperPort(script, base, log, options.times) : kind === 'leader' ? new LeaderPort(base, options.times) : held(openKeeper(script, base, log));
  const begin = performance.now();
  let buffer = '';
  const decoder = new TextDecoder();
  Object.assign(told, { text: '', events: [], first: -1 });
  source.open(options.path ?? '/event', { auth: options.auth, who: '' }, options.position, {
    opened: (status, kind) => {
      told.status.push(status);
      told.kinds.push(kind);
    },
    bytes: (chunk) => {
      if (told.first < 0) told.first = performance.now() - begin;
      buffer += decoder.decode(chunk, { stream: true });
      const frames = buffer.split('\n\n');
      buffer = frames.pop() ?? '';
      for (const frame of frames) take(frame);
    },
    closed: (cause) => void told.closed.push(cause),
  });
}

/** What asks for credentials itself, as a source that is given them. */
function held(stream: KeptStream): StreamSource {
  let reading = new AbortController();
  return {
    open: (path, { auth }, position, sink) => {
      reading.abort();
      reading = new AbortController();
      void stream.attach({ mayRefresh: false, credentials: async () => auth, owner: async () => '' }, path, position, reading.signal, sink);
    },
    close: () => reading.abort(),
    rest: (resting) => stream.rest(resting),
    forget: (who) => stream.forget(who),
  };
}

/** The wasm of this page traps with the next bytes of a stream that is opened from here on. */
function trap(): void {
  Keeper.prototype.streamBytes = () => {
    throw new WebAssembly.RuntimeError('unreachable');
  };
}

function take(frame: string): void {
  const lines = frame.split('\n');
  const id = lines.find((line) => line.startsWith('id: '))?.slice(4) ?? '';
  const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6)).join('\n');
  const parsed = JSON.parse(data);
  const event = parsed.payload ?? parsed;
  if (id !== '') told.position = id;
  told.events.push({ id, type: event.type, properties: event.properties });
  if (event.type === 'message.part.delta') told.text += event.properties.delta;
}

Object.assign(globalThis, { keeper: { read, told, logs, trap, close: () => source?.close(), rest: (resting: boolean) => source?.rest(resting) } });
