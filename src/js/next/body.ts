/**
 * What a chat endpoint is asked for: everything in a body is checked before anything is done.
 * @module
 */
import type { PromptPart, SendOptions } from '../index.js';
import { type BadBody, isRecord, readJson } from '../relay/body.js';
import { isId } from '../relay/routes.js';
import { Fault } from './fault.js';

/** A prompt, as far as it comes from a page. */
export interface Prompt {
  readonly text: string;
  readonly parts: readonly PromptPart[];
  readonly options: SendOptions;
}

/** What a `POST` wants. */
export type Wish =
  | { readonly type: 'prompt'; readonly session: string | undefined; readonly prompt: Prompt; readonly streams: boolean }
  | { readonly type: 'regenerate'; readonly session: string }
  | { readonly type: 'approve'; readonly session: string; readonly replies: readonly Reply[] }
  | { readonly type: 'abort'; readonly session: string }
  | { readonly type: 'permission'; readonly session: string; readonly reply: Reply }
  | { readonly type: 'question'; readonly session: string; readonly id: string; readonly answers: readonly (readonly string[])[] | undefined };

/** The answer to a permission request. */
export interface Reply {
  readonly id: string;
  readonly reply: 'once' | 'always' | 'reject';
  readonly message: string | undefined;
}

/** Files of a prompt. */
const MAX_FILES = 32;
const NAMES = ['model', 'agent', 'variant'] as const;
const REPLIES = ['once', 'always', 'reject'] as const;

/** Reads a JSON body of at most so many bytes. */
export async function readBody(request: Request, most: number): Promise<Record<string, unknown>> {
  try {
    return await readJson(request, most);
  } catch (error) {
    switch ((error as BadBody).why) {
      case 'wrong_content_type':
        throw new Fault('wrong_content_type', 'The body is not JSON.', 'Send it with content-type: application/json.');
      case 'too_large':
        throw new Fault('too_large', `The body is larger than ${most} bytes.`, 'Send less, or raise limits.body of the route.');
      case 'no_object':
        throw bad('The body is not a JSON object.', 'Send { "message": "…" }.');
    }
  }
}

/** What a body of `{ message, sessionId? … }` wants. */
export function wishOf(body: Record<string, unknown>): Wish {
  const { sessionId, message, parts, abort, permission, question, stream } = body;
  const session = sessionId === undefined ? undefined : idOf(sessionId, 'sessionId');
  if (message !== undefined || parts !== undefined) {
    const files = parts === undefined ? [] : list(parts, 'parts', MAX_FILES).map(fileOf);
    return { type: 'prompt', session, prompt: { text: text(message ?? '', 'message'), parts: files, options: optionsOf(body) }, streams: stream !== false };
  }
  if (session === undefined) throw bad('There is neither a message nor a sessionId.', 'Send { "message": "…" }.');
  if (abort === true) return { type: 'abort', session };
  if (isRecord(permission)) return { type: 'permission', session, reply: replyOf(permission) };
  if (isRecord(question)) {
    const answers = question['answers'] === undefined ? undefined : list(question['answers'], 'question.answers').map((each) => list(each, 'question.answers').map((one) => text(one, 'question.answers')));
    return { type: 'question', session, id: idOf(question['id'], 'question.id'), answers };
  }
  throw bad('Nothing is asked for.', 'Send a message, abort: true, a permission or a question.');
}

/** What a body of `useChat` wants, of the chat that belongs to this session. */
export function uiWishOf(body: Record<string, unknown>, session: string | undefined): Wish {
  const last = list(body['messages'], 'messages').at(-1);
  if (!isRecord(last)) throw bad('There is no message in messages.', 'Send the messages of the chat, the new one last.');
  const parts = list(last['parts'], 'parts').filter(isRecord);
  if (last['role'] === 'assistant' && session !== undefined) {
    const replies = parts.filter(({ state }) => state === 'approval-responded').map(({ approval }): Reply => {
      const { id, approved, reason } = isRecord(approval) ? approval : {};
      return { id: idOf(id, 'approval.id'), reply: approved === true ? 'once' : 'reject', message: typeof reason === 'string' ? reason : undefined };
    });
    if (replies.length > 0) return { type: 'approve', session, replies };
  }
  if (body['trigger'] === 'regenerate-message') {
    if (session === undefined) throw bad('There is no session whose last answer could be made again.', 'Send a message first.');
    return { type: 'regenerate', session };
  }
  if (last['role'] !== 'user') throw bad('The last message is not one of a user.', 'Send the messages of the chat, the new one last.');
  const said = parts.filter(({ type }) => type === 'text').map((part) => text(part['text'], 'text'));
  const files = parts.filter(({ type }) => type === 'file').map(({ url, mediaType, filename }) => fileOf({ url, mime: mediaType, filename }));
  if (files.length > MAX_FILES) throw bad(`There are more than ${MAX_FILES} files.`, 'Send fewer.');
  return { type: 'prompt', session, prompt: { text: said.join('\n'), parts: files, options: optionsOf(body) }, streams: true };
}

/** An id that may stand in a path. */
export function idOf(value: unknown, name: string): string {
  if (isId(value)) return value;
  throw bad(`${name} is ${value === undefined || value === null ? 'missing' : 'no id'}.`, 'Send it as the endpoint gave it.');
}

function optionsOf(body: Record<string, unknown>): SendOptions {
  return Object.fromEntries(NAMES.filter((name) => body[name] !== undefined).map((name) => [name, text(body[name], name)]));
}

function replyOf({ id, reply, message }: Record<string, unknown>): Reply {
  const known = REPLIES.find((each) => each === reply);
  if (known === undefined) throw bad('permission.reply is not known.', `Send one of ${REPLIES.join(', ')}.`);
  return { id: idOf(id, 'permission.id'), reply: known, message: message === undefined ? undefined : text(message, 'permission.message') };
}

/** By content only: an address would be fetched by this process, and a path read on the server's machine. */
function fileOf(value: unknown): PromptPart {
  const { url, mime, filename } = isRecord(value) ? value : {};
  if (typeof url !== 'string' || !url.startsWith('data:')) throw bad('A file is not given as a data: URL.', 'Read it in the page, and send its content.');
  return { type: 'file', url: url as `data:${string}`, mime: text(mime, 'mime'), ...(filename !== undefined && { filename: text(filename, 'filename') }) };
}

function text(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw bad(`${name} is no text.`, `Send ${name} as a string.`);
}

function list(value: unknown, name: string, most = Number.POSITIVE_INFINITY): readonly unknown[] {
  if (!Array.isArray(value)) throw bad(`${name} is no list.`, `Send ${name} as an array.`);
  if (value.length > most) throw bad(`${name} has more than ${most} entries.`, 'Send fewer.');
  return value;
}

const bad = (message: string, hint: string): Fault => new Fault('bad_body', message, hint);
