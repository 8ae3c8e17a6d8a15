// A relay under node:http before a server, and who reads it.
import { createServer, request as ask } from 'node:http';
import { createRelay, toNodeListener } from '../../dist/relay.js';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { PATIENCE, waitFor, within } from '../support/wait.mjs';

/** Who a request is of: `x-user`, and what they may see: `x-sees`, a list of ids, or all. */
export function authorize(request) {
  const user = request.headers.get('x-user');
  if (user === null) return undefined;
  const sees = request.headers.get('x-sees');
  return { user, sessions: sees === null ? 'all' : new Set(sees.split(' ')) };
}

/** @param {object} options as of createRelay, with the upstream in it */
export async function startRelay(options) {
  const relay = createRelay({ authorize, ...options });
  const server = createServer(toNodeListener(relay));
  const port = await listen(server);
  return {
    relay,
    url: `http://${LOOPBACK}:${port}`,
    host: `${LOOPBACK}:${port}`,
    close: async () => {
      relay.close();
      server.closeAllConnections();
      await shut(server);
    },
  };
}

/** Sends headers and paths as they are: `fetch` would not. @returns {Promise<{ status: number, headers: object, body: any }>} */
export function raw(url, path, { method = 'GET', headers = {}, body } = {}) {
  return within(() => new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const req = ask({ hostname, port, path, method, headers: { 'x-user': 'ada', ...headers } }, async (res) => {
      const pieces = [];
      for await (const piece of res) pieces.push(piece);
      const text = Buffer.concat(pieces).toString();
      let json;
      try {
        json = JSON.parse(text);
      } catch {}
      resolve({ status: res.statusCode, headers: res.headers, body: json ?? text });
    });
    req.on('error', reject);
    req.end(body);
  }), PATIENCE, `${method} ${path}`);
}

/** As `raw`, with a JSON body. */
export const post = (url, path, value, options = {}) =>
  raw(url, path, { method: 'POST', body: JSON.stringify(value), ...options, headers: { 'content-type': 'application/json', ...options.headers } });

/** Reads an event stream: `frames` grow as they come. */
export async function read(url, { path = '/event', headers = {} } = {}) {
  const stop = new AbortController();
  const response = await fetch(url + path, { headers: { 'x-user': 'ada', ...headers }, signal: stop.signal });
  const reader = { status: response.status, headers: response.headers, frames: [], bytes: 0, isOver: false, close: () => stop.abort() };
  const take = async () => {
    const decoder = new TextDecoder();
    let text = '';
    for await (const piece of response.body) {
      reader.bytes += piece.length;
      text += decoder.decode(piece, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        const id = /^id: ?(.*)$/m.exec(block)?.[1];
        const data = /^data: ?(.*)$/m.exec(block)?.[1];
        if (id !== undefined) reader.position = id;
        if (data !== undefined) reader.frames.push({ id, ...JSON.parse(data) });
      }
    }
  };
  take().catch(() => undefined).finally(() => {
    reader.isOver = true;
  });
  reader.until = (probe, message) => waitFor(() => probe(reader.frames), { message });
  reader.live = () => reader.until((frames) => frames.some(({ type }) => type === 'replay.live'), 'the stream to be live');
  // A whole part stands for the deltas before it.
  reader.text = () => {
    const texts = new Map();
    for (const { type, properties } of reader.frames) {
      if (type === 'message.part.delta') texts.set(properties.partID, (texts.get(properties.partID) ?? '') + properties.delta);
      if (type === 'message.part.updated' && properties.part.type === 'text') texts.set(properties.part.id, properties.part.text);
    }
    return [...texts.values()].join('');
  };
  return reader;
}
