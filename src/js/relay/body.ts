/**
 * JSON bodies of requests, read no further than they may be long.
 * @module
 */

/** `limits.body`, by default, bytes: a prompt with its files. */
export const BODY = 24 << 20;

/** Why a body is not taken. */
export class BadBody extends Error {
  readonly why: 'wrong_content_type' | 'too_large' | 'no_object';

  constructor(why: BadBody['why']) {
    super(why);
    this.why = why;
  }
}

/** The object that a body holds; an empty one for no body. @throws {BadBody} */
export async function readJson(request: Request, most: number): Promise<Record<string, unknown>> {
  if (Number(request.headers.get('content-length')) > most) throw new BadBody('too_large');
  let left = most;
  let text = '';
  const decoder = new TextDecoder();
  const reader = request.body?.getReader();
  while (reader !== undefined) {
    // One that breaks off is no object, either.
    const { done, value } = await reader.read().catch(() => Promise.reject(new BadBody('no_object')));
    if (done) break;
    left -= value.length;
    if (left < 0) {
      await reader.cancel();
      throw new BadBody('too_large');
    }
    text += decoder.decode(value, { stream: true });
  }
  text += decoder.decode();
  if (text === '') return {};
  // Exactly this one: a form of another site cannot send it.
  const type = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new BadBody('wrong_content_type');
  try {
    const body: unknown = JSON.parse(text);
    if (isRecord(body)) return body;
  } catch {
    // Told below.
  }
  throw new BadBody('no_object');
}

/** Whether a value of JSON has fields. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
