/**
 * Puts the wire of the AI SDK in front of an OpenCode server, as its documentation describes resumable chats: POST sends
 * a prompt and answers with its stream, GET …/stream plays the active stream again from its start (their store is Redis,
 * here it is memory), GET … gives the stored messages. It stands beside the server, so no fault comes between the two.
 */
import { createServer } from 'node:http';
import { listen, LOOPBACK, shut } from '../../tests/support/ports.mjs';
import { openEvents } from '../../tests/support/events.mjs';
import { past } from '../replies.mjs';

const HEADERS = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'x-vercel-ai-ui-message-stream': 'v1' };

export class Bridge {
  #upstream;
  #server = createServer((request, response) => void this.#serve(request, response));
  /** The answer that is being made, by session. @type {Map<string, Run>} */
  #runs = new Map();
  url = '';

  /** @param {string} upstream */
  constructor(upstream) {
    this.#upstream = upstream;
  }

  async start() {
    this.url = `http://${LOOPBACK}:${await listen(this.#server)}`;
    return this;
  }

  async close() {
    for (const run of this.#runs.values()) run.finish();
    await shut(this.#server);
  }

  async #serve(request, response) {
    response.setHeader('access-control-allow-origin', request.headers.origin ?? '*');
    response.setHeader('access-control-allow-headers', 'content-type, user-agent');
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    const [, , id, stream] = (request.url ?? '').split('/');
    try {
      if (request.method === 'POST') return await this.#prompt(request, response);
      if (stream === 'stream') return this.#resume(id, response);
      return await this.#history(id, response);
    } catch (error) {
      if (response.headersSent) return response.destroy();
      response.writeHead(502).end(String(error));
    }
  }

  async #prompt(request, response) {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const { id, message } = JSON.parse(Buffer.concat(pieces).toString());
    const text = message.parts.map((part) => part.text ?? '').join('');
    const run = new Run(id, message.id);
    const events = await openEvents(`${this.#upstream}/event`);
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ parts: [{ type: 'text', text }] });
    const sent = await fetch(`${this.#upstream}/session/${id}/prompt_async`, { method: 'POST', headers, body });
    if (!sent.ok) {
      await events.close();
      throw new Error(`the server answered ${sent.status}`);
    }
    this.#runs.set(id, run);
    run.follow(response.writeHead(200, HEADERS));
    void this.#pump(run, events);
  }

  async #pump(run, events) {
    let read = 0;
    while (!run.ended) {
      while (read < events.events.length && !run.ended) run.take(events.events[read++]);
      if (!run.ended && events.ended) run.break();
      else if (!run.ended) await new Promise((resolve) => setTimeout(resolve, 4));
    }
    if (this.#runs.get(run.sessionID) === run) this.#runs.delete(run.sessionID);
    await events.close();
  }

  #resume(id, response) {
    const run = this.#runs.get(id);
    if (!run) return response.writeHead(204).end();
    run.follow(response.writeHead(200, HEADERS));
  }

  async #history(id, response) {
    const messages = await (await fetch(`${this.#upstream}/session/${id}/message`)).json();
    // The answer that is being made is stored when it is whole.
    const active = this.#runs.get(id)?.answers;
    const stored = messages.filter(({ info }) => !active?.has(info.id));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(past(stored)));
  }
}

/** One answer as UI message chunks, kept until it ends. */
class Run {
  ended = false;
  answers = new Set();
  #frames = [];
  #readers = new Set();
  #sent = new Map();

  constructor(sessionID) {
    this.sessionID = sessionID;
  }

  follow(response) {
    response.socket?.setNoDelay(true);
    for (const frame of this.#frames) response.write(frame);
    if (this.ended) return response.end();
    this.#readers.add(response);
    response.on('close', () => this.#readers.delete(response));
    response.flushHeaders();
  }

  /** @param {{ type: string, properties: any }} event of any session */
  take({ type, properties }) {
    const { info, part } = properties;
    if ((info ?? part ?? properties).sessionID !== this.sessionID) return;
    if (type === 'message.updated' && info.role === 'assistant' && !this.answers.has(info.id)) {
      if (this.answers.size === 0) this.#put({ type: 'start', messageId: info.id });
      this.answers.add(info.id);
    }
    if (type === 'message.part.updated' && part.type === 'text' && this.answers.has(part.messageID)) this.#part(part);
    if (type === 'message.part.delta' && properties.field === 'text' && this.#sent.has(properties.partID)) {
      this.#text(properties.partID, properties.delta);
    }
    if (type === 'session.idle' && this.answers.size > 0) this.finish();
  }

  /** The server is gone: the stream ends with an error. */
  break() {
    this.#put({ type: 'error', errorText: 'the server ended the stream' });
    this.#close();
  }

  finish() {
    if (this.ended) return;
    this.#put({ type: 'finish' });
    this.#close();
  }

  #part({ id, text, time }) {
    if (!this.#sent.has(id)) {
      this.#sent.set(id, '');
      this.#put({ type: 'text-start', id });
    }
    const sent = this.#sent.get(id);
    if (text.length > sent.length && text.startsWith(sent)) this.#text(id, text.slice(sent.length));
    if (time?.end) this.#put({ type: 'text-end', id });
  }

  #text(id, delta) {
    this.#sent.set(id, this.#sent.get(id) + delta);
    this.#put({ type: 'text-delta', id, delta });
  }

  #put(chunk) {
    this.#write(`data: ${JSON.stringify(chunk)}\n\n`);
  }

  #close() {
    this.#write('data: [DONE]\n\n');
    this.ended = true;
    for (const response of this.#readers) response.end();
  }

  #write(frame) {
    this.#frames.push(frame);
    for (const response of this.#readers) response.write(frame);
  }
}
