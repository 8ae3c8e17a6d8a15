/** What a link of a message may lead to. */
const SCHEMES: ReadonlySet<string> = new Set(['http:', 'https:', 'mailto:']);
/** Longest address that becomes a link, in characters: a longer one stays text. */
export const ADDRESS = 2_000;

/** The address as the browser goes to it, or undefined for what must not become a link. */
export function addressOf(text: string): string | undefined {
  if (text.length > ADDRESS) return undefined;
  try {
    const url = new URL(text);
    // A name before the host is read as the host: such an address stays text.
    return SCHEMES.has(url.protocol) && url.username === '' && url.password === '' ? url.href : undefined;
  } catch {
    return undefined;
  }
}
