/** `openai` of npm. */
import OpenAI from 'openai';

/** @type {import('../../provider/measure.mjs').Open} */
export async function open(fetch) {
  const client = new OpenAI({ apiKey: 'none', baseURL: 'http://server.test/v1', fetch, dangerouslyAllowBrowser: true });
  return async (seen) => {
    const stream = await client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream: true, stream_options: { include_usage: true } });
    for await (const chunk of stream) {
      const text = chunk.choices[0]?.delta.content;
      if (text) seen(text);
    }
  };
}
