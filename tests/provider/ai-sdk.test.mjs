// The provider as a language model of the AI SDK: the real package `ai`, against a server that is told what to do and against llama.cpp.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai';
import { languageModel } from '../../dist/ai-sdk.js';
import { createProvider, ProviderError } from '../../dist/provider.js';
import { KEY as LLAMA_KEY, MODELS, startLlama, TEXT, TOKENS } from '../support/llama.mjs';
import { waitFor } from '../support/wait.mjs';
import { config, delta, finish, json, KEY, say, startMock, stream, usage, whole } from './mock.mjs';

// What it would print is asked for in the tests.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

/** @type {Awaited<ReturnType<typeof startMock>>} */
let server;
/** @type {import('../../dist/provider/index.js').Provider} */
let provider;
/** @type {ReturnType<typeof languageModel>} */
let model;

before(async () => {
  server = await startMock(() => whole());
  provider = await createProvider(config(server.url));
  model = languageModel(provider, 'm-1');
});
after(async () => {
  provider?.dispose();
  await server?.close();
});

/** @param {PromiseLike<unknown>} promise */
const thrown = (promise) => Promise.resolve(promise).then((value) => assert.fail(`no fault: ${JSON.stringify(value)}`), (error) => error);
/** @param {unknown} message */
const answer = (message, reason = 'stop') => ({ id: 'chat-1', model: 'm-1', choices: [{ index: 0, message, finish_reason: reason }], usage: { ...usage(5, 3).usage, prompt_tokens_details: { cached_tokens: 2 }, completion_tokens_details: { reasoning_tokens: 1 } } });
const weather = tool({
  description: 'The weather',
  inputSchema: jsonSchema({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }),
  execute: async (/** @type {any} */ { city }) => `sun in ${city}`,
});
const calls = [{ id: 'call-1', type: 'function', function: { name: 'weather', arguments: '{"city":"Bern"}' } }];
/** All parts but for what `ai` adds. @param {AsyncIterable<any>} parts */
const partsOf = async (parts) => {
  const all = [];
  for await (const part of parts) all.push(part);
  return all;
};

