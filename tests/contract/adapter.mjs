// The test service of launchdarkly/sse-contract-tests around our client: the built package connects, reconnects and
// gives up as it does for a chat; the bytes that its `fetch` sees go through our decoder, whose events are told.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createClient } from '../../dist/node.js';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';

/** The program that `cargo build --profile test --example sse-pipe` makes. */
const PIPE = fileURLToPath(new URL('../../target/debug/examples/sse-pipe', import.meta.url));
/** What our client can do of what the suite calls optional. */
export const CAPABILITIES = ['bom', 'restart'];

/** @typedef {{ kind: 'event', event: { type: string, data: string, id: string } } | { kind: 'error', error: string }} Told */

/** @returns {Promise<{ url: string, close: () => Promise<void> }>} */
export async function startAdapter() {
  const decoder = startDecoder();
  /** @type {Map<string, { restart: () => void, close: () => void }>} */
  const streams = new Map();
  let last = 0;
  const server = createServer(async (req, res) => {
    const body = await text(req);
    const id = req.url?.slice(1) ?? '';
    const stream = streams.get(id);
    if (req.method === 'GET') return res.setHeader('content-type', 'application/json').end(JSON.stringify({ name: 'opencode-session', capabilities: CAPABILITIES }));
    if (req.method === 'POST' && id === '') {
      last += 1;
      streams.set(`${last}`, await openStream(`${last}`, JSON.parse(body), decoder));
      return res.writeHead(201, { location: `http://${req.headers.host}/${last}` }).end();
    }
    if (stream === undefined) return res.writeHead(404).end();
    if (req.method === 'POST') {
      if (JSON.parse(body).command !== 'restart') return res.writeHead(400).end();
      stream.restart();
    } else {
      streams.delete(id);
      stream.close();
    }
    return res.writeHead(204).end();
  });
  const port = await listen(server);
  return {
    url: `http://${LOOPBACK}:${port}`,
    async close() {
      for (const stream of streams.values()) stream.close();
      await shut(server);
      decoder.close();
    },
  };
}

/** @param {string} id @param {{ streamUrl: string, callbackUrl: string, initialDelayMs?: number }} params @param {ReturnType<typeof startDecoder>} decoder */
async function openStream(id, { streamUrl, callbackUrl, initialDelayMs = 50 }, decoder) {
  let count = 0;
  let queue = Promise.resolve();
  /** @param {Told} told */
  const tell = (told) => {
    count += 1;
    const url = `${callbackUrl}/${count}`;
    queue = queue.then(() => fetch(url, { method: 'POST', body: JSON.stringify(told) })).then(() => undefined, () => undefined);
  };
  decoder.listen(id, (event) => tell({ kind: 'event', event }));
  const delay = Math.max(1, initialDelayMs);
  const client = await createClient({
    baseUrl: new URL(streamUrl).origin,
    transport: 'fetch',
    retry: { min: delay, max: delay * 2 },
    fetch: async (input, init) => {
      if (new URL(String(input)).pathname !== '/event') return new Response('{}', { headers: { 'content-type': 'application/json' } });
      decoder.begin(id);
      const response = await fetch(streamUrl, init);
      if (response.body === null) return response;
      const seen = new TransformStream({
        transform(chunk, controller) {
          decoder.feed(id, chunk);
          controller.enqueue(chunk);
        },
      });
      const { status, headers } = response;
      return new Response(response.body.pipeThrough(seen), { status, headers });
    },
  });
  const session = client.openSession('ses_contract');
  let code;
  session.subscribe(() => {
    const { error } = session.state.connection;
    // A stream that ends is no error here: the next one is on its way.
    if (error && error.code !== code && error.code !== 'stream_ended') tell({ kind: 'error', error: error.message });
    code = error?.code;
  });
  return {
    restart: () => session.reconnect(),
    close() {
      client.close();
      decoder.listen(id, () => undefined);
    },
  };
}

function startDecoder() {
  const child = spawn(PIPE, { stdio: ['pipe', 'pipe', 'inherit'] });
  /** @type {Map<string, (event: { type: string, data: string, id: string }) => void>} */
  const listeners = new Map();
  createInterface({ input: child.stdout, crlfDelay: Infinity }).on('line', (line) => {
    const { stream, ...event } = JSON.parse(line);
    listeners.get(stream)?.(event);
  });
  return {
    listen: (id, listener) => listeners.set(id, listener),
    begin: (id) => child.stdin.write(`${id}\n`),
    feed: (id, chunk) => child.stdin.write(`${id} ${Buffer.from(chunk).toString('hex')}\n`),
    close: () => child.stdin.end(),
  };
}

/** @param {import('node:http').IncomingMessage} req */
async function text(req) {
  const pieces = [];
  for await (const piece of req) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
