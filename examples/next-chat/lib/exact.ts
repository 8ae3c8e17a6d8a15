// What a person decides on must be all there is: characters that show nothing, or turn the text around, are spelled out.
const HIDDEN = /(?![\t\n ])[\p{C}\p{Default_Ignorable_Code_Point}\p{Z}\u2800\ufffc]/gu;

export function exact(text: string): string {
  return text.replace(HIDDEN, (char) => `⟨U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`);
}

/** The same in one line. */
export function inLine(text: string): string {
  return exact(text.replace(/[\t\n]+/g, ' '));
}

/** What a tool printed, without the colours of a terminal. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what colours begin with.
  return text.replace(/\u001b\[[0-9:;?]{0,64}[A-Za-z]/g, '').replace(/\r\n?/g, '\n');
}

/** Tools and servers may put anything into a field. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value, null, 2);
}

export function fieldsOf(value: unknown): { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
