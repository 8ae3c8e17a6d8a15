/**
 * From the AI SDK's messages to those of the wire.
 * @module
 */
import type { AiCallOptions, AiPart, AiWarning } from './ai-sdk-types.js';
import { base64 as encoded } from '../bytes.js';
import { fault } from './error.js';
import type { ProviderMessage } from './types.js';

/** The beginnings of images, for those that are sent without their kind. */
const IMAGES: readonly (readonly [string, readonly number[]])[] = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
  ['image/webp', [0x52, 0x49, 0x46, 0x46]],
];
const AUDIO: Readonly<Record<string, string>> = { 'audio/wav': 'wav', 'audio/mp3': 'mp3', 'audio/mpeg': 'mp3' };

/** @param prompt what `ai` gives @param warn told of what is left out */
export function messages(prompt: AiCallOptions['prompt'], warn: (warning: AiWarning) => void): ProviderMessage[] {
  return prompt.flatMap(({ role, content }): ProviderMessage[] => {
    if (typeof content === 'string') return [{ role: role as ProviderMessage['role'], content }];
    if (role === 'assistant') return [assistant(content, warn)];
    if (role === 'tool') return content.filter(({ type }) => type === 'tool-result').map((part) => ({ role: 'tool', tool_call_id: part.toolCallId ?? '', content: result(part.output, warn) }));
    const [first, ...more] = content;
    if (first?.type === 'text' && more.length === 0) return [{ role: 'user', content: first.text ?? '' }];
    return [{ role: 'user', content: content.map(userPart) }];
  });
}

function assistant(content: readonly AiPart[], warn: (warning: AiWarning) => void): ProviderMessage {
  let [text, reasoning] = ['', ''];
  const calls: object[] = [];
  for (const part of content) {
    if (part.type === 'text') text += part.text ?? '';
    else if (part.type === 'reasoning') reasoning += part.text ?? '';
    else if (part.type === 'tool-call') calls.push({ id: part.toolCallId, type: 'function', function: { name: part.toolName, arguments: json(part.input) } });
    else warn({ type: 'unsupported', feature: `${part.type} of an assistant`, details: 'It is left out.' });
  }
  return { role: 'assistant', content: text === '' && calls.length > 0 ? null : text, ...(reasoning && { reasoning_content: reasoning }), ...(calls.length > 0 && { tool_calls: calls }) };
}

/** What a tool gave, as text. */
function result(output: unknown, warn: (warning: AiWarning) => void): string {
  const { type, value, reason } = output as { type: string; value?: unknown; reason?: string };
  if (type === 'execution-denied') return reason ?? 'The call was not allowed.';
  if (type !== 'content') return typeof value === 'string' && type.endsWith('text') ? value : json(value);
  return (value as readonly AiPart[]).flatMap((part) => {
    if (part.type === 'text') return [part.text ?? ''];
    warn({ type: 'unsupported', feature: `${part.type} in the result of a tool`, details: 'It is left out.' });
    return [];
  }).join('\n');
}

function userPart(part: AiPart): object {
  if (part.type === 'text') return { type: 'text', text: part.text ?? '' };
  const { type, data, url, text, reference } = (part.data ?? {}) as { type?: string; data?: string | Uint8Array; url?: URL | string; text?: string; reference?: Readonly<Record<string, string>> };
  const media = part.mediaType ?? '';
  const [kind] = media.split('/');
  if (part.type === 'file') {
    if (type === 'text' && text !== undefined) return { type: 'text', text };
    const [id] = Object.values(reference ?? {});
    if (type === 'reference' && id !== undefined) return { type: 'file', file: { file_id: id } };
    if ((kind === 'image' || kind === 'video') && url !== undefined) return { type: `${kind}_url`, [`${kind}_url`]: { url: String(url) } };
    if (data !== undefined) {
      if (kind === 'text') return { type: 'text', text: typeof data === 'string' ? new TextDecoder().decode(bytes(data)) : new TextDecoder().decode(data) };
      if (kind === 'image' || kind === 'video') return { type: `${kind}_url`, [`${kind}_url`]: { url: `data:${kind === 'image' ? imageType(media, data) : media};base64,${base64(data)}` } };
      if (AUDIO[media] !== undefined) return { type: 'input_audio', input_audio: { data: base64(data), format: AUDIO[media] } };
      if (media === 'application/pdf') return { type: 'file', file: { filename: part.filename ?? 'document.pdf', file_data: `data:${media};base64,${base64(data)}` } };
    }
  }
  throw fault('bad_request', `A part of the kind ${part.type} ${media} cannot be sent in a chat.`, 'Send text, images, PDF, or audio as WAV or MP3.');
}

function imageType(media: string, data: string | Uint8Array): string {
  if (media !== 'image' && !media.endsWith('/*')) return media;
  const start = typeof data === 'string' ? bytes(data.slice(0, 8)) : data;
  return IMAGES.find(([, magic]) => magic.every((byte, at) => start[at] === byte))?.[0] ?? 'image/jpeg';
}

/** As it stands, where it is JSON already. */
function json(value: unknown): string {
  if (typeof value === 'string') {
    try {
      JSON.parse(value);
      return value;
    } catch {
      // A text that is no JSON is a JSON text.
    }
  }
  return JSON.stringify(value) ?? 'null';
}

const bytes = (text: string) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

const base64 = (data: string | Uint8Array): string => (typeof data === 'string' ? data : encoded(data));
