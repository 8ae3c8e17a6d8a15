/**
 * Prompts in the server's shape.
 * @module
 */
import { bounded, whole } from './answer.js';
import { base64, encode } from './bytes.js';
import type { SessionError } from './errors.js';
import { PATIENCE, refused } from './host.js';
import type { PromptInput, PromptPart, SendOptions } from './types.js';

/** `limits.attachments`, by default. */
export const ATTACHMENTS = 16 * 1024 * 1024;

/**
 * The JSON the core sends: at once when nothing has to be read, else when the files are read. Throws, or rejects, when the
 * files are larger than `most` bytes together.
 */
export function promptJson(prompt: string | PromptInput, options: SendOptions, most: number): Uint8Array | Promise<Uint8Array> {
  const { text, parts }: PromptInput = typeof prompt === 'string' ? { text: prompt } : prompt;
  const all: PromptPart[] = [...(text?.trim() ? [{ type: 'text' as const, text }] : []), ...(parts ?? [])];
  const toBody = (ready: readonly object[]): Uint8Array => encode(JSON.stringify({ ...options, parts: ready }));
  let left = most;
  const take = (size: number): void => {
    left -= size;
    if (left < 0) throw tooLarge(most);
  };
  const ready = all.map((part) => toServer(part, take));
  return ready.some((part) => part instanceof Promise) ? Promise.all(ready).then(toBody) : toBody(ready);
}

function toServer(part: PromptPart, take: (size: number) => void): object | Promise<object> {
  if (part.type !== 'file') return part;
  if ('file' in part) {
    take(part.file.size);
    return inlined(part.file, part);
  }
  const url = String(part.url);
  if (url.startsWith('data:')) take((url.length * 3) / 4);
  // What only this page can read. Servers do not read addresses: one that gets there fails this turn and those after it.
  if (!/^(https?|blob):/.test(url)) return { ...part, url };
  return bounded(PATIENCE, async (signal, heard) => {
    // Where it leads may be the page's own server: whoever gives an address gives away nothing of the person.
    const answer = await fetch(url, { signal, credentials: 'omit', referrerPolicy: 'no-referrer' });
    if (!answer.ok) throw new Error();
    const { body, headers } = await whole(answer, signal, (bytes) => {
      heard();
      take(bytes);
    });
    const blob = new Blob([body], { type: headers.get('content-type') ?? '' });
    return inlined(blob, { ...part, filename: part.filename ?? new URL(url).pathname.split('/').pop() });
  });
}

async function inlined(file: Blob, part: { readonly mime?: string | undefined; readonly filename?: string | undefined }): Promise<object> {
  const mime = part.mime ?? (file.type || 'application/octet-stream');
  const filename = part.filename ?? (file instanceof File ? file.name : undefined);
  const url = `data:${mime};base64,${base64(new Uint8Array(await file.arrayBuffer()))}`;
  return { type: 'file', mime, filename: filename || undefined, url };
}

function tooLarge(most: number): SessionError {
  return refused(
    'limit_reached',
    `The files are larger than ${most} bytes together (limits.attachments).`,
    'Send less, or name the path of a file on the server.',
  );
}
