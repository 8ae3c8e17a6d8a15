// A listener outside of any browser that never goes away: what the server had said of each part, and when.
import { PATIENCE } from '../support/wait.mjs';

/**
 * @typedef {{ at: number, length: number }} Mark
 * @typedef {{ id: string, type: string, text: string, marks: Mark[], ended: boolean }} Told
 * @typedef {{ type: string, properties: any }} Event
 */

/**
 * @param {import('../support/opencode.mjs').OpenCode} server
 * @param {string} sessionID
 */
export async function startReference(server, sessionID) {
  const stop = new AbortController();
  const url = `${server.url}/event?directory=${encodeURIComponent(server.directory)}`;
  const { body, status } = await fetch(url, { headers: server.headers, signal: stop.signal });
  if (status !== 200 || !body) throw new Error(`${url} answered ${status}`);
  /** @type {Map<string, Told>} */
  const parts = new Map();
  /** Messages of the user. @type {Set<string>} */
  const prompts = new Set();
  /** @type {Set<(event: Event) => void>} */
  const listeners = new Set();

  /** @param {Event} event */
  function take(event) {
    const at = Date.now();
    const { part, partID, sessionID: of, field, delta } = event.properties ?? {};
    const { info } = event.properties ?? {};
    if (event.type === 'message.updated' && info.role === 'user') prompts.add(info.id);
    if (event.type === 'message.part.updated' && part.sessionID === sessionID && typeof part.text === 'string' && !prompts.has(part.messageID)) {
      const told = parts.get(part.id) ?? { id: part.id, type: part.type, text: '', marks: [], ended: false };
      parts.set(part.id, told);
      // The end of a part may cut its white space; nothing else ever takes text away.
      told.text = part.text;
      told.ended = part.time?.end !== undefined;
      told.marks.push({ at, length: part.text.trimEnd().length });
    }
    const told = parts.get(partID);
    if (event.type === 'message.part.delta' && of === sessionID && field === 'text' && told) {
      told.text += delta;
      told.marks.push({ at, length: told.text.trimEnd().length });
    }
    for (const listener of [...listeners]) listener(event);
  }

  const done = read(body, take).catch(() => undefined);
  await new Promise((resolve) => {
    const first = () => resolve(listeners.delete(first));
    listeners.add(first);
  });
  return {
    /** Texts of the answers. */
    parts,
    /** How long a part was, as told until that time. @param {string} id @param {number} at */
    length: (id, at) => parts.get(id)?.marks.findLast((mark) => mark.at <= at)?.length ?? 0,
    /**
     * Resolves in the moment in which `probe` first fits an event.
     * @param {(event: Event, parts: Map<string, Told>) => unknown} probe @param {string} what
     * @returns {Promise<void>}
     */
    moment(probe, what, timeout = PATIENCE) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          listeners.delete(look);
          reject(new Error(`waited ${timeout} ms for ${what}`));
        }, timeout);
        /** @param {Event} event */
        function look(event) {
          if (!probe(event, parts)) return;
          clearTimeout(timer);
          listeners.delete(look);
          resolve();
        }
        listeners.add(look);
      });
    },
    async close() {
      stop.abort();
      await done;
    },
  };
}

/** @param {AsyncIterable<Uint8Array>} body @param {(event: Event) => void} take */
async function read(body, take) {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const frames = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) take(JSON.parse(frame.replace(/^data: /, '')));
  }
}
