/** This package: chunks of the provider, as published. */
import { createProvider } from 'opencode-session/provider';

/** @type {import('../../provider/measure.mjs').Open} */
export async function open(fetch) {
  const provider = await createProvider({
    apiEndpoint: 'http://server.test/v1',
    auth: { type: 'api-key', apiKey: 'none' },
    // The widest that there are: what is measured is the work, not the wait.
    rateLimits: { requestsPerMinute: 1_000, tokensPerMinute: 1_000_000 },
  }, { fetch });
  return async (seen) => {
    for await (const { text } of provider.streamChat({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], maxTokens: 10 })) if (text !== '') seen(text);
  };
}
