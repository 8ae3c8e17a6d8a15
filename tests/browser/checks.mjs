// What must hold for every shown state, as assertions.
import assert from 'node:assert/strict';
import { call } from '../support/events.mjs';

/** @param {number} count @param {string} [letter] */
export const numbered = (count, letter = 'w') => Array.from({ length: count }, (_, at) => `${letter}${at + 1}`).join(' ');

/** The server's whole history, read afresh. @param {any} server @param {string} sessionID @returns {Promise<any[]>} */
export const history = (server, sessionID) => call(server, 'GET', `/session/${sessionID}/message`);

/**
 * Every text that was shown of a part is a beginning of what the server keeps, and none is shorter than the one before.
 * The server cuts the white space at the end when a part ends; nothing else may go.
 * @param {Record<string, string[]>} shown @param {any[]} messages the server's
 */
export function assertPrefixes(shown, messages) {
  const stored = new Map(messages.flatMap(({ parts }) => parts).map((part) => [part.id, part.text]));
  for (const [id, texts] of Object.entries(shown)) {
    // Parts of the local echo have ids of their own, which the server may not take over.
    const whole = stored.get(id) ?? (texts.length === 1 ? texts[0] : undefined);
    assert.ok(whole !== undefined, `the part ${id} that was shown is none of the server's: ${JSON.stringify(texts).slice(0, 300)}`);
    let longest = 0;
    for (const text of texts) {
      assert.ok(whole.startsWith(text.trimEnd()), `"${text}" was shown of "${whole}"`);
      assert.ok(text.trimEnd().length >= longest, `the text shrank to "${text}"`);
      longest = text.trimEnd().length;
    }
    assert.equal(texts.at(-1), whole, 'the last shown text is the stored one');
  }
}

/** The state equals a fresh load, part by part. @param {any[]} plain @param {any} server @param {string} sessionID */
export async function assertSettled(plain, server, sessionID) {
  const stored = await history(server, sessionID);
  assert.deepEqual(plain, stored);
  return stored;
}

/** A whole SessionError, as `drive.problem` gives it. @param {any} error @param {string} code @param {string[]} secrets */
export function assertProblem(error, code, secrets = []) {
  assert.ok(error, `no error where ${code} was expected`);
  assert.equal(error.code, code, `${error.code}: ${error.message}`);
  assert.equal(error.isSessionError, true);
  for (const field of ['message', 'hint']) assert.ok(error[field]?.length > 5, `${field} is empty`);
  // A hint may show what an address looks like.
  assertQuiet([error.message, error.hint.replace('http://127.0.0.1:4096', ''), JSON.stringify(error.near ?? [])], ['http://', 'https://', ...secrets]);
}

/** None of the words occurs in any of the texts. @param {string[]} texts @param {string[]} words */
export function assertQuiet(texts, words) {
  for (const text of texts) for (const word of words) assert.ok(!text.includes(word), `"${word}" stands in: ${text.slice(0, 300)}`);
}
