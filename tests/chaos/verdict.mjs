// What must hold when the faults are off and all is at rest, as pure functions of what was seen.
import { isDeepStrictEqual } from 'node:util';

/**
 * @typedef {{ tab: number, at: number, kind: string, [name: string]: any }} Found told by a page, or found here
 * @typedef {{ name: string, messages: any[] }} View messages as a tab, or a fresh client, shows them
 */

/** Reports of pages that are wrong whatever the server says. */
const WRONG = new Set(['no prefix', 'wrong tail', 'prompt shown twice']);

/**
 * @param {object} seen
 * @param {Found[]} seen.reports
 * @param {any[]} seen.history the server's
 * @param {View[]} seen.views
 * @param {Set<string>} seen.gone tabs that were reloaded or closed; what they sent may be unknown for ever, as `tab text`
 * @returns {object[]} violations
 */
export function judge({ reports, history, views, gone }) {
  return [
    ...reports.filter(({ kind }) => WRONG.has(kind)),
    ...reports.filter(({ kind }) => kind === 'shrunk' || kind === 'gone').filter((found) => !allowed(found, history)),
    ...prompts(reports, history, gone),
    ...views.flatMap((view) => unequal(view, history)),
    ...spoken(history),
  ];
}

/**
 * What a page that called itself settled showed, beside what the server said right after. A prompt that the page did not know of yet
 * is no fault: it came between.
 * @param {any[]} shown @param {{ busy: boolean, history: any[], writes: boolean }} server `busy`: a turn runs that it had told
 *   of before the page asked; `writes`: the history changed a moment later
 * @returns {object[]} violations
 */
export function early(shown, { busy, history, writes }) {
  const known = new Set(shown.map(({ info }) => info.id));
  if (history.some(({ info }) => info.role === 'user' && !known.has(info.id))) return [];
  if (busy) return [{ kind: 'settled while the server is busy' }];
  if (writes) return [];
  return unequal({ name: 'settled', messages: shown }, history).map((found) => ({ ...found, kind: 'settled, and the state is not the history' }));
}

/** Shown text may shrink or go only to what the server itself has. @param {Found} found @param {any[]} history */
function allowed({ kind, part, shown = '' }, history) {
  const stored = history.flatMap(({ parts }) => parts).find(({ id }) => id === part);
  if (kind === 'gone') return stored === undefined;
  return stored === undefined || stored.text.trimEnd().length <= shown.trimEnd().length;
}

/** Each prompt is stored at most once, and the page that sent it was told the truth. @param {Found[]} reports @param {any[]} history @param {Set<string>} gone */
function prompts(reports, history, gone) {
  const stored = history.filter(({ info }) => info.role === 'user').map(({ parts }) => parts.map((/** @type {any} */ part) => part.text ?? '').join(''));
  const sent = reports.filter(({ kind }) => kind === 'sending');
  const texts = new Set(sent.map(({ text }) => text));
  const found = [];
  for (const text of stored) if (!texts.has(text)) found.push({ kind: 'a prompt that nobody sent', text });
  for (const { tab, text } of sent) {
    const times = stored.filter((each) => each === text).length;
    const told = reports.find((each) => each.kind === 'stored' && each.text === text);
    if (times > 1) found.push({ kind: 'prompt stored twice', tab, text, times });
    if (told?.outcome === 'stored' && times === 0) found.push({ kind: 'prompt said to be stored is not', tab, text });
    if (told?.outcome === 'failed' && times > 0) found.push({ kind: 'prompt said not to be stored is', tab, text, code: told.code });
    if (told === undefined && !gone.has(`${tab} ${text}`)) found.push({ kind: 'prompt undecided', tab, text, times });
    const done = reports.some((each) => each.kind === 'done' && each.text === text);
    if (told !== undefined && !done && !gone.has(`${tab} ${text}`)) found.push({ kind: 'prompt never done', tab, text, times });
  }
  return found;
}

/** The state equals the server's history, part by part. @param {View} view @param {any[]} history */
function unequal({ name, messages: all }, history) {
  const messages = all.map((message) => asStored(message, history.find(({ info }) => info.id === message.info.id)));
  if (isDeepStrictEqual(messages, history)) return [];
  const at = Array.from({ length: Math.max(messages.length, history.length) }, (_, index) => index)
    .find((index) => !isDeepStrictEqual(messages[index], history[index])) ?? 0;
  const order = (/** @type {any[]} */ list) => list.map(({ info, parts }) => `${info.role[0]}:${info.id.slice(-6)}(${parts.length})`).join(' ');
  const shown = messages[at];
  const stored = history[at];
  const part = shown && stored ? stored.parts.findIndex((/** @type {any} */ each, /** @type {number} */ index) => !isDeepStrictEqual(each, shown.parts[index])) : -1;
  const sameInfo = isDeepStrictEqual(shown?.info, stored?.info);
  return [{
    kind: 'state is not the history',
    view: name,
    message: at,
    order: [order(messages), order(history)],
    shown: sameInfo && part >= 0 ? shown?.parts[part] : shown,
    stored: sameInfo && part >= 0 ? stored?.parts[part] : stored,
  }];
}

/**
 * Of an answer that broke off, what was read stays though the server lost it (M10 of SPEC.md): an open text may be longer than the stored one.
 * @param {any} shown @param {any} stored
 */
function asStored(shown, stored) {
  const whole = stored?.info.time?.completed !== undefined && stored.info.error === undefined;
  if (stored === undefined || whole) return shown;
  const parts = shown.parts.map((/** @type {any} */ part, /** @type {number} */ at) => {
    const kept = stored.parts[at];
    const lost = kept?.id === part.id && typeof kept.text === 'string' && kept.time?.end === undefined && part.text?.startsWith(kept.text);
    return lost ? { ...part, text: kept.text } : part;
  });
  return { ...shown, parts };
}

/** Whether the server's own answers are numbered words: else the run proves nothing. @param {any[]} history */
function spoken(history) {
  const texts = history.filter(({ info }) => info.role === 'assistant').flatMap(({ parts }) => parts).filter(({ type }) => type === 'text').map(({ text }) => text.trim());
  const wrong = texts.find((text) => text !== '' && !text.startsWith('done: ') && text.split(' ').some((/** @type {string} */ word, /** @type {number} */ at) => word !== `w${at + 1}`));
  return wrong === undefined ? [] : [{ kind: 'the model did not say numbered words', shown: wrong }];
}
