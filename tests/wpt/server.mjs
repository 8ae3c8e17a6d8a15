// Plays a case: a mock OpenCode server whose event stream sends just the case's bytes.
import { startMock } from '../support/mock.mjs';
import { sleep } from '../support/wait.mjs';

/** Between two chunks, so that the network keeps them apart. */
const APART = 12;

/**
 * @typedef {{ status?: number, headers?: Record<string, string>, chunks?: (string | { repeat: string, times: number })[], then?: 'hold' | 'end' | 'drop', cors?: boolean }} Answer
 * @typedef {object} Played
 * @property {import('../support/mock.mjs').Mock} mock
 * @property {string} id the session
 * @property {{ headers: import('node:http').IncomingHttpHeaders, at: number, ended?: number }[]} asked requests for the stream
 * @property {(at: number) => void} shown the client shows all of the stream at this position
 * @property {() => Promise<void>} close
 */

/** @param {Answer[]} streams @param {{ redirect?: number }} [options] @returns {Promise<Played>} */
export async function playCase(streams, { redirect } = {}) {
  const mock = await startMock();
  const { id } = mock.store.createSession();
  // A turn is going on: nothing makes the client compare with a history that has none of the case's messages.
  mock.store.status[id] = { type: 'busy' };
  /** @type {Played['asked']} */
  const asked = [];
  /** @type {Map<number, () => void>} */
  const shown = new Map();
  /** @type {import('../support/mock.mjs').Handler} */
  const play = async ({ req, res }) => {
    const entry = { headers: req.headers, at: Date.now() };
    asked.push(entry);
    res.on('close', () => Object.assign(entry, { ended: Date.now() }));
    const how = streams[Math.min(asked.length, streams.length) - 1];
    await answer(res, how, id, asked.length);
    // A stream that is good ends when the client shows it: what waits for the history is lost with the stream.
    if (how.chunks && (how.status ?? 200) === 200 && how.then) await new Promise((resolve) => shown.set(asked.indexOf(entry), resolve));
    if (how.then === 'drop') res.socket?.destroy();
    if (how.then === 'end' || how.status === 204 || how.status === 205) res.end();
  };
  // The next rung of the ladder is no way around the case.
  for (const path of ['/event', '/global/event']) {
    mock.on('GET', redirect === undefined ? path : `/moved${path}`, play);
    if (redirect !== undefined) mock.on('GET', path, ({ reply }) => reply(redirect, '', { location: `/moved${path}` }));
  }
  return { mock, id, asked, shown: (at) => shown.get(at)?.(), close: () => mock.close() };
}

/** @param {import('node:http').ServerResponse} res @param {Answer} how @param {string} id @param {number} number */
async function answer(res, { status = 200, headers = { 'content-type': 'text/event-stream' }, chunks = [], cors = true }, id, number) {
  if (!cors) res.removeHeader('access-control-allow-origin');
  // Node ends its body in a way that 205 must not have: the next request on this connection would find that.
  if (status === 205) res.setHeader('connection', 'close');
  res.socket?.setNoDelay(true);
  res.writeHead(status, headers);
  res.flushHeaders();
  for (const chunk of pieces(chunks, id, number)) {
    res.write(chunk);
    await sleep(APART);
  }
}

/** @param {NonNullable<Answer['chunks']>} chunks @param {string} id @param {number} number @returns {Buffer[]} */
function pieces(chunks, id, number) {
  const out = [];
  let single = false;
  for (const chunk of chunks) {
    if (chunk === '|') {
      single = true;
      continue;
    }
    const text = typeof chunk === 'string' ? chunk : chunk.repeat.repeat(chunk.times);
    const bytes = encode(written(text, id, number));
    if (single) out.push(...Array.from(bytes, (byte) => Buffer.of(byte)));
    else out.push(bytes);
  }
  return out;
}

/** Puts the events in. @param {string} text @param {string} id @param {number} number */
function written(text, id, number) {
  const events = opening(id, number).map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  return text.replaceAll('¤', events).replace(/<([^>|]+)(?:\|([12]))?>/g, (_, letters, half) => {
    const json = JSON.stringify(delta(id, number, letters));
    const cut = json.indexOf('"properties"');
    return half === undefined ? json : half === '1' ? json.slice(0, cut) : json.slice(cut);
  });
}

/** @param {string} text `\xHH` is a byte */
function encode(text) {
  return Buffer.concat(text.split(/(\\x[0-9a-f]{2})/).map((piece, at) => (at % 2 === 1 ? Buffer.from(piece.slice(2), 'hex') : Buffer.from(piece))));
}

/** @param {string} sessionID @param {number} number */
function opening(sessionID, number) {
  const messageID = `msg_${number}`;
  const info = { id: messageID, sessionID, role: 'assistant', parentID: 'msg_0', time: { created: number } };
  const part = { id: `prt_${number}`, sessionID, messageID, type: 'text', text: '', time: { start: number } };
  return [
    { type: 'server.connected', properties: {} },
    { type: 'message.updated', properties: { sessionID, info } },
    { type: 'message.part.updated', properties: { sessionID, part, time: number } },
  ];
}

/** @param {string} sessionID @param {number} number @param {string} text */
function delta(sessionID, number, text) {
  return { type: 'message.part.delta', properties: { sessionID, messageID: `msg_${number}`, partID: `prt_${number}`, field: 'text', delta: text } };
}
