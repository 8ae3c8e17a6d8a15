// Other models and other endpoints, when the first ones fail: who is asked, with what, and what is not asked twice.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createProvider, ProviderError } from '../../dist/provider.js';
import { config, delta, HI, json, KEY, say, startMock, stream, whole } from './mock.mjs';

/** @type {Awaited<ReturnType<typeof startMock>>[]} */
let mocks;
/** @type {import('../../dist/provider/index.js').Provider[]} */
const made = [];

before(async () => {
  mocks = await Promise.all([0, 1, 2].map(() => startMock(() => undefined)));
});
after(async () => {
  for (const provider of made) provider.dispose();
  await Promise.all(mocks.map((mock) => mock.close()));
});

const ONE = { retry: { maxTries: 1 } };
const endpoint = (at, more = {}) => ({ apiEndpoint: mocks[at].url, auth: { type: 'api-key', apiKey: `sk-other-${at}` }, ...more });
/** @param {import('./mock.mjs').Answerer[]} answers of each endpoint @param {object} [fallback] @param {object} [more] */
async function provide(answers, fallback, more = {}) {
  for (const [at, mock] of mocks.entries()) mock.set(answers[at] ?? (() => whole(`from ${at}`)));
  const provider = await createProvider(config(mocks[0].url, { ...ONE, fallback, ...more }));
  made.push(provider);
  return provider;
}
/** @param {Promise<unknown>} promise @returns {Promise<ProviderError>} */
const faultOf = (promise) => promise.then((value) => assert.fail(`no fault: ${JSON.stringify(value)}`), (error) => {
  assert.ok(error instanceof ProviderError, String(error.stack ?? error));
  return error;
});
const down = (status = 503) => ({ response }) => json(response, status, { error: { message: 'no' } });
const asked = () => mocks.map((mock) => mock.asked.length);

describe('another model', () => {
  test('of the same endpoint answers, and it is told which', async () => {
    const provider = await provide([(request) => (request.body.model === 'm-3' ? say(request) : down()(request))], { models: ['m-2', 'm-3'] });
    const chunks = [];
    for await (const chunk of provider.streamChat(HI)) chunks.push(chunk);
    assert.deepEqual(mocks[0].asked.map(({ body }) => body.model), ['m-1', 'm-2', 'm-3']);
    const { metadata } = chunks.at(-1);
    assert.deepEqual([metadata.endpoint, metadata.missed], [mocks[0].url, ['m-1', 'm-2'].map((model) => ({ endpoint: mocks[0].url, model, code: 'server_error', message: 'no' }))]);
    const answer = await provider.chat({ ...HI, model: 'm-3' }).catch((error) => error);
    assert.ok(!('missed' in answer));
  });

  test('has the prompt of its own family', async () => {
    const provider = await provide([(request) => (request.body.model.startsWith('starcoder2') ? { choices: [{ index: 0, text: 'x', finish_reason: 'stop' }] } : down()(request))], { models: ['starcoder2-3b'] });
    await provider.fim({ prefix: 'a', suffix: 'b', model: 'codellama-7b' });
    assert.deepEqual(mocks[0].asked.map(({ body }) => body.prompt), ['<PRE> a <SUF>b <MID>', '<fim_prefix>a<fim_suffix>b<fim_middle>']);
  });
});

describe('another endpoint', () => {
  test('is asked with its own key, headers and model, and nothing of the first', async () => {
    const provider = await provide([down(), (request) => say(request)], { endpoints: [endpoint(1, { headers: { 'x-mine': '1' }, models: { defaultModel: 'local' } })] }, { headers: { 'x-main': 'main' }, query: { main: '1' } });
    const answer = await provider.streamChat({ ...HI, headers: { 'x-call': 'call' } }).answer();
    assert.deepEqual([answer.text, answer.endpoint, answer.tries], ['Hello', mocks[1].url, 2]);
    assert.deepEqual(answer.missed, [{ endpoint: mocks[0].url, model: 'm-1', code: 'server_error', message: 'no' }]);
    const [{ headers, query, body }] = mocks[1].asked;
    assert.deepEqual([headers.authorization, headers['x-mine'], headers['x-main'], headers['x-call'], query.get('main'), body.model], ['Bearer sk-other-1', '1', undefined, undefined, null, 'local']);
    assert.equal(mocks[0].asked[0].headers.authorization, `Bearer ${KEY}`);
  });

  test('without a key gets none', async () => {
    const provider = await provide([down()], { endpoints: [{ apiEndpoint: mocks[1].url, auth: { type: 'none' } }] });
    assert.equal((await provider.chat(HI)).text, 'from 1');
    assert.equal(mocks[1].asked[0].headers.authorization, undefined);
  });

  test('is asked after all tries of the first, and after its models', async () => {
    const provider = await provide([down(), down(), undefined], { models: ['m-2'], endpoints: [endpoint(1), endpoint(2)] }, { retry: { maxTries: 2 } });
    assert.equal((await provider.chat(HI)).text, 'from 2');
    assert.deepEqual(asked(), [4, 2, 1]);
  });

  test('is asked at once where the first wants to be left alone for longer than fallback.maxWait', async () => {
    const provider = await provide([({ response }) => json(response, 429, {}, { 'retry-after': '60' })], { endpoints: [endpoint(1)] }, { retry: { maxTries: 4 } });
    assert.equal((await provider.chat(HI)).missed[0].code, 'quota');
    assert.equal((await provider.chat(HI)).text, 'from 1');
    // The second one did not even go there.
    assert.deepEqual(asked(), [1, 2, 0]);
  });

  test('is asked at once while the circuit of the first is open, and the first again after it', async () => {
    const provider = await provide([down()], { endpoints: [endpoint(1)] });
    for (let at = 0; at < 5; at += 1) await provider.chat(HI);
    const answer = await provider.chat(HI);
    assert.deepEqual([answer.missed[0].code, answer.tries], ['circuit_open', 1]);
    assert.deepEqual(asked(), [5, 6, 0]);
    provider.resetLimits();
    mocks[0].set(() => whole('well again'));
    assert.equal((await provider.chat(HI)).text, 'well again');
  });

  test('is asked when nobody is there, when the key is wrong, and when the queue is full', async () => {
    const nowhere = await createProvider(config('http://127.0.0.1:9/v1', { ...ONE, fallback: { endpoints: [endpoint(1)] } }));
    made.push(nowhere);
    mocks[1].set(() => whole('from 1'));
    assert.equal((await nowhere.chat(HI)).missed[0].code, 'unreachable');
    const locked = await provide([down(401)], { endpoints: [endpoint(1)] });
    assert.equal((await locked.chat(HI)).missed[0].code, 'unauthorized');
  });
});

