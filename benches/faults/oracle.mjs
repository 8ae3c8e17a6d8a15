/**
 * The judge. It knows what a page showed at which moment (`samples`), what a client without faults beside the server
 * showed (`reference`) and what the server keeps in the end (`truth`), and nothing of who is judged.
 */

/**
 * @typedef {object} Sample what a page shows from `at` on
 * @property {number} at milliseconds since 1970
 * @property {string} text of the answer
 * @property {boolean} gapped the page says that text is missing
 * @property {boolean} busy
 * @property {boolean} told the page says that something went wrong
 * @property {boolean} [fresh] the first one of a page that was loaded anew
 */
/** @typedef {{ at: number, text: string }} Moment */
/**
 * @typedef {object} Case
 * @property {Sample[]} samples
 * @property {Moment[]} reference
 * @property {string} truth
 * @property {number} stored prompts on the server
 * @property {number} [prompts] that there should be; 1
 * @property {number} from when the fault began
 * @property {number} until when the page was looked at last
 * @property {boolean} [whole] the time counts until the whole answer is shown, not until the page is up to date
 */
/** @typedef {{ kind: string, cell: string, seconds?: number, blank: number, wrong: number, gap: number }} Verdict */

/** A page may be this far behind the server and still be up to date: a frame, the network, a busy machine. */
const LAG = 500;
/** Nobody sees less. */
const SEEN = 50;

/** @param {Case} input @returns {Verdict} */
export function judge(input) {
  const { samples, stored, prompts = 1 } = input;
  const flaws = review(input);
  const last = samples.at(-1);
  const end = last ? ending(last, trim(input.truth)) : { kind: 'stuck', words: 'never shown' };
  const marks = flawWords(flaws);
  if (stored !== prompts) {
    const many = stored > prompts;
    const what = many ? `prompt stored ${stored}×` : 'prompt not stored';
    return { ...flaws, kind: many ? 'prompt-twice' : 'prompt-lost', cell: `${what}${many ? '' : toldWords(last)}` };
  }
  if (end.kind !== 'right') {
    return { ...flaws, kind: end.kind, cell: [...marks, `${end.words}${toldWords(last)}`].join(', ') };
  }
  const seconds = Math.max(0, flaws.rightAt - input.from) / 1000;
  const kind = flaws.wrong ? 'wrong' : flaws.blank ? 'blank' : flaws.gap ? 'gap' : 'right';
  return { ...flaws, kind, seconds, cell: [...marks, `right, ${spell(seconds)}`].join(', ') };
}

/** The word numbers that are missing in the text, those that stand in it too often, and whether the rest is in order. */
export function compareWords(text, truth) {
  const [shown, whole] = [count(text), count(truth)];
  let lost = 0;
  let doubled = 0;
  for (const [word, times] of whole) lost += Math.max(0, times - (shown.get(word) ?? 0));
  for (const [word, times] of shown) doubled += Math.max(0, times - (whole.get(word) ?? 0));
  return { lost, doubled };
}

/** A text short enough to be kept and compared, whatever its length. @param {string} text */
export function brief(text) {
  if (text.length <= 100_000) return text;
  let sum = 0;
  for (let at = 0; at < text.length; at += 997) sum = (Math.imul(sum, 31) + text.charCodeAt(at)) | 0;
  return `[${text.length} characters, ${sum}]`;
}

function ending(last, truth) {
  const text = trim(last.text);
  if (text === truth && last.gapped) return { kind: 'gap-stays', words: 'gap mark stays' };
  if (text === truth && last.busy) return { kind: 'busy', words: 'whole, but busy for ever' };
  if (text === truth) return { kind: 'right', words: '' };
  const { lost, doubled } = compareWords(text, truth);
  if (last.gapped) return { kind: 'gap-stays', words: `gap mark stays, ${lost} words missing` };
  const stopped = truth.startsWith(text);
  if (stopped && last.busy) return { kind: 'stuck', words: `stuck, last ${lost} words never` };
  if (lost && doubled) return { kind: 'mixed', words: `lost ${lost}, doubled ${doubled} words` };
  if (lost) return { kind: 'lost', words: stopped ? `lost the last ${lost} words` : `lost ${lost} words` };
  if (doubled) return { kind: 'doubled', words: `doubled ${doubled} words` };
  return { kind: 'order', words: 'wrong order' };
}

/** Goes through the time between the fault and the end and adds up what was shown wrongly. @param {Case} input */
function review({ samples, reference, truth, from, until, whole = false }) {
  const texts = [...new Set([...reference.map(({ text }) => trim(text)), trim(truth)])];
  const legit = (text) => texts.some((each) => each.startsWith(text));
  const sum = { blank: 0, wrong: 0, gap: 0, holed: 0, rightAt: until };
  const moments = instants(samples, reference, from, until);
  let longest = 0;
  let good;
  for (const [index, at] of moments.entries()) {
    const sample = latest(samples, at);
    const length = (moments[index + 1] ?? until) - at;
    if (!sample) {
      good = undefined;
      continue;
    }
    const text = trim(sample.text);
    // A page that was loaded anew has shown nothing yet.
    if (sample.fresh && sample.at === at) longest = 0;
    const known = legit(text);
    if (sample.gapped) sum.gap += length;
    else if (!known) sum.wrong += length;
    if (!sample.gapped && !known && compareWords(text, truth).doubled === 0) sum.holed += length;
    // Text that the server took back itself may go.
    if (text.length < Math.min(longest, shortest(reference, at)) && text !== trim(truth)) sum.blank += length;
    longest = Math.max(longest, known ? text.length : 0);
    const current = known && !sample.gapped && text.length >= shortest(reference, at) && (!(whole || at >= until - LAG) || text === trim(truth));
    good = current ? (good ?? at) : undefined;
  }
  if (good !== undefined) sum.rightAt = good;
  for (const name of ['blank', 'wrong', 'gap', 'holed']) if (sum[name] < SEEN) sum[name] = 0;
  return sum;
}

/** The length of the shortest text that is still up to date. @param {Moment[]} reference @param {number} at */
function shortest(reference, at) {
  let least = trim(latest(reference, at - LAG)?.text ?? '').length;
  for (const moment of reference) {
    if (moment.at > at - LAG && moment.at <= at) least = Math.min(least, trim(moment.text).length);
  }
  return least;
}

/** All moments at which something may change. */
function instants(samples, reference, from, until) {
  const all = new Set([from]);
  for (const { at } of samples) if (at > from && at < until) all.add(at);
  for (const { at } of reference) {
    for (const each of [at, at + LAG]) if (each > from && each < until) all.add(each);
  }
  return [...all].sort((a, b) => a - b);
}

/** @template {{ at: number }} T @param {T[]} list in order of time @param {number} at @returns {T | undefined} */
function latest(list, at) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].at <= at) low = middle + 1;
    else high = middle;
  }
  return list[low - 1];
}

function flawWords({ blank, wrong, holed, gap }) {
  const words = [];
  if (blank) words.push(`blank ${spell(blank / 1000)}`);
  if (wrong) words.push(`${holed > wrong / 2 ? 'hole shown as whole' : 'doubled'} ${spell(wrong / 1000)}`);
  if (gap) words.push(`gap marked ${spell(gap / 1000)}`);
  return words;
}

const toldWords = (last) => (last?.told ? ', error shown' : '');

/** @param {number} seconds */
function spell(seconds) {
  return `${seconds < 9.95 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

function count(text) {
  const counts = new Map();
  for (const word of text.match(/\S+/g) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** Some servers cut the white space at the end. @param {string} text */
const trim = (text) => text.trimEnd();
