// The fault proxy's switches for pages: POST /__fault, and GET /__events.

/** Names for the requests of a chat client, as `METHOD /path`. @type {Record<string, RegExp>} */
export const MATCHES = {
  all: /./,
  stream: /^GET \/(?:global\/)?event\b/,
  messages: /^GET \/session\/[^/]+\/message(?:\?|$)/,
  snapshot: /^GET \/(?:session\/|permission|question)/,
  prompt: /^POST \/session\/[^/]+\/(?:prompt_async|message)(?:\?|$)/,
};

/** What a page may call, by the name of the proxy's method. */
const CALLS = new Set(['drop', 'cutStreamAfter', 'endStreams', 'mute', 'heartbeatsOnly', 'buffer', 'duplicate', 'chunk', 'refuse', 'slow', 'status', 'lose', 'calm']);
const BARE = new Set(['drop', 'endStreams', 'calm']);

/**
 * A handler that takes the requests meant for the proxy itself.
 *
 * `POST /__fault` with `{ name: argument }` or `{ name: [arguments] }` calls methods in this order and answers with the stats, as `GET` does;
 * `GET /__events?from=N` gives `{ next, events }`.
 * @param {import('./proxy.mjs').FaultProxy} proxy
 * @returns {(req: import('node:http').IncomingMessage, res: import('node:http').ServerResponse, path: string) => boolean}
 */
export function control(proxy) {
  return (req, res, path) => {
    const { pathname, searchParams } = new URL(path, 'http://proxy');
    if (pathname !== '/__fault' && pathname !== '/__events') return false;
    if (req.method === 'OPTIONS') reply(req, res, 200, {});
    else if (pathname === '/__events') reply(req, res, 200, since(proxy, Number(searchParams.get('from') ?? 0)));
    else if (req.method !== 'POST') reply(req, res, 200, proxy.stats());
    else void order(proxy, req, res);
    return true;
  };
}

/** @param {import('./proxy.mjs').FaultProxy} proxy @param {import('node:http').IncomingMessage} req @param {import('node:http').ServerResponse} res */
async function order(proxy, req, res) {
  try {
    const pieces = [];
    for await (const piece of req) pieces.push(piece);
    apply(proxy, JSON.parse(Buffer.concat(pieces).toString() || '{}'));
    reply(req, res, 200, proxy.stats());
  } catch (error) {
    reply(req, res, 400, { message: String(error) });
  }
}

/** @param {import('node:http').IncomingMessage} req @param {import('node:http').ServerResponse} res @param {number} code @param {unknown} value */
function reply(req, res, code, value) {
  res.writeHead(code, {
    'content-type': 'application/json',
    'access-control-allow-origin': req.headers.origin ?? '*',
    'access-control-allow-headers': 'content-type',
    'access-control-allow-methods': 'GET, POST',
  }).end(JSON.stringify(value));
}

/** @param {any} proxy @param {Record<string, unknown>} faults */
function apply(proxy, faults) {
  for (const [name, value] of Object.entries(faults)) {
    if (!CALLS.has(name)) throw new Error(`no fault "${name}"; there are ${[...CALLS].join(', ')}`);
    // `null` and `false` end the faults that stand for a kind of request.
    if (BARE.has(name)) proxy[name]();
    else if (Array.isArray(value)) proxy[name](...value);
    else proxy[name](name === 'slow' || name === 'lose' ? value || undefined : value);
  }
}

/** @param {import('./proxy.mjs').FaultProxy} proxy @param {number} from */
function since({ events, produced }, from) {
  return { next: produced, events: events.slice(Math.max(0, events.length - Math.max(0, produced - from))) };
}
