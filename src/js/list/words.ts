/**
 * Searching titles: what the server is asked for, and what counts.
 * @module
 */

/** Whether a title has the text in it, large and small letters alike. */
export function matches(title: string, text: string): boolean {
  return title.toLowerCase().includes(text.toLowerCase());
}

/**
 * The longest piece of the text that every server finds wherever the whole text is: from 1.2 on they know large and small
 * letters of ASCII only.
 */
export function searchable(text: string): string {
  let longest = '';
  let piece = '';
  for (const letter of text) {
    const plain = letter < '\x80' || letter.toLowerCase() === letter.toUpperCase();
    piece = plain ? piece + letter : '';
    if (piece.length > longest.length) longest = piece;
  }
  return longest;
}
