// An OpenAI-compatible server that does what a test tells it, request by request.
import { createServer } from 'node:http';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';

/**
 * @typedef {{ method: string, path: string, query: URLSearchParams, headers: import('node:http').IncomingHttpHeaders, text: string, body: any, response: import('node:http').ServerResponse, closed: Promise<void> }} Asked
 * @typedef {(asked: Asked) => unknown} Answerer
 */

/** `answer` is asked for each request; what it gives is sent as JSON, unless it has ended or begun the response itself. @param {Answerer} answer */
export async function startMock(answer) {
  /** @type {Asked[]} */
  const asked = [];
  const state = { answer };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
    let text = '';
    request.setEncoding('utf8').on('data', (piece) => {
      text += piece;
    });
    request.on('end', async () => {
      const closed = /** @type {Promise<void>} */ (new Promise((resolve) => response.on('close', () => resolve())));
      const each = { method: request.method ?? '', path: pathname, query: searchParams, headers: request.headers, text, body: text.startsWith('{') ? JSON.parse(text) : undefined, response, closed };
      asked.push(each);
      const told = await state.answer(each);
      if (response.headersSent || response.destroyed || told === undefined) return;
      json(response, 200, told);
    });
  });
  const port = await listen(server);
  return {
    url: `http://${LOOPBACK}:${port}/v1`,
    asked,
    /** Only the answers from now on. @param {Answerer} next */
    set(next) {
      state.answer = next;
      asked.length = 0;
    },
    async close() {
      server.closeAllConnections();
      await shut(server);
    },
  };
}

/** @param {import('node:http').ServerResponse} response @param {number} status @param {unknown} body @param {Record<string, string>} [headers] */
export function json(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Begins an event stream. @param {import('node:http').ServerResponse} response */
export function stream(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  return {
    /** @param {unknown} data */
    send(data) {
      response.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
    },
    end() {
      response.end('data: [DONE]\n\n');
    },
    /** The line is cut. */
    cut() {
      response.destroy();
    },
  };
}

/** Chunks of a chat. @param {string} content @param {object} [more] */
export const delta = (content, more = {}) => ({ model: 'm-1', choices: [{ index: 0, delta: { content }, ...more }] });
export const finish = (reason = 'stop') => ({ model: 'm-1', choices: [{ index: 0, delta: {}, finish_reason: reason }] });
export const usage = (prompt = 5, completion = 3) => ({ choices: [], usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion } });

/** A whole chat. @param {string} content */
export const whole = (content = 'Hello') => ({ model: 'm-1', choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }], ...{ usage: usage().usage } });

/** A chat as a stream. @param {Asked} asked @param {string[]} [words] */
export function say({ response }, words = ['Hel', 'lo']) {
  const out = stream(response);
  for (const word of words) out.send(delta(word));
  out.send(finish());
  out.send(usage());
  out.end();
}

export const KEY = 'sk-canary-5f1d';

/** @param {string} apiEndpoint @param {object} [more] */
export const config = (apiEndpoint, more = {}) => ({
  apiEndpoint,
  auth: { type: /** @type {const} */ ('api-key'), apiKey: KEY },
  rateLimits: { requestsPerMinute: 1_000, tokensPerMinute: 1_000_000 },
  models: { defaultModel: 'm-1' },
  ...more,
});

export const HI = { messages: [{ role: /** @type {const} */ ('user'), content: 'Hi' }] };
