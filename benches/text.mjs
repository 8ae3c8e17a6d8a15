/** Deterministic text: the same characters in every process, page and run. */

const WORDS = (
  'the session keeps every event in order and a part is whole only when its end has come so we wait for the server ' +
  'before we call it done then read state again render message list stream buffer token cursor answer prompt file ' +
  'function returns value error handler module test build cache index query result café naïve Größe'
).split(' ');

/** A small seeded generator (mulberry32). @param {number} seed @returns {() => number} numbers in [0, 1) */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Prose as a model writes it: mostly ASCII, with the quotes and line breaks that JSON has to escape and now and then
 * a dash or a letter that takes several bytes. No surrogate pairs, so that a cut by characters stays valid.
 * @param {() => number} next @param {number} length in UTF-16 units
 */
export function prose(next, length) {
  const pieces = [];
  for (let size = 0; size < length; ) {
    const word = WORDS[Math.floor(next() * WORDS.length)];
    const dice = next();
    let piece = `${word} `;
    if (dice < 0.06) piece = `${word}. `;
    else if (dice < 0.1) piece = `${word}, `;
    else if (dice < 0.13) piece = `\`${word}("${word}")\` `;
    else if (dice < 0.15) piece = `${word} — `;
    else if (dice < 0.17) piece = `${word}.\n\n`;
    else if (dice < 0.18) piece = `${word}:\n- `;
    pieces.push(piece);
    size += piece.length;
  }
  return `${pieces
    .join('')
    .slice(0, length - 1)
    .trimEnd()
    .padEnd(length - 1, '.')}.`;
}

/** What a build prints. @param {() => number} next @param {number} length in UTF-16 units */
export function log(next, length) {
  const lines = [];
  for (let size = 0; size < length; ) {
    const name = WORDS[Math.floor(next() * WORDS.length)];
    const [worker, time] = [Math.floor(next() * 8), Math.floor(next() * 900)];
    const line = `[worker-${worker}] compiled "src/${name}/${name}.rs"\tin ${time} ms\n`;
    lines.push(line);
    size += line.length;
  }
  return `${lines.join('').slice(0, length - 1)}.`;
}
