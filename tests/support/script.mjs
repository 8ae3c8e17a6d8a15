// The command language of the scripted model: the text of the user's message says what the model does.
//
//   script  = step { [","] ["then"] step }          the whole text must parse, else it is plain talk
//   words N [every MS]         "w1 w2 … wN ", one word per chunk, 20 ms apart unless told
//   think N [every MS]         the same words as reasoning ("t1 t2 … tN ")
//   long CHARS [every MS]      exactly CHARS characters in chunks of 100, 0 ms apart unless told
//   emoji N [every MS]         N of a fixed round of emoji: 4-byte, flags, skin tones, joined families; one code point per chunk
//   markdown [every MS]        a page with heading, list, table, code, link and quote, one line per chunk
//   say: TEXT                  TEXT as it is, word by word (to the end of the line or to " then ")
//   slow MS                    silence (before the first token when it comes first)
//   tool NAME: ARGS            a tool call (same end as say:). ARGS is a JSON object, or one value for the tool's first required argument
//   and tool NAME: ARGS        one more call in the same step
//   ask QUESTION [: A | B]     a call of the `question` tool, when the server offers it
//   error STATUS [times N] [: TEXT]   an HTTP error, always or only the first N times the same request comes; after text: an error in the stream
//   cut [times N]              drops the connection
//   hang                       no more bytes until the client goes away
//
// What follows a tool call is played in the request that carries its result; when nothing follows, the answer is "done: N words"
// and the output. Newlines separate steps as "then" does.

/**
 * @typedef {{ do: 'text' | 'think', chunks: string[], every: number }} Speech
 * @typedef {{ do: 'tool', name: string, input: string, joined: boolean }} Call
 * @typedef {{ do: 'ask', question: string, options: string[], joined: boolean }} Ask
 * @typedef {{ do: 'slow', ms: number } | { do: 'error', status: number, times: number, text: string } | { do: 'cut', times: number } | { do: 'hang' }} Trouble
 * @typedef {Speech | Call | Ask | Trouble} Step
 */

const EVERY = 20;
const MOST = 5_000_000;
const EMOJI = ['😀', '🇯🇵', '👍🏽', '👨‍👩‍👧‍👦', '🏳️‍🌈', '漢', 'é', '🧑🏿‍🚀', '𝒳', '❤️'];
const PAGE = `# Heading

A paragraph with **bold**, *italic*, \`code\` and a [link](https://example.com/).

- one
- two
  - nested

| key | value |
| --- | ----- |
| a   | 1     |

\`\`\`js
const answer = 6 * 7; // <b>not html</b>
\`\`\`

> quoted
`;

const every = '(?:\\s+every\\s+(\\d+))?';
const times = '(?:\\s+times\\s+(\\d+))?';
const line = '([^\\n]*?)(?=\\s+then\\s|\\s+and\\s+tool\\s|\\n|$)';

/** @type {[RegExp, (...found: string[]) => Step][]} */
const STEPS = [
  [rule(`words\\s+(\\d+)${every}`), (n, ms) => speech('text', numbered('w', n), ms)],
  [rule(`think\\s+(\\d+)${every}`), (n, ms) => speech('think', numbered('t', n), ms)],
  [rule(`long\\s+(\\d+)${every}`), (n, ms) => speech('text', filler(bounded(n)), ms ?? '0')],
  [rule(`emoji\\s+(\\d+)${every}`), (n, ms) => speech('text', emoji(bounded(n)), ms)],
  [rule(`markdown${every}`), (ms) => speech('text', PAGE.match(/[^\n]*\n/g) ?? [], ms)],
  [rule(`say:\\s*${line}`), (text) => speech('text', words(text))],
  [rule('slow\\s+(\\d+)'), (ms) => ({ do: 'slow', ms: Number(ms) })],
  [rule(`(and\\s+)?tool\\s+([\\w-]+):\\s*${line}`), (and, name, input) => ({ do: 'tool', name, input, joined: Boolean(and) })],
  [rule(`ask\\s+([^\\n:]+?)(?:\\s*:\\s*${line}|(?=\\s+then\\s|\\n|$))`), (question, options) => ({
    do: 'ask',
    question,
    options: (options ?? 'yes | no').split('|').map((option) => option.trim()),
    joined: false,
  })],
  [rule(`error\\s+([45]\\d\\d)${times}(?:\\s*:\\s*${line})?`), (status, n, text) => ({
    do: 'error',
    status: Number(status),
    times: n ? Number(n) : Infinity,
    text: text || `scripted error ${status}`,
  })],
  [rule(`cut${times}`), (n) => ({ do: 'cut', times: n ? Number(n) : Infinity })],
  [rule('hang'), () => ({ do: 'hang' })],
];

/** @param {string} source */
function rule(source) {
  return new RegExp(`(?:${source})(?=[\\s,]|$)`, 'iy');
}

/**
 * @param {string} text the user's message
 * @returns {Step[] | undefined} undefined: no script, plain talk
 */
export function parseScript(text) {
  const source = text.trim();
  const steps = [];
  const gap = /[\s,]*(?:then\s+)?/iy;
  let at = 0;
  next: while (at < source.length) {
    gap.lastIndex = at;
    gap.exec(source);
    at = gap.lastIndex;
    for (const [pattern, make] of STEPS) {
      pattern.lastIndex = at;
      const found = pattern.exec(source);
      if (!found) continue;
      at = pattern.lastIndex;
      steps.push(make(...found.slice(1)));
      continue next;
    }
    return undefined;
  }
  return steps.length ? steps : undefined;
}

/**
 * The steps of each request of a turn: a request ends with its tool calls.
 * @param {Step[]} steps
 * @returns {Step[][]}
 */
export function rounds(steps) {
  /** @type {Step[][]} */
  const all = [[]];
  for (const step of steps) {
    const before = all[all.length - 1].at(-1);
    if (before && isCall(before) && !(isCall(step) && step.joined)) all.push([]);
    all[all.length - 1].push(step);
  }
  return all;
}

/**
 * @param {Step} step
 * @returns {step is Call | Ask}
 */
export const isCall = (step) => step.do === 'tool' || step.do === 'ask';

/**
 * @param {'text' | 'think'} kind
 * @param {string[]} chunks
 * @param {string} [ms]
 * @returns {Speech}
 */
export function speech(kind, chunks, ms) {
  return { do: kind, chunks, every: ms === undefined ? EVERY : Number(ms) };
}

/** Words with the space after each, so that joining them gives the text back. @param {string} text */
export const words = (text) => text.match(/\S+\s*|^\s+/g) ?? [];

/** @param {string} n */
const bounded = (n) => Math.min(Number(n), MOST);

/** @param {string} letter @param {string} n */
const numbered = (letter, n) => Array.from({ length: bounded(n) }, (_, i) => `${letter}${i + 1} `);

/** @param {number} length */
function filler(length) {
  const chunks = [];
  for (let at = 0; at < length; at += 100) {
    const size = Math.min(100, length - at);
    chunks.push(`${`[${at}] `.padEnd(99, 'lorem ipsum ')}\n`.slice(-size));
  }
  return chunks;
}

/** @param {number} n */
const emoji = (n) => Array.from({ length: n }, (_, i) => [...EMOJI[i % EMOJI.length]]).flat();

/** The text that a script's speech gives in all, for a test to compare with. @param {string} text */
export function spoken(text) {
  return (parseScript(text) ?? []).flatMap((step) => (step.do === 'text' ? step.chunks : [])).join('');
}
