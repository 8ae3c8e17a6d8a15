/**
 * Text from a model or a tool is hostile: it may hold characters that hide, reorder or overwrite what a person reads.
 * Everything the page shows goes through here.
 */

/** The same text with control, bidirectional and invisible characters spelled out. */
export function visible(text: string): string {
  return text.replace(CARRIAGE, '').replace(HIDDEN, spell);
}

/** Terminal output as plain text: escape codes gone, overwritten lines on lines of their own. */
export function plainOutput(text: string): string {
  return text.replace(ANSI, '').replace(/\r+\n?/g, '\n');
}

// A carriage return before a line end is only a line end; at the end of a chunk its line end may still be on the way.
const CARRIAGE = /\r+(?=\n|$)/g;

// Left alone: tab, line end, and the joiners and variation selectors that emoji and several scripts need.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

// CSI, OSC (ended by BEL or ST), DCS/SOS/PM/APC, and the two-character escapes.
const ANSI =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[PX^_][^\u001b]*(?:\u001b\\)?|\u001b[ -/]*[0-~]/g;

function spell(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
}
