import type { Bytes } from 'opencode-session/recorder';

/** Longest beginning of an event that is kept to find its end. */
const MOST = 32 * 1024 * 1024;

/** The types of the events in the pieces of one stream. */
export class Frames {
  private readonly decoder = new TextDecoder();
  private rest = '';

  /** Takes a piece; gives the types of the events that end in it. */
  feed(bytes: Bytes): string[] {
    const text = this.rest + this.decoder.decode(toBytes(bytes), { stream: true });
    const frames = text.split(/\r\n\r\n|\n\n|\r\r/);
    this.rest = (frames.pop() ?? '').slice(-MOST);
    return frames.flatMap((frame) => {
      const data = frame.split(/\r\n|\n|\r/).flatMap((line) => (line.startsWith('data:') ? [line.slice(5)] : []));
      return data.length === 0 ? [] : [typeOf(data.join('\n'))];
    });
  }
}

/** Bytes as text for a person. */
export function readable(bytes: Bytes): string {
  return typeof bytes === 'string' ? bytes : new TextDecoder().decode(toBytes(bytes));
}

function toBytes(bytes: Bytes): Uint8Array {
  if (typeof bytes === 'string') return new TextEncoder().encode(bytes);
  return Uint8Array.from(atob(bytes.base64), (letter) => letter.charCodeAt(0));
}

function typeOf(data: string): string {
  try {
    const event = JSON.parse(data);
    const type: unknown = (event.payload ?? event).type;
    return typeof type === 'string' ? type : 'no type';
  } catch {
    return 'broken';
  }
}
