// A plain reader of an event stream, for tests: it keeps the bytes as they came and the events parsed from them.
import { PATIENCE, waitFor } from './wait.mjs';

/**
 * @typedef {{ id?: string, type: string, properties: any }} Event
 *
 * @typedef {object} Events
 * @property {Event[]} events parsed so far; of /global/event the payloads
 * @property {() => string} raw
 * @property {boolean} ended
 * @property {(probe: (event: Event) => unknown, options?: { timeout?: number, message?: string, from?: number }) => Promise<Event>} next
 *   the first event from index `from` on that fits
 * @property {() => void} close
 */

/**
 * Opens a stream and waits for its `server.connected`.
 * @param {string} url such as `${server.url}/event`
 * @param {{ headers?: Record<string, string>, onEvent?: (event: Event) => void }} [options]
 * @returns {Promise<Events>}
 */
export async function openEvents(url, { headers = {}, onEvent } = {}) {
  const stop = new AbortController();
  const response = await fetch(url, { headers, signal: stop.signal });
  const { body } = response;
  if (!response.ok || !body) throw new Error(`${url} answered ${response.status}`);
  /** @type {Event[]} */
  const events = [];
  const decoder = new TextDecoder();
  let raw = '';
  let parsed = 0;
  const reader = {
    events,
    raw: () => raw,
    ended: false,
    /** @type {Events['next']} */
    next(probe, { timeout = PATIENCE, message = 'an event', from = 0 } = {}) {
      const found = () => events.slice(from).find(probe);
      return waitFor(found, { timeout, message: () => `${message}; seen: ${events.map(({ type }) => type).slice(-10).join(' ')}` });
    },
    close: () => stop.abort(),
  };
  void (async () => {
    try {
      for await (const chunk of body) {
        raw += decoder.decode(chunk, { stream: true });
        for (let end = raw.indexOf('\n\n', parsed); end >= 0; end = raw.indexOf('\n\n', parsed)) {
          const frame = raw.slice(parsed, end);
          parsed = end + 2;
          const data = frame.split('\n').filter((line) => line.startsWith('data: ')).map((line) => line.slice(6)).join('\n');
          const value = data ? JSON.parse(data) : undefined;
          if (!value) continue;
          events.push(value.payload ?? value);
          onEvent?.(value.payload ?? value);
        }
      }
    } catch {
      // Closed by this side, reset by the other, or bytes that are no event: either way the stream is over.
    }
    reader.ended = true;
  })();
  await reader.next(({ type }) => type === 'server.connected', { message: 'server.connected' });
  return reader;
}

/**
 * One call of the JSON API.
 * @param {{ url: string, headers?: Record<string, string> }} server
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>} the parsed answer, undefined when it is empty
 */
export async function call(server, method, path, body) {
  const response = await fetch(server.url + path, {
    method,
    headers: { ...server.headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`);
  return text ? JSON.parse(text) : undefined;
}

/**
 * Sends a prompt without waiting for its answer.
 * @param {{ url: string, headers?: Record<string, string> }} server
 * @param {string} sessionID
 * @param {string} text
 * @param {string} [model] "provider/model"
 */
export async function prompt(server, sessionID, text, model = 'scripted/words') {
  const [providerID, modelID] = model.split('/');
  await call(server, 'POST', `/session/${sessionID}/prompt_async`, { parts: [{ type: 'text', text }], model: { providerID, modelID } });
}
