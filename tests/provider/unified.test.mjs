// The one class of a unified interface: what it decides, and what its errors are called.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { codeBlocks, OpenCodeProvider, ProviderError } from '../../dist/provider.js';
import { config, HI, json, say, startMock, stream } from './mock.mjs';

/** @type {Awaited<ReturnType<typeof startMock>>} */
let mock;
const list = { data: [{ id: 'starcoder2-3b' }, { id: 'm-1', capabilities: { tools: true } }] };
/** @type {OpenCodeProvider[]} */
const made = [];

before(async () => {
  mock = await startMock(() => undefined);
});
after(async () => {
  for (const provider of made) await provider.dispose();
  await mock.close();
});

/** @param {import('./mock.mjs').Answerer} answer @param {object} [more] */
function provide(answer, more) {
  mock.set(answer);
  const provider = new OpenCodeProvider(config(mock.url, { retry: { maxTries: 1 }, ...more }));
  made.push(provider);
  return provider;
}
async function collect(answer) {
  const texts = [];
  for await (const { content } of answer) texts.push(content);
  return texts.join('');
}
/** @param {Promise<unknown>} promise @returns {Promise<ProviderError>} */
const faultOf = (promise) => promise.then((value) => assert.fail(`no fault: ${JSON.stringify(value)}`), (error) => {
  assert.ok(error instanceof ProviderError, String(error.stack));
  return error;
});

describe('OpenCodeProvider', () => {
  test('begins with the key and the models, and tells what there is', async () => {
    const provider = provide(({ path }) => (path.endsWith('/models') ? list : undefined));
    await provider.initialize();
    const { models, features, limits } = await provider.getCapabilities();
    assert.deepEqual(models.map(({ id }) => id), ['starcoder2-3b', 'm-1']);
    assert.deepEqual([features.fillInTheMiddle, limits.maxRequestsPerMinute], [true, 1_000]);
    assert.deepEqual(await provider.getUsageStats(), { day: { requests: 0, tokens: 0, estimatedTokens: 0, cost: 0 }, month: { requests: 0, tokens: 0, estimatedTokens: 0, cost: 0 }, waiting: 0, running: 0 });
  });

  test('completes the code of one message, and chats otherwise', async () => {
    const answer = (asked) => (asked.path === '/v1/completions' ? void asked.response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"choices":[{"index":0,"text":"done","finish_reason":"stop"}]}\n\ndata: [DONE]\n\n') : say(asked));
    const provider = provide(answer);
    assert.equal(await collect(provider.sendMessage({ messages: [{ role: 'user', content: 'Go on:\n```python\ndef f(n):\n```\n' }], stopSequences: ['END'] })), 'done');
    assert.deepEqual([mock.asked[0].path, mock.asked[0].body.prompt, mock.asked[0].body.stop], ['/v1/completions', 'def f(n):', ['END']]);
    assert.equal(await collect(provider.sendMessage({ messages: [{ role: 'system', content: 's' }] })), 'Hello');
    assert.equal(await collect(provider.sendMessage({ ...HI, tools: [{ type: 'function' }] })), 'Hello');
    assert.equal(await collect(provider.sendMessage({ messages: [...HI.messages, ...HI.messages] })), 'Hello');
    assert.deepEqual(mock.asked.slice(1).map(({ path }) => path), Array(3).fill('/v1/chat/completions'));
    const plain = provide(answer, { features: { codeCompletion: false } });
    assert.equal(await collect(plain.sendMessage(HI)), 'Hello');
  });

  test('chats where the server has no completions, and asks for them once', async () => {
    const provider = provide((asked) => (asked.path === '/v1/completions' ? json(asked.response, 404, { error: { message: 'no such route' } }) : say(asked)));
    assert.equal(await collect(provider.sendMessage(HI)), 'Hello');
    assert.equal(await collect(provider.sendMessage(HI)), 'Hello');
    assert.deepEqual(mock.asked.map(({ path, body }) => [path, body.messages?.[0].content]), [['/v1/completions', undefined], ['/v1/chat/completions', 'Hi'], ['/v1/chat/completions', 'Hi']]);
  });

  test('ends the request of a completion that nobody reads on', async () => {
    const provider = provide(({ response }) => stream(response).send({ choices: [{ index: 0, text: 'half' }] }));
    for await (const { content } of provider.sendMessage(HI)) {
      assert.equal(content, 'half');
      break;
    }
    await mock.asked[0].closed;
  });

  for (const [code, ask, more] of /** @type {[string, (provider: OpenCodeProvider) => Promise<unknown>, object?][]} */ ([
    ['AUTHENTICATION_FAILED', (provider) => provider.initialize()],
    ['MODEL_DISCOVERY_FAILED', (provider) => provider.getCapabilities()],
    ['MODEL_INFO_FAILED', (provider) => provider.getModelInfo('m')],
    ['USAGE_STATS_FAILED', (provider) => provider.getUsageStats(), { paths: { usage: '/usage' } }],
    ['COMPLETION_FAILED', (provider) => collect(provider.sendMessage(HI))],
    ['CHAT_COMPLETION_FAILED', (provider) => collect(provider.sendMessage({ messages: [...HI.messages, ...HI.messages] }))],
  ])) {
    test(code, async () => {
      const fault = await faultOf(ask(provide(({ response }) => json(response, 401, { error: { message: 'bad key' } }), more)));
      assert.deepEqual([fault.code, fault.status, fault.cause.code, fault.message], [code, 401, 'unauthorized', `${code}: bad key`]);
    });
  }

  test('limits and ends keep their own codes', async () => {
    const limited = await faultOf(collect(provide(({ response }) => json(response, 429, {}, { 'retry-after': '277403' })).sendMessage(HI)));
    assert.equal(limited.code, 'quota');
    const cut = await faultOf(collect(provide(({ response }) => {
      stream(response).send({ choices: [{ index: 0, text: 'half' }] });
      setImmediate(() => response.destroy());
    }).sendMessage(HI)));
    assert.equal(cut.code, 'cut');
    assert.equal((await faultOf(provide(() => list, { rateLimits: {} }).initialize())).code, 'bad_config');
  });

  test('a break ends the request', async () => {
    const provider = provide(({ response }) => stream(response).send({ choices: [{ index: 0, text: 'a' }] }));
    for await (const _ of provider.sendMessage(HI)) break;
    await mock.asked[0].closed;
  });
});

test('blocks of code', async () => {
  assert.deepEqual(await codeBlocks('a\n```js\nlet a;\n```\n~~~\nb'), [{ language: 'js', code: 'let a;', closed: true }, { language: '', code: 'b', closed: false }]);
});
