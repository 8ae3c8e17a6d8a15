// Counts what is done with a text, instead of taking the time.

/**
 * The letters that patterns and searches look at while `job` runs. A pattern that repeats without bound may look at each letter as
 * often as there are letters: it counts as the square of what it reads.
 * @template T @param {() => T} job @returns {T extends Promise<any> ? Promise<number> : number}
 */
export function countSteps(job) {
  const { exec } = RegExp.prototype;
  const { indexOf } = String.prototype;
  let steps = 0;
  RegExp.prototype.exec = function (input) {
    const from = this.global ? this.lastIndex : 0;
    const found = exec.call(this, input);
    const read = (found ? found.index + found[0].length : input.length) - from;
    steps += repeats(this.source) ? read ** 2 : read;
    return found;
  };
  String.prototype.indexOf = function (search, from = 0) {
    const found = indexOf.call(this, search, from);
    steps += (found < 0 ? this.length : found + search.length) - from;
    return found;
  };
  const end = () => {
    RegExp.prototype.exec = exec;
    String.prototype.indexOf = indexOf;
    return steps;
  };
  let given;
  try {
    given = job();
  } finally {
    if (!(given instanceof Promise)) end();
  }
  return /** @type {any} */ (given instanceof Promise ? given.then(end, (error) => { end(); throw error; }) : steps);
}

/** Whether a pattern repeats something without bound. Read letter by letter: patterns are being counted. @param {string} source */
function repeats(source) {
  let isClass = false;
  for (let at = 0; at < source.length; at += 1) {
    if (source[at] === '\\') at += 1;
    else if (source[at] === '[') isClass = true;
    else if (source[at] === ']') isClass = false;
    else if (!isClass && (source[at] === '*' || source[at] === '+' || (source[at] === ',' && source[at + 1] === '}'))) return true;
  }
  return false;
}
