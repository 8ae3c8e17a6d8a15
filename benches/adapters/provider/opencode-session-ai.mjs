/** This package as a language model of the AI SDK: the same stream as the rival below `streamText` gives. */
import { createProvider } from 'opencode-session/provider';
import { languageModel } from 'opencode-session/provider/ai-sdk';
import { drain } from '../../provider/drain.mjs';

/** @type {import('../../provider/measure.mjs').Open} */
export async function open(fetch) {
  const provider = await createProvider({ apiEndpoint: 'http://server.test/v1', auth: { type: 'api-key', apiKey: 'none' }, rateLimits: { requestsPerMinute: 1_000, tokensPerMinute: 1_000_000 } }, { fetch });
  return (seen) => drain(languageModel(provider, 'm'), seen);
}
