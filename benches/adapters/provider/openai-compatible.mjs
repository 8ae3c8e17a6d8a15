/** `@ai-sdk/openai-compatible`, without `streamText` around it, which would cost more. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { drain } from '../../provider/drain.mjs';

/** @type {import('../../provider/measure.mjs').Open} */
export async function open(fetch) {
  const provider = createOpenAICompatible({ name: 'own', apiKey: 'none', baseURL: 'http://server.test/v1', fetch, includeUsage: true });
  return (seen) => drain(provider.chatModel('m'), seen);
}
