/**
 * The service worker: holds the streams of the origin. It has no `fetch` handler and controls no page: requests of the
 * app never pass through it.
 * @module
 */
import { initSync } from './core/keeper.js';
import bytes from './core/keeper.wasm';
import { Hub } from './hub.js';
import { type Answer, readRequest, uniqueId } from './protocol.js';

interface Extendable extends Event {
  waitUntil(job: Promise<unknown>): void;
}
interface Posted extends MessageEvent, Extendable {}
interface Scope {
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install', listener: (event: Extendable) => void): void;
  addEventListener(type: 'message', listener: (event: Posted) => void): void;
}

/** Tests shorten times by the script's query. */
const query = new URLSearchParams(location.search);
const time = (name: string, usual: number): number => Number(query.get(name) ?? usual);

/** After the last message, with a reader or something in flight. Pings of hidden tabs come once a minute. */
const HOLD = time('hold', 120_000);
/** After the last message, otherwise. */
const REST = time('rest', 30_000);
const CHECK = Math.min(5_000, REST);

const hub = new Hub({ linger: time('linger', 60_000), patience: time('patience', 300_000) }, time('lapse', 150_000));
const scope = self as unknown as Scope;
let life: Promise<string> | undefined;
let loaded = false;
let heard = 0;
let release: () => void = () => undefined;
let checking: ReturnType<typeof setTimeout> | undefined;

scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()));

scope.addEventListener('message', (event) => {
  const request = readRequest(event.data);
  const port = event.ports[0];
  if (request === undefined || port === undefined) return;
  const answer = (message: Answer): void => port.postMessage(message);
  switch (request.type) {
    case 'other':
      return answer({ type: 'other' });
    case 'ping':
      hold(event);
      return answer({ type: 'known', known: hub.ping(request.id) });
    case 'forget':
      hub.forget(request.base, request.who);
      return answer({ type: 'forgotten' });
    case 'attach':
      hold(event);
      if (!load()) return answer({ type: 'broken' });
      answer({ type: 'here' });
      void live().then((lock) => answer({ type: 'life', lock }));
      // Any message on the port takes the reader away.
      port.onmessage = () => hub.detach(request.id);
      hub.attach(request.id, request.target, request.position, {
        opened: (status, contentType, retryAfter) => answer({ type: 'open', status, contentType, retryAfter }),
        bytes: (chunk) => port.postMessage(chunk.buffer, [chunk.buffer]),
        closed: (cause) => answer({ type: 'close', cause }),
      });
  }
});

/** The name of a lock that is held from here to the worker's end, however that comes. It keeps no worker alive. */
function live(): Promise<string> {
  life ??= new Promise((resolve) => {
    const name = `opencode-session-${uniqueId()}`;
    const held = globalThis.navigator.locks?.request(name, () => {
      resolve(name);
      return new Promise(() => undefined);
    });
    held?.catch(() => undefined);
  });
  return life;
}

/** Compiled at the first need, so that a ping costs nothing. */
function load(): boolean {
  try {
    if (!loaded) initSync({ module: new WebAssembly.Module(bytes) });
    loaded = true;
  } catch {
    // The policy of this script forbids it.
  }
  return loaded;
}

/** Keeps the worker alive from here on, in place of any older holding. */
function hold(event: Extendable): void {
  release();
  heard = performance.now();
  event.waitUntil(
    new Promise<void>((resolve) => {
      release = resolve;
    }),
  );
  clearTimeout(checking);
  checking = setTimeout(check, CHECK);
}

function check(): void {
  const over = performance.now() - heard >= (hub.isNeeded ? HOLD : REST);
  if (over) release();
  else checking = setTimeout(check, CHECK);
}