describe('nobody else is asked', () => {
  test('after a stream that produced text', async () => {
    const provider = await provide([({ response }) => {
      const out = stream(response);
      out.send(delta('Hel'));
      setImmediate(() => out.cut());
    }], { models: ['m-2'], endpoints: [endpoint(1)] });
    const texts = [];
    const fault = await faultOf((async () => {
      for await (const { text } of provider.streamChat(HI)) texts.push(text);
    })());
    assert.deepEqual([fault.code, texts.join(''), fault.missed], ['cut', 'Hel', undefined]);
    assert.deepEqual(asked(), [1, 0, 0]);
  });

  test('but a stream that died before its first token is asked of another', async () => {
    const provider = await provide([({ response }) => {
      stream(response).send({ choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] });
      setImmediate(() => response.destroy());
    }, (request) => say(request)], { endpoints: [endpoint(1)] });
    assert.equal((await provider.streamChat(HI).answer()).text, 'Hello');
  });

  test('about a request that is wrong, or over the budget', async () => {
    const wrong = await provide([down(400)], { endpoints: [endpoint(1)] });
    assert.equal((await faultOf(wrong.chat(HI))).code, 'bad_request');
    const poor = await provide([undefined], { endpoints: [endpoint(1)] }, { budget: { requestsPerDay: 1 } });
    await poor.chat(HI);
    const fault = await faultOf(poor.chat(HI));
    assert.deepEqual([fault.code, fault.missed, asked()], ['quota', undefined, [1, 0, 0]]);
  });

  test('once the caller ended it', async () => {
    const controller = new AbortController();
    const provider = await provide([() => void controller.abort()], { endpoints: [endpoint(1)] });
    assert.equal((await faultOf(provider.chat({ ...HI, signal: controller.signal }))).code, 'cancelled');
    assert.deepEqual(asked(), [1, 0, 0]);
  });
});

test('when all fail it is the first error, with all that were asked', async () => {
  const provider = await provide([down(500), down(401), down(429)], { endpoints: [endpoint(1), endpoint(2)] });
  const fault = await faultOf(provider.chat(HI));
  assert.deepEqual([fault.code, fault.status], ['server_error', 500]);
  assert.deepEqual(fault.missed.map(({ endpoint, code }) => [endpoint, code]), [[mocks[0].url, 'server_error'], [mocks[1].url, 'unauthorized'], [mocks[2].url, 'rate_limited']]);
  assert.ok(!JSON.stringify(fault).includes('sk-'));
});

test('a key that is none is told among those that did not answer', async () => {
  for (const mock of mocks) mock.set(down());
  const provider = await createProvider(config(mocks[0].url, { ...ONE, fallback: { endpoints: [endpoint(1, { auth: { type: 'jwt', privateKey: 'no key' } })] } }));
  made.push(provider);
  const fault = await faultOf(provider.chat(HI));
  assert.deepEqual([fault.code, fault.missed.map(({ code }) => code)], ['server_error', ['server_error', 'bad_key']]);
});

test('the budget and the figures are those of all', async () => {
  const provider = await provide([down()], { endpoints: [endpoint(1)] });
  await provider.chat(HI);
  assert.equal(provider.stats().day.tokens, 8);
  assert.deepEqual([provider.figures('m-1').requests, provider.figures('m-1').errorRate], [2, 0.5]);
});

test('keys of further endpoints stay out of the wasm, also under a wrong name', async () => {
  const auth = { type: 'api-key', apikey: 'sk-canary-fallback' };
  const fault = await faultOf(createProvider(config(mocks[0].url, { fallback: { endpoints: [{ apiEndpoint: mocks[1].url, auth }] } })));
  assert.deepEqual(fault.problems.map(({ path }) => path), ['fallback.endpoints[0].auth.apikey', 'fallback.endpoints[0].auth.apiKey']);
  assert.ok(!JSON.stringify([fault, fault.message, fault.problems]).includes('canary'));
});
