/**
 * Bodies of answers that are read here, as text.
 * @module
 */

/** A whole body; undefined: it is over `limit` bytes, and its rest is left alone. @param response an answer */
export async function textOf({ body }: Response, limit: number): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let [text, left] = ['', limit];
  const reader = body?.getReader();
  for (let step = await reader?.read(); step !== undefined && !step.done; step = await reader?.read()) {
    left -= step.value.length;
    if (left < 0) {
      await reader?.cancel();
      return undefined;
    }
    text += decoder.decode(step.value, { stream: true });
  }
  return text + decoder.decode();
}
