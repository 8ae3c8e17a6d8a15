// A mock of someone else's (aimock): its form of the wire, and its faults.
import assert from 'node:assert/strict';
import { LLMock } from '@copilotkit/aimock';
import { after, afterEach, before, describe, test } from 'node:test';
import { createProvider, ProviderError } from '../../dist/provider.js';
import { LOOPBACK } from '../support/ports.mjs';
import { config, HI } from './mock.mjs';

const WORDS = 'The quick brown fox jumps over the lazy dog.';
/** @type {LLMock} */
let mock;
/** @type {import('../../dist/provider/index.js').Provider[]} */
const made = [];

before(async () => {
  mock = new LLMock({ port: 0, host: LOOPBACK, chunkSize: 4, logLevel: 'silent' });
  mock.onMessage('Hi', { content: WORDS, reasoning: 'Hm.' });
  mock.onMessage('Weather', { toolCalls: [{ id: 'call-1', name: 'weather', arguments: '{"city":"Bern"}' }] });
  mock.on({ userMessage: 'Cut' }, { content: WORDS }, { latency: 20, truncateAfterChunks: 4 });
  await mock.start();
});
afterEach(() => {
  mock.clearChaos();
  mock.clearRequests();
});
after(async () => {
  for (const provider of made) provider.dispose();
  await mock?.stop();
});

/** @param {object} [more] */
async function provide(more = {}) {
  const provider = await createProvider(config(`${mock.url}/v1`, more));
  made.push(provider);
  return provider;
}
/** @param {Promise<unknown>} promise @returns {Promise<ProviderError>} */
const faultOf = (promise) => promise.then((value) => assert.fail(`no fault: ${JSON.stringify(value)}`), (error) => {
  assert.ok(error instanceof ProviderError, String(error.stack));
  return error;
});
const ask = (/** @type {string} */ content) => ({ messages: [{ role: /** @type {const} */ ('user'), content }] });

test('lists, chats, streams and calls tools', async () => {
  const provider = await provide();
  assert.ok((await provider.models()).length > 0);
  for (const answer of [await provider.chat(HI), await provider.streamChat(HI).answer()]) assert.deepEqual([answer.text, answer.reasoning, answer.finishReason, answer.tries], [WORDS, 'Hm.', 'stop', 1]);
  const { toolCalls, finishReason } = await provider.streamChat(ask('Weather')).answer();
  assert.deepEqual([toolCalls, finishReason], [[{ id: 'call-1', name: 'weather', arguments: '{"city":"Bern"}' }], 'tool_calls']);
  // What it lacks is said by its name.
  assert.equal((await faultOf(provider.complete({ prompt: 'Hi' }))).code, 'not_found');
});

describe('a fault in every answer', () => {
  for (const [name, chaos, code] of /** @type {[string, object, string][]} */ ([
    ['500', { dropRate: 1 }, 'server_error'],
    ['JSON that is none', { malformedRate: 1 }, 'invalid_response'],
    ['a line that is cut', { disconnectRate: 1 }, 'unreachable'],
    ['429', { rateLimitRate: 1 }, 'rate_limited'],
  ])) {
    test(`${name} is told as ${code}`, async () => {
      mock.setChaos(chaos);
      const provider = await provide({ retry: { maxTries: 1 } });
      assert.equal((await faultOf(provider.streamChat(HI).answer())).code, code);
      assert.equal((await faultOf(provider.chat(HI))).code, code);
      assert.equal(mock.getRequests().length, 2);
    });
  }

  test('half a stream is an error behind the text that came, and is not asked for again', async () => {
    const stream = (await provide()).streamChat(ask('Cut'));
    let text = '';
    const error = await faultOf((async () => {
      for await (const chunk of stream) text += chunk.text;
    })());
    assert.ok(WORDS.startsWith(text) && text.length > 0 && text.length < WORDS.length, text);
    assert.ok(error.code === 'cut' || error.code === 'unreachable', error.code);
    assert.equal(mock.getRequests().length, 1);
  });
});

test('a fault in one of ten answers: 99 of 100 callers get theirs', async () => {
  mock.setChaos({ dropRate: 0.04, disconnectRate: 0.04, rateLimitRate: 0.02 });
  const provider = await provide({ rateLimits: { requestsPerMinute: 1_000, tokensPerMinute: 1_000_000, concurrentRequests: 20, maxQueueSize: 300 } });
  const answers = await Promise.allSettled(Array.from({ length: 200 }, () => provider.streamChat(HI).answer()));
  const whole = answers.flatMap((each) => (each.status === 'fulfilled' && each.value.text === WORDS ? [each.value] : []));
  const again = whole.filter(({ tries }) => tries > 1).length;
  assert.ok(whole.length >= 198, `${whole.length} of 200: ${answers.flatMap((each) => (each.status === 'rejected' ? [each.reason.code] : []))}`);
  assert.ok(again >= 0.9 * (again + 200 - whole.length), `${again} second tries`);
});
