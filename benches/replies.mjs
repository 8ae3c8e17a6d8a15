/**
 * The same turns in the wire of the AI SDK, which has no event stream of sessions: each prompt is a request and its
 * answer a stream of UI message chunks.
 */

/**
 * @param {{ answer?: string, outputs?: string[], step?: number }} turn
 * @param {number} index
 * @returns {string[]} SSE frames
 */
export function reply({ answer, outputs = [], step = 4 }, index) {
  const chunks = [{ type: 'start', messageId: `reply-${index}` }, { type: 'start-step' }];
  if (answer !== undefined) {
    const id = `text-${index}`;
    chunks.push({ type: 'text-start', id });
    for (let from = 0; from < answer.length; from += step) {
      chunks.push({ type: 'text-delta', id, delta: answer.slice(from, from + step) });
    }
    chunks.push({ type: 'text-end', id });
  }
  for (const [call, output] of outputs.entries()) {
    const tool = { toolCallId: `call-${index}-${call}`, dynamic: true };
    const input = { url: 'file:///project/build.log', format: 'text' };
    chunks.push({ type: 'tool-input-start', ...tool, toolName: 'webfetch' });
    chunks.push({ type: 'tool-input-available', ...tool, toolName: 'webfetch', input, providerExecuted: true });
    chunks.push({ type: 'tool-output-available', ...tool, output, providerExecuted: true });
  }
  chunks.push({ type: 'finish-step' }, { type: 'finish', finishReason: 'stop' });
  return [...chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`), 'data: [DONE]\n\n'];
}

/** Stored messages in the shape of this rival. @param {object[]} history */
export function past(history) {
  return history.map(({ info, parts }) => ({
    id: info.id,
    role: info.role,
    parts: parts.filter(({ type }) => type === 'text').map(({ text }) => ({ type: 'text', text, state: 'done' })),
  }));
}
