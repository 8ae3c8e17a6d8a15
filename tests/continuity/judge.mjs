// Judges what a load of the page showed: against what the server stored, and against what it had said at each moment.
import assert from 'node:assert/strict';

/** What is on its way between server and screen; the listener outside is as close to the server as the page is. */
const ON_ITS_WAY = 100;
/** The longest that a shown text may lag behind once it had caught up: a busy machine, not a lost word. */
export const LAG = 1_500;

/**
 * @typedef {import('./site.mjs').Load} Load
 * @typedef {Awaited<ReturnType<typeof import('./reference.mjs').startReference>>} Reference
 * @typedef {{ at: number, text: string, continuity: string, gap: number, tail: string }} Shown
 * @typedef {{ id: string, role: string, type: string, shown: Shown[] }} Part
 */

/** The lines of a record as whole texts. @param {Load} load @returns {Part[]} */
export function partsOf(load) {
  const parts = load.parts.map(([id, role, type]) => ({ id, role, type, shown: /** @type {Shown[]} */ ([]) }));
  for (const [at, index, continuity, keep, added, gap, keepTail, addedTail] of load.texts) {
    const { shown } = parts[index];
    const before = shown.at(-1);
    shown.push({ at, continuity, gap, text: (before?.text ?? '').slice(0, keep) + added, tail: (before?.tail ?? '').slice(0, keepTail) + addedTail });
  }
  return parts;
}

/**
 * Nothing wrong was shown as whole, at no moment of the load, and nothing shown went away again.
 * @param {Load} load @param {any[]} stored the server's history, read after the turn
 */
export function assertTrue(load, stored) {
  const whole = new Map(stored.flatMap(({ parts }) => parts).map((part) => [part.id, part]));
  for (const { id, role, shown } of partsOf(load)) {
    if (role !== 'assistant') continue;
    const text = whole.get(id)?.text;
    assert.ok(text !== undefined, `the part ${id} that was shown is none of the server's`);
    let longest = 0;
    for (const each of shown) {
      const where = `load ${load.load}, ${each.at} ms, ${each.continuity}, gap ${each.gap}: "${each.text.slice(-60)}" then "${each.tail.slice(0, 60)}"`;
      assert.notEqual(each.continuity, 'gone', `a part went away: ${where}`);
      // Old servers cut the white space at the end when the part ends.
      const said = each.text.trimEnd();
      assert.ok(text.startsWith(said), `no beginning of the server's text: ${where}`);
      assert.ok(said.length >= longest, `it shrank from ${longest}: ${where}`);
      longest = said.length;
      if (each.continuity === 'settled') assert.equal(said, text.trimEnd(), `shown as whole: ${where}`);
      if (each.continuity !== 'gapped') assert.equal(each.tail, '', `a tail without a hole: ${where}`);
      else assertGap(each, text, where);
    }
  }
}

/** @param {Shown} shown @param {string} text @param {string} where */
function assertGap({ gap, text: said, tail }, text, where) {
  assert.ok(gap >= 0 && gap <= said.length, `the hole is nowhere: ${where}`);
  assert.ok(text.slice(gap).includes(tail.trimEnd()), `the tail was never said: ${where}`);
}

/** What the page shows at the end is what the server stored, part by part. @param {any[]} shown @param {any[]} stored */
export function assertSame(shown, stored) {
  const plain = shown.map(({ info, parts }) => ({ info, parts: parts.map(({ continuity, gap, tail, ...part }) => part) }));
  assert.deepEqual(plain, stored);
  for (const { parts } of shown) for (const part of parts) assert.equal(part.continuity, 'settled', `${part.id} is not settled`);
}

/**
 * When the load first showed all that the server had said of each part until then, milliseconds after its first script; `undefined`: never.
 * Only text that is shown as contiguous counts.
 * @param {Load} load @param {Reference} reference
 */
export function caughtUp(load, reference) {
  const parts = answers(load, reference);
  for (let ms = 0; ms <= load.end; ms += 10) if (behind(parts, reference, load.first + ms, ms, ON_ITS_WAY) === 0) return ms;
  return undefined;
}

/** Once it had caught up it stayed so until its end. @param {Load} load @param {Reference} reference @param {number} from @param {number} [lag] */
export function assertLive(load, reference, from, lag = LAG) {
  const parts = answers(load, reference);
  for (let ms = from; ms <= load.end; ms += 100) {
    const missing = behind(parts, reference, load.first + ms, ms, lag);
    assert.equal(missing, 0, `${missing} characters of ${lag} ms ago are missing ${ms} ms after the first script of load ${load.load}`);
  }
}

/** What the load showed of each text of the answers. @param {Load} load @param {Reference} reference */
function answers(load, reference) {
  const shown = new Map(partsOf(load).map((part) => [part.id, part.shown]));
  return [...reference.parts.keys()].map((id) => ({ id, shown: shown.get(id) ?? [] }));
}

/** How many characters are missing. @param {{ id: string, shown: Shown[] }[]} parts @param {Reference} reference @param {number} at @param {number} ms @param {number} grace */
function behind(parts, reference, at, ms, grace) {
  let missing = 0;
  for (const { id, shown } of parts) {
    const now = shown.findLast((each) => each.at <= ms);
    const length = now === undefined || now.continuity === 'gapped' ? 0 : now.text.trimEnd().length;
    missing += Math.max(0, reference.length(id, at - grace) - length);
  }
  return missing;
}
