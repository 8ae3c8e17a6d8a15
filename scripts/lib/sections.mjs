// Edits of a wasm file that its optimiser does not do.

const IMPORTS = 2;
const DATA = 11;
/** What the generator of the glue puts behind the name of each import. */
const HASH = /^(__wbg_\w+)_[0-9a-f]{16}$/;
/** `core::panic::Location` on this target: address and length of the file's name, line, column. */
const LOCATION = 16;
/** What a panic of the standard library says, in its pieces. */
const SAID = [
  'attempt to join into collection with len > usize::MAX', 'attempt to divide by zero', 'attempt to calculate the remainder with a divisor of zero', 'copy_from_slice: source slice length (',
  ') does not match destination slice length (', ' out of range for slice of length ', 'index out of bounds: the len is ', ' but the index is ', 'slice index starts at ', ' but ends at ', 'insertion index (is ',
  'removal index (is ', ') should be <= len (is ', ') should be < len (is ', 'range start index ', 'range end index ', 'min > max. min = ', ', max = ', 'capacity overflow', 'RefCell already mutably borrowed', 'RefCell already borrowed',
  'called `Option::unwrap()` on a `None` value', 'called `Result::unwrap()` on an `Err` value', 'internal error: entered unreachable code', 'swap_remove index (is ', 'byte index ', ' is not a char boundary; it is inside ',
  'begin > end (', ' when slicing `', ' is out of bounds of `', ' (bytes ', 'assertion failed: self.is_char_boundary(new_len)', 'assertion failed: self.is_char_boundary(at)', 'assertion failed: slot.is_none()', '`at` split index (is ',
  '`async fn` resumed after completion', 'cannot poll Select twice', 'LazyCell instance has previously been poisoned', 'finish: callbacks should be Some', 'finish: result should be None',
  'Hash table capacity overflow', 'Attempted to initialize thread-local while it is being dropped', 'Tried to shrink to a larger capacity', ": The JS binding should only ever produce a valid value or the specific 'invalid' value",
].map((words) => new TextEncoder().encode(words));
/** Tables that only texts with `{:?}` look into: which letters can be shown, and which belong to the one before them. The first and the last bytes of each. */
const SHOWN = [['00060101030104020507070208', '4c04808d0480be031b030f0d'], ['00700007002d0101', '6d07006080f0'], ['0003000083042000', 'ee5ef0017f5f']].map((ends) => ends.map((end) => Buffer.from(end, 'hex')));
/** None of them is longer, bytes. */
const LONGEST = 2_048;

/** The names of imports as they are published: without their hash, unless two would be the same then. @param {string[]} names @returns {Map<string, string>} */
export function shorts(names) {
  const short = (/** @type {string} */ name) => name.replace(HASH, '$1');
  const count = new Map();
  for (const name of new Set(names)) count.set(short(name), (count.get(short(name)) ?? 0) + 1);
  return new Map(names.map((name) => [name, count.get(short(name)) === 1 ? short(name) : name]));
}

/** Imports without the hash in their names, which no compression can make small. The glue must be told the same. @param {Uint8Array} bytes */
export function shortImports(bytes) {
  return edit(bytes, IMPORTS, (reader) => {
    const count = reader.number();
    const read = Array.from({ length: count }, () => {
      const from = reader.text();
      const name = reader.text();
      const begin = reader.at;
      const kind = reader.number();
      if (kind === 0) reader.number();
      else throw new Error(`the import ${name} is no function`);
      return { from, name, rest: reader.bytes.subarray(begin, reader.at) };
    });
    const names = shorts(read.map(({ name }) => name));
    return [...number(count), ...read.flatMap(({ from, name, rest }) => [...text(from), ...text(names.get(name) ?? name), ...rest])];
  });
}

/**
 * Takes out where in the source a panic came from, and what it says, with the tables for that: nobody reads it once panics are mute.
 * @param {Uint8Array} bytes
 * @param {[begin: number, end: number][]} [emptied] gets the addresses of tables, which no code may name any more
 */
export function forgetPanics(bytes, emptied) {
  return edit(bytes, DATA, (reader) => {
    const body = reader.bytes.slice();
    const segments = [];
    for (let left = reader.number(); left > 0; left -= 1) {
      if (reader.number() !== 0 || reader.number() !== 0x41) throw new Error('a data segment has another form than expected');
      const address = reader.number();
      reader.at += 1;
      const size = reader.number();
      segments.push({ address, at: reader.at, size });
      reader.at += size;
    }
    const place = (address, size) => {
      const home = segments.find((each) => address >= each.address && address + size <= each.address + each.size);
      return home && home.at + address - home.address;
    };
    const view = new DataView(body.buffer, body.byteOffset);
    const files = [];
    for (const { at, size } of segments) {
      for (let here = at; here + LOCATION <= at + size; here += 4) {
        const length = view.getUint32(here + 4, true);
        const file = place(view.getUint32(here, true), length);
        if (file === undefined || !/^[\w./-]+\.rs$/.test(latin.decode(body.subarray(file, file + length)))) continue;
        files.push([file, length]);
        body.fill(0, here, here + LOCATION);
      }
    }
    if (files.length === 0) throw new Error('no place of a panic in the wasm: its form has changed');
    for (const [file, length] of files) body.fill(0, file, file + length);
    const data = Buffer.from(body.buffer, body.byteOffset, body.length);
    let said = 0;
    for (const words of SAID) {
      for (let at = data.indexOf(words); at !== -1; at = data.indexOf(words, at)) {
        data.fill(0, at, at + words.length);
        said += 1;
      }
    }
    if (said === 0) throw new Error('no words of a panic in the wasm: the standard library has others');
    for (const [first, last] of SHOWN) {
      const at = data.indexOf(first);
      const end = data.indexOf(last, at) + last.length;
      if (at === -1 || end - at > LONGEST || end < at) continue;
      data.fill(0, at, end);
      const home = segments.find((each) => at >= each.at && at < each.at + each.size);
      if (home) emptied?.push([at - home.at + home.address, end - home.at + home.address]);
    }
    return body;
  });
}

const latin = new TextDecoder('latin1');

/** @param {Uint8Array} bytes @param {number} wanted @param {(reader: Reader) => ArrayLike<number>} change */
function edit(bytes, wanted, change) {
  const out = [...bytes.subarray(0, 8)];
  const reader = new Reader(bytes);
  reader.at = 8;
  while (reader.at < bytes.length) {
    const id = reader.number();
    const size = reader.number();
    const body = bytes.subarray(reader.at, reader.at + size);
    reader.at += size;
    const next = id === wanted ? change(new Reader(body)) : body;
    out.push(id, ...number(next.length));
    for (let at = 0; at < next.length; at += 1) out.push(next[at]);
  }
  return Uint8Array.from(out);
}

class Reader {
  at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }

  /** LEB128, unsigned; an address above 2 GiB would be read wrongly, and there is none. */
  number() {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = this.bytes[this.at];
      this.at += 1;
      value += (byte & 127) * 2 ** shift;
      shift += 7;
      if (byte < 128) return value;
    }
  }

  text() {
    const size = this.number();
    this.at += size;
    return latin.decode(this.bytes.subarray(this.at - size, this.at));
  }
}

/** @param {number} value */
function number(value) {
  const out = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  return [...out, value];
}

/** @param {string} value */
const text = (value) => [...number(value.length), ...Array.from(value, (letter) => letter.charCodeAt(0))];
