// Characters that hide, reorder or overwrite: for the tests of all places where a person reads.

/** Each of them shows nothing by itself, or shows something else than it is. */
export const HIDING = [
  // Controls of the terminal: NUL, BEL, BS, CR, ESC, DEL, and CSI, OSC and DCS in one character.
  '\0', '\u0007', '\b', '\r', '\u001b', '\u007f', '\u0085', '\u009b', '\u009d', '\u0090',
  // Direction.
  '\u061c', '\u200e', '\u200f', '\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067', '\u2068', '\u2069',
  // No width.
  '\u00ad', '\u034f', '\u180e', '\u200b', '\u200c', '\u200d', '\u2060', '\u2061', '\u2064', '\u206a', '\ufeff', '\ufff9', '\ufffb',
  // Letters that are blank, and blanks that are no space.
  '\u115f', '\u1160', '\u3164', '\uffa0', '\u2800', '\u17b4', '\u17b5', '\u00a0', '\u2003', '\u3000', '\u{1d159}', '\u{1d173}',
  // Line ends of other kinds.
  '\u2028', '\u2029', '\u000b', '\u000c',
  // Variation selectors and tags.
  '\u180b', '\ufe00', '\ufe0e', '\ufe0f', '\u{e0100}', '\u{e01ef}', '\u{e0001}', '\u{e0041}', '\u{e007f}',
  // Half of a character.
  '\ud800',
];

/** Any of them, and their kind. Written without the library's own pattern. */
export const LOOKS = new RegExp(`[${HIDING.map((char) => `\\u{${/** @type {number} */ (char.codePointAt(0)).toString(16)}}`).join('')}]`, 'u');
