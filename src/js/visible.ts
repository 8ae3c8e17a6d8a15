/**
 * What a person reads: text from servers, models, tools, files and arguments is hostile, and may hold characters that hide,
 * reorder or overwrite it. Pages and the command line show nothing that did not go through here.
 *
 * Each pattern looks at one character, or at a bounded number of them: the time grows with the text, and no faster.
 * @module
 */

/**
 * Of prose: as {@link exact}, but for line ends as Windows writes them, spaces of all widths, and the joiners that emoji and several scripts need
 * where they join. `before`: what stands before the text.
 */
export function visible(text: string, before = ''): string {
  return text.replace(/\r\n/g, '\n').replace(HIDDEN, (char, at: number, whole: string) =>
    joins(char, at > 0 ? whole.slice(Math.max(0, at - 4), at) : before.slice(-4), whole.slice(at + 1, at + 3)) ? char : spell(char));
}

/** What a person decides on: each character that shows nothing, or shows something else than it is, is spelled out. Line ends and tabs stay. */
export function exact(text: string): string {
  return text.replace(HIDDEN, spell);
}

/** The same in one line: what is shown as one value cannot begin another. */
export function inLine(text: string): string {
  return exact(text).replace(/[\t\n]/g, spell);
}

/** JSON with the same characters escaped as JSON does it: it reads back as it was. */
export function exactJson(json: string): string {
  return json.replace(HIDDEN, (char) => Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''));
}

/** What a tool printed: colours gone, overwritten lines on lines of their own. No more than that is taken out: what follows an escape may be text. */
export function plainOutput(text: string): string {
  return text.replace(COLOUR, '').replace(/\r\n?/g, '\n');
}

// Controls, formats, lone surrogates, private and unassigned characters; what draws nothing by definition; separators and blanks
// but for the space, and the letters that are blank without being called so.
const HIDDEN =
  /(?![\t\n ])[\p{C}\p{Default_Ignorable_Code_Point}\p{Z}\u2800\ufffc\u{1d159}\u{16fe4}\u{13441}\u{13442}]/gu;

// A CSI sequence as programs print them: figures, and the letter that they are for.
const COLOUR = /\u001b\[[0-9:;?]{0,64}[A-HJKSTfhlmnsu]/g;

const PICTURE = /\p{Extended_Pictographic}/u;
const JOINING =
  /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Nko}\p{Script=Mandaic}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Khmer}]/u;

/** Whether a joiner, or a sign that says how a picture is drawn, stands where it does that. */
function joins(char: string, before: string, after: string): boolean {
  const last = [...before].at(-1) ?? '';
  switch (char) {
    case '\ufe0e':
    case '\ufe0f':
      return PICTURE.test(last) || (/[0-9#*]/.test(last) && after.startsWith('\u20e3'));
    case '\u200d':
      if (PICTURE.test([...after][0] ?? '') && (PICTURE.test(last) || /\p{Emoji_Modifier}/u.test(last) || (last === '\ufe0f' && PICTURE.test([...before].at(-2) ?? '')))) return true;
      return JOINING.test(last) && JOINING.test(after);
    case '\u200c':
      return JOINING.test(last) && JOINING.test(after);
    default:
      // Spaces of other widths part words as a space does.
      return /\p{Zs}/u.test(char);
  }
}

function spell(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
}
