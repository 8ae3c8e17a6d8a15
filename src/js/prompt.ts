/**
 * Prompts in the server's shape.
 * @module
 */
import type { PromptInput, PromptPart, SendOptions } from './types.js';

/** The JSON the core sends: at once when nothing has to be read, else when the files are read. */
export function promptJson(prompt: string | PromptInput, options: SendOptions): Uint8Array | Promise<Uint8Array> {
  const input: PromptInput = typeof prompt === 'string' ? { text: prompt } : prompt;
  const parts: PromptPart[] = [...(input.parts ?? [])];
  if (input.text !== undefined && input.text.trim() !== '') parts.unshift({ type: 'text', text: input.text });
  const { model, agent, variant, system, noReply } = options;
  const encode = (ready: readonly object[]): Uint8Array =>
    new TextEncoder().encode(JSON.stringify({ parts: ready, model, agent, variant, system, noReply }));
  const ready = parts.map(toServer);
  return ready.some((part) => part instanceof Promise) ? Promise.all(ready).then(encode) : encode(ready);
}

function toServer(part: PromptPart): object | Promise<object> {
  if (part.type !== 'file' || !('file' in part)) return part;
  const { file } = part;
  const mime = part.mime ?? (file.type || 'application/octet-stream');
  const filename = part.filename ?? (file instanceof File ? file.name : undefined);
  return file.arrayBuffer().then((buffer) => ({
    type: 'file',
    mime,
    ...(filename === undefined ? {} : { filename }),
    url: `data:${mime};base64,${base64(new Uint8Array(buffer))}`,
  }));
}

function base64(bytes: Uint8Array): string {
  let text = '';
  // In pieces: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}
