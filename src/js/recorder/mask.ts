/**
 * Hides characters without changing how many there are: what was a beginning of something else stays one.
 * @module
 */

const encoder = new TextEncoder();
/** What stands for a character of two, three and four bytes. */
const TWO = encoder.encode('é');
const THREE = encoder.encode('一');
const FOUR = encoder.encode('😀');
const SPACE = /\s/u;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Stars in place of all bytes from `from` to `to`. */
export function star(bytes: Uint8Array, from: number, to: number): void {
  bytes.fill(0x2a, from, to);
}

/**
 * Letters become `x`, digits `0`, others a sign of their own size; white space and marks stay. Within JSON (`escapes`)
 * a character is the same whichever way it is written.
 */
export function mask(bytes: Uint8Array, from: number, to: number, escapes: boolean): void {
  for (let at = from; at < to; ) {
    const byte = bytes[at] as number;
    if (escapes && byte === 0x5c) {
      if (bytes[at + 1] === 0x75 && at + 6 <= to) maskEscape(bytes, at + 2);
      at += bytes[at + 1] === 0x75 ? 6 : 2;
    } else if (byte < 0x80) {
      bytes[at] = plain(byte);
      at += 1;
    } else {
      const sign = byte >= 0xf0 ? FOUR : byte >= 0xe0 ? THREE : TWO;
      // A character that is cut off stays cut off.
      let end = at + 1;
      while (end < Math.min(at + sign.length, to) && ((bytes[end] as number) & 0xc0) === 0x80) end += 1;
      if (!SPACE.test(decoder.decode(bytes.subarray(at, end)))) bytes.set(sign.subarray(0, end - at), at);
      at = end;
    }
  }
}

/** Names of folders become names made of their digest: the same ones stay the same, and others do not become equal. */
export function maskPath(path: string, salt: number): string {
  return path.replace(/[^/\\]+/g, (name) => letters(name, salt));
}

function plain(byte: number): number {
  const lower = byte | 0x20;
  if (lower >= 0x61 && lower <= 0x7a) return 0x78;
  return byte >= 0x30 && byte <= 0x39 ? 0x30 : byte;
}

/** The four digits of `\uXXXX`. */
function maskEscape(bytes: Uint8Array, at: number): void {
  const unit = Number.parseInt(decoder.decode(bytes.subarray(at, at + 4)), 16);
  if (Number.isNaN(unit)) return;
  let sign = unit;
  if (unit < 0x80) sign = plain(unit);
  else if (unit >= 0xd800 && unit < 0xdc00) sign = 0xd83d;
  else if (unit >= 0xdc00 && unit < 0xe000) sign = 0xde00;
  else if (!SPACE.test(String.fromCharCode(unit))) sign = unit < 0x800 ? 0xe9 : 0x4e00;
  bytes.set(encoder.encode(sign.toString(16).padStart(4, '0')), at);
}

/** As many letters as the name has bytes. */
function letters(name: string, salt: number): string {
  const bytes = encoder.encode(name);
  let state = salt;
  for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  let out = '';
  for (let at = 0; at < bytes.length; at += 1) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + at + 1) >>> 0;
    out += String.fromCharCode(0x61 + ((state >>> 8) % 26));
  }
  return out;
}