describe('generateText', () => {
  test('gives text, thoughts, usage, and the server\'s own answer', async () => {
    server.set(() => answer({ role: 'assistant', content: 'Hello', reasoning_content: 'Hm.' }));
    const result = await generateText({ model, prompt: 'Hi', include: { responseBody: true } });
    assert.deepEqual([result.text, result.reasoningText, result.finishReason, result.rawFinishReason], ['Hello', 'Hm.', 'stop', 'stop']);
    assert.deepEqual([result.usage.inputTokens, result.usage.outputTokens, result.usage.inputTokenDetails.cacheReadTokens, result.usage.outputTokenDetails.reasoningTokens], [5, 3, 2, 1]);
    assert.deepEqual(result.providerMetadata, { opencodeSession: { tries: 1, endpoint: server.url, estimated: false } });
    assert.deepEqual([result.response.id, result.response.modelId, /** @type {any} */ (result.response.body).choices.length], ['chat-1', 'm-1', 1]);
    assert.deepEqual(result.warnings, []);
    assert.deepEqual(server.asked[0].body.messages, [{ role: 'user', content: 'Hi' }]);
    assert.equal(server.asked[0].headers.authorization, `Bearer ${KEY}`);
  });

  test('sends every setting that the server takes, and warns of those that it does not', async () => {
    server.set(() => whole());
    const { warnings } = await generateText({
      model, instructions: 'Be short.', prompt: 'Hi', maxOutputTokens: 10, temperature: 0.5, topP: 0.9, topK: 40, presencePenalty: 0.1, frequencyPenalty: 0.2, stopSequences: ['\n'], seed: 7,
      reasoning: 'low', headers: { 'x-trace': 't-1' },
      providerOptions: { opencodeSession: { priority: 'high', parameters: { grammar: 'root ::= "x"' }, unheard: 1 } },
    });
    const { model: id, messages, top_k: _topK, ...body } = server.asked[0].body;
    assert.equal(id, 'm-1');
    assert.deepEqual(messages, [{ role: 'system', content: 'Be short.' }, { role: 'user', content: 'Hi' }]);
    assert.deepEqual(body, { stop: ['\n'], max_tokens: 10, temperature: 0.5, top_p: 0.9, presence_penalty: 0.1, frequency_penalty: 0.2, seed: 7, reasoning_effort: 'low', grammar: 'root ::= "x"' });
    assert.equal(server.asked[0].headers['x-trace'], 't-1');
    assert.deepEqual(warnings?.map((warning) => `${warning.type} ${/** @type {any} */ (warning).feature}`), ['unsupported providerOptions.opencodeSession.unheard']);
  });

  test('calls tools, and goes on with what they gave', async () => {
    server.set(({ body }) => (body.messages.at(-1).role === 'tool' ? whole('Sun.') : answer({ role: 'assistant', content: null, tool_calls: calls }, 'tool_calls')));
    const { text, steps } = await generateText({ model, prompt: 'Weather?', tools: { weather }, stopWhen: stepCountIs(2) });
    assert.deepEqual([text, steps.map(({ finishReason }) => finishReason)], ['Sun.', ['tool-calls', 'stop']]);
    const [first, second] = server.asked.map(({ body }) => body);
    assert.deepEqual([first.tools[0].function.name, first.tools[0].function.parameters.required, first.tool_choice], ['weather', ['city'], 'auto']);
    assert.deepEqual(second.messages.slice(1), [{ role: 'assistant', content: null, tool_calls: calls }, { role: 'tool', tool_call_id: 'call-1', content: 'sun in Bern' }]);
    await generateText({ model, prompt: 'Weather?', tools: { weather }, toolChoice: { type: 'tool', toolName: 'weather' } });
    assert.deepEqual(server.asked[2].body.tool_choice, { type: 'function', function: { name: 'weather' } });
  });

  test('asks for JSON by its schema, or without it', async () => {
    server.set(() => whole('{"city":"Bern"}'));
    const schema = jsonSchema({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false });
    const output = Output.object({ schema, name: 'place' });
    assert.deepEqual((await generateText({ model, prompt: 'Where?', output })).output, { city: 'Bern' });
    const format = server.asked[0].body.response_format;
    assert.deepEqual([format.type, format.json_schema.name, format.json_schema.schema.required], ['json_schema', 'place', ['city']]);
    const { warnings } = await generateText({ model: languageModel(provider, 'm-1', { structuredOutputs: false }), prompt: 'Where?', output });
    assert.deepEqual(server.asked[1].body.response_format, { type: 'json_object' });
    assert.equal(warnings?.length, 1);
  });

  test('sends files, thoughts and results of tools in the form of the wire', async () => {
    server.set(() => whole());
    const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 1, 2]);
    const { warnings } = await generateText({
      model,
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Look:' }, { type: 'file', data: png, mediaType: 'image' }, { type: 'file', data: Uint8Array.from([65]), mediaType: 'audio/wav' }, { type: 'file', data: 'JVBERg==', mediaType: 'application/pdf', filename: 'a.pdf' }, { type: 'file', data: Uint8Array.from([104, 105]), mediaType: 'text/plain' }] },
        { role: 'assistant', content: [{ type: 'reasoning', text: 'Hm.' }, { type: 'text', text: 'I see.' }, { type: 'file', data: png, mediaType: 'image/png' }, { type: 'tool-call', toolCallId: 'c', toolName: 'weather', input: { city: 'Bern' } }] },
        { role: 'tool', content: [{ type: 'tool-result', toolCallId: 'c', toolName: 'weather', output: { type: 'content', value: [{ type: 'text', text: 'sun' }, { type: 'file', data: { type: 'data', data: 'AA==' }, mediaType: 'image/png' }] } }] },
        { role: 'tool', content: [{ type: 'tool-result', toolCallId: 'd', toolName: 'weather', output: { type: 'json', value: { sun: true } } }, { type: 'tool-result', toolCallId: 'e', toolName: 'weather', output: { type: 'execution-denied' } }] },
      ],
    });
    const [user, assistant, ...results] = server.asked[0].body.messages;
    assert.deepEqual(user.content, [
      { type: 'text', text: 'Look:' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${Buffer.from(png).toString('base64')}` } },
      { type: 'input_audio', input_audio: { data: 'QQ==', format: 'wav' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' } },
      { type: 'text', text: 'hi' },
    ]);
    assert.deepEqual(assistant, { role: 'assistant', content: 'I see.', reasoning_content: 'Hm.', tool_calls: [{ id: 'c', type: 'function', function: { name: 'weather', arguments: '{"city":"Bern"}' } }] });
    assert.deepEqual(results.map(({ tool_call_id: id, content }) => [id, content]), [['c', 'sun'], ['d', '{"sun":true}'], ['e', 'The call was not allowed.']]);
    assert.deepEqual(warnings?.map((warning) => /** @type {any} */ (warning).feature), ['file of an assistant', 'file in the result of a tool']);
    const refused = await thrown(generateText({ model, messages: [{ role: 'user', content: [{ type: 'file', data: Uint8Array.from([1]), mediaType: 'application/zip' }] }] }));
    assert.deepEqual([refused.code, server.asked.length], ['bad_request', 1]);
  });

  test('is tried again by the provider, and not by `ai` on top of it', async () => {
    server.set(({ response }) => (server.asked.length < 3 ? json(response, 500, { error: { message: 'down' } }) : whole('At last')));
    const { text, providerMetadata } = await generateText({ model, prompt: 'Hi' });
    assert.deepEqual([text, providerMetadata?.['opencodeSession']?.['tries']], ['At last', 3]);
    server.set(({ response }) => json(response, 500, { error: { message: 'down' } }));
    const own = await createProvider(config(server.url, { retry: { maxTries: 2 } }));
    const error = await thrown(generateText({ model: languageModel(own, 'm-1'), prompt: 'Hi' }));
    own.dispose();
    assert.ok(error instanceof ProviderError, String(error));
    assert.deepEqual([error.code, server.asked.length], ['server_error', 2]);
  });

  test('says who answered in the place of another model', async () => {
    server.set(({ body, response }) => (body.model === 'm-1' ? json(response, 404, { error: { message: 'no such model', code: 'model_not_found' } }) : whole('From m-2')));
    const own = await createProvider(config(server.url, { fallback: { models: ['m-2'] } }));
    for (const asked of [generateText({ model: languageModel(own, 'm-1'), prompt: 'Hi' }), streamText({ model: languageModel(own, 'm-1'), prompt: 'Hi' })]) {
      const result = await asked;
      assert.equal(await result.text, 'From m-2');
      const { endpoint, missed } = /** @type {any} */ ((await result.providerMetadata)?.['opencodeSession'] ?? {});
      assert.deepEqual([endpoint, missed.map(({ model: id, code }) => [id, code])], [server.url, [['m-1', 'unknown_model']]]);
    }
    own.dispose();
  });

  test('keeps the limits: no wait of days', async () => {
    server.set(({ response }) => json(response, 429, { error: { message: 'Weekly limit' } }, { 'retry-after': '277403' }));
    const own = await createProvider(config(server.url));
    const error = await thrown(generateText({ model: languageModel(own, 'm-1'), prompt: 'Hi' }));
    own.dispose();
    assert.deepEqual([error.code, error.retryAt > Date.now() + 86_400_000], ['quota', true]);
  });

  for (const [raw, unified] of [['stop', 'stop'], ['length', 'length'], ['content_filter', 'content-filter'], ['odd', 'other']]) {
    test(`ends with ${raw} as ${unified}`, async () => {
      server.set(() => answer({ role: 'assistant', content: 'Hello' }, raw));
      const { finishReason, rawFinishReason } = await generateText({ model, prompt: 'Hi' });
      assert.deepEqual([finishReason, rawFinishReason], [unified, raw]);
    });
  }

  test('is aborted under the name that `ai` knows, and the server hears of it', async () => {
    const controller = new AbortController();
    server.set(() => {
      controller.abort();
      return undefined;
    });
    const error = await thrown(generateText({ model, prompt: 'Hi', abortSignal: controller.signal }));
    assert.equal(error.name, 'AbortError');
    await server.asked[0].closed;
    assert.equal(server.asked.length, 1);
  });
});

describe('streamText', () => {
  test('streams thoughts and text in blocks, with usage at the end', async () => {
    server.set(({ response }) => {
      const out = stream(response);
      for (const each of [{ reasoning_content: 'Hm' }, { reasoning_content: '.' }, { content: 'Hel' }, { content: 'lo' }]) out.send({ model: 'm-1', choices: [{ index: 0, delta: each }] });
      out.send(finish());
      out.send(usage(5, 3));
      out.end();
    });
    const result = streamText({ model, prompt: 'Hi' });
    const types = (await partsOf(result.fullStream)).map(({ type, text }) => (text === undefined ? type : `${type} ${text}`));
    assert.deepEqual(types, ['start', 'start-step', 'reasoning-start', 'reasoning-delta Hm', 'reasoning-delta .', 'reasoning-end', 'text-start', 'text-delta Hel', 'text-delta lo', 'text-end', 'finish-step', 'finish']);
    assert.deepEqual([await result.text, await result.reasoningText, await result.finishReason, (await result.usage).totalTokens, (await result.response).modelId], ['Hello', 'Hm.', 'stop', 8, 'm-1']);
    assert.deepEqual(await result.providerMetadata, { opencodeSession: { endpoint: server.url, estimated: false } });
  });

  test('says so where the server counts nothing', async () => {
    server.set((asked) => {
      const out = stream(asked.response);
      out.send(delta('Hello there'));
      out.send(finish());
      out.end();
    });
    const result = streamText({ model, prompt: 'Hi' });
    assert.equal(await result.text, 'Hello there');
    assert.ok(((await result.usage).outputTokens ?? 0) > 0);
    assert.deepEqual(await result.providerMetadata, { opencodeSession: { endpoint: server.url, estimated: true } });
  });

  test('puts the pieces of two calls of tools together, also where one has no arguments and `stop` is said', async () => {
    server.set(({ body, response }) => {
      if (body.messages.at(-1).role === 'tool') return say({ response }, ['Sun.']);
      const out = stream(response);
      const piece = (index, more) => out.send({ model: 'm-1', choices: [{ index: 0, delta: { tool_calls: [{ index, ...more }] } }] });
      piece(0, { id: 'a', function: { name: 'weather', arguments: '' } });
      piece(0, { function: { arguments: '{"city":' } });
      piece(1, { id: 'b', function: { name: 'now', arguments: '' } });
      piece(0, { function: { arguments: '"Bern"}' } });
      out.send(finish('stop'));
      out.end();
      return undefined;
    });
    const now = tool({ inputSchema: jsonSchema({ type: 'object', properties: {} }), execute: async () => 'noon' });
    const result = streamText({ model, prompt: 'Weather?', tools: { weather, now }, stopWhen: stepCountIs(2) });
    const all = await partsOf(result.fullStream);
    assert.deepEqual(all.filter(({ type }) => type === 'tool-call').map(({ toolCallId, toolName, input }) => [toolCallId, toolName, input]), [['a', 'weather', { city: 'Bern' }], ['b', 'now', {}]]);
    assert.equal(all.filter(({ type }) => type === 'tool-input-delta').map(({ delta: text }) => text).join(''), '{"city":"Bern"}');
    assert.deepEqual([await result.text, (await result.steps)[0].finishReason], ['Sun.', 'tool-calls']);
    assert.deepEqual(server.asked[1].body.messages.slice(-2).map(({ content }) => content), ['sun in Bern', 'noon']);
  });

  test('throws what fails before the first chunk, after the provider\'s own tries', async () => {
    server.set(({ response }) => (server.asked.length < 2 ? stream(response).cut() : say({ response })));
    assert.equal(await streamText({ model, prompt: 'Hi' }).text, 'Hello');
    assert.equal(server.asked.length, 2);
    server.set(({ response }) => json(response, 401, { error: { message: 'Invalid API Key' } }));
    /** @type {any[]} */
    const errors = [];
    const result = streamText({ model, prompt: 'Hi', onError: ({ error }) => void errors.push(error) });
    await result.consumeStream();
    assert.deepEqual(errors.map(({ code }) => code), ['unauthorized']);
  });

  test('that breaks off is an error behind the text that came, not a success', async () => {
    server.set(async ({ response }) => {
      const out = stream(response);
      out.send(delta('Hel'));
      response.end();
    });
    /** @type {any[]} */
    const errors = [];
    const result = streamText({ model, prompt: 'Hi', onError: ({ error }) => void errors.push(error) });
    const parts = await partsOf(result.fullStream);
    assert.ok(parts.some(({ type, text }) => type === 'text-delta' && text === 'Hel'));
    assert.deepEqual(errors.map(({ code }) => code), ['cut']);
    assert.equal(await result.finishReason, 'error');
    assert.equal(server.asked.length, 1);
  });

  test('is aborted, and the server hears of it', async () => {
    const controller = new AbortController();
    server.set(({ response }) => void stream(response).send(delta('Hel')));
    /** @type {unknown[]} */
    const aborts = [];
    const result = streamText({ model, prompt: 'Hi', abortSignal: controller.signal, onAbort: (event) => void aborts.push(event), onError: () => assert.fail('an abort is no error') });
    const types = [];
    for await (const { type } of result.fullStream) {
      types.push(type);
      if (type === 'text-delta') controller.abort();
    }
    assert.deepEqual([types.at(-1), aborts.length], ['abort', 1]);
    await server.asked[0].closed;
  });

  test('that nobody reads on ends at the server', async () => {
    server.set(({ response }) => void stream(response).send(delta('Hel')));
    const { stream: parts } = await model.doStream({ prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }] });
    const reader = parts.getReader();
    await reader.read();
    await reader.cancel();
    await server.asked[0].closed;
    assert.equal(provider.stats().running, 0);
  });

  test('warns before it begins', async () => {
    server.set((asked) => say(asked));
    const { stream: parts } = await model.doStream({ prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }], includeRawChunks: true, tools: [{ type: 'provider', id: 'x.search', name: 'search' }] });
    const all = await partsOf(parts);
    assert.deepEqual(all[0], { type: 'stream-start', warnings: [{ type: 'unsupported', feature: 'includeRawChunks' }, { type: 'unsupported', feature: "the provider's tool x.search" }] });
    assert.equal(all.at(-1).type, 'finish');
    assert.equal(server.asked[0].body.tools, undefined);
  });
});

describe('llama.cpp', () => {
  /** @type {Awaited<ReturnType<typeof startLlama>>} */
  let llama;
  /** @type {import('../../dist/provider/index.js').Provider} */
  let own;
  const id = MODELS.llama;

  before(async () => {
    llama = await startLlama('llama');
    own = await createProvider(config(llama.url, { auth: { type: 'api-key', apiKey: LLAMA_KEY } }));
  });
  after(async () => {
    own?.dispose();
    await llama?.close();
  });

  test('answers whole and bit by bit, with its own count', async () => {
    const whole = await generateText({ model: languageModel(own, id), prompt: 'Write add.', temperature: 0 });
    const streamed = streamText({ model: languageModel(own, id), prompt: 'Write add.', temperature: 0 });
    const pieces = await partsOf(streamed.textStream);
    assert.deepEqual([whole.text, whole.finishReason, whole.usage.outputTokens], [TEXT, 'stop', TOKENS]);
    assert.deepEqual([pieces.join(''), pieces.length >= 10, await streamed.finishReason, (await streamed.usage).outputTokens, (await streamed.usage).inputTokens], [TEXT, true, 'stop', TOKENS, whole.usage.inputTokens]);
  });

  test('stops at its limit, and frees its slot at an abort', async () => {
    const short = await generateText({ model: languageModel(own, id), prompt: 'Write add.', temperature: 0, maxOutputTokens: 2, topK: 1 });
    assert.deepEqual([short.text, short.finishReason], ['def add', 'length']);
    const controller = new AbortController();
    const endless = streamText({ model: languageModel(own, id), prompt: 'Write add.', temperature: 0, abortSignal: controller.signal, providerOptions: { opencodeSession: { parameters: { ignore_eos: true, n_predict: 100_000 } } } });
    for await (const _ of endless.textStream) controller.abort();
    await waitFor(async () => (await llama.ask('/slots')).every((slot) => !slot.is_processing), { message: 'a free slot' });
  });

  test('names a wrong key', async () => {
    const other = await createProvider(config(llama.url, { auth: { type: 'api-key', apiKey: 'wrong' } }));
    const error = await thrown(generateText({ model: languageModel(other, id), prompt: 'Hi' }));
    other.dispose();
    assert.ok(error instanceof ProviderError);
    assert.deepEqual([error.code, error.status], ['unauthorized', 401]);
  });
});
