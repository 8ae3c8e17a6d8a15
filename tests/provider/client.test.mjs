// The API client: what is sent, what comes out, and every way in which it goes wrong.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { checkConfig, createProvider, ProviderError } from '../../dist/provider.js';
import { waitFor } from '../support/wait.mjs';
import { config, delta, finish, HI, json, KEY, say, startMock, stream, usage, whole } from './mock.mjs';

/** @type {Awaited<ReturnType<typeof startMock>>} */
let mock;
/** @type {import('../../dist/provider/index.js').Provider[]} */
const made = [];

before(async () => {
  mock = await startMock(() => undefined);
});
after(async () => {
  for (const provider of made) provider.dispose();
  await mock.close();
});

/** @param {import('./mock.mjs').Answerer} answer @param {object} [more] @param {object} [options] */
async function provide(answer, more, options) {
  mock.set(answer);
  const provider = await createProvider(config(mock.url, more), options);
  made.push(provider);
  return provider;
}

/** The fault that it ends with. @param {Promise<unknown>} promise @returns {Promise<ProviderError>} */
const faultOf = (promise) => promise.then(
  (value) => assert.fail(`no fault: ${JSON.stringify(value)}`),
  (error) => {
    assert.ok(error instanceof ProviderError, String(error.stack ?? error));
    assert.ok(error.message.length > 0 && error.hint.length > 5, `${error.code} says nothing`);
    return error;
  },
);
/** @param {AsyncIterable<import('../../dist/provider/index.js').AnswerChunk>} answer */
async function collect(answer) {
  const chunks = [];
  for await (const chunk of answer) chunks.push(chunk);
  return chunks;
}
const ONE = { retry: { maxTries: 1 } };

describe('a request', () => {
  test('has the key, the version, the query and headers of all, of one, and the names of the wire', async () => {
    const provider = await provide(() => whole(), { apiVersion: '2026-01-01', query: { region: 'e u' }, headers: { 'x-all': 'a', 'x-one': 'b' } });
    await provider.chat({
      ...HI, model: 'other', maxTokens: 7, temperature: 0.25, topP: 0.5, stop: 'END', seed: 3, headers: { 'x-one': 'c' },
      tools: [{ type: 'function', function: { name: 'f' } }], toolChoice: 'auto', parameters: { grammar: 'x', top_p: 0.75 }, priority: 'high',
    });
    const { method, path, query, headers, body } = mock.asked[0];
    assert.deepEqual([method, path, query.get('region')], ['POST', '/v1/chat/completions', 'e u']);
    assert.deepEqual([headers.authorization, headers['api-version'], headers['x-all'], headers['x-one']], [`Bearer ${KEY}`, '2026-01-01', 'a', 'c']);
    assert.deepEqual(body, {
      model: 'other', messages: HI.messages, stop: ['END'], max_tokens: 7, temperature: 0.25, seed: 3,
      tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: 'auto', grammar: 'x', top_p: 0.75,
    });
  });

  test('puts the version into the path, once', async () => {
    const at = (path) => provide(() => whole(), { apiEndpoint: mock.url.replace('/v1', path), apiVersion: 'v1', apiVersionIn: 'path' });
    await (await at('')).chat(HI);
    await (await at('/v1')).chat(HI);
    assert.equal(mock.asked.at(-1).path, '/v1/chat/completions');
    assert.equal(mock.asked[0].headers['api-version'], undefined);
    assert.equal((await faultOf(at('/v2'))).code, 'version_mismatch');
  });

  test('of another version than the server speaks is refused, with both versions', async () => {
    const provider = await provide(({ response }) => json(response, 200, whole(), { 'api-version': '2027' }), { apiVersion: '2026' });
    const { code, message } = await faultOf(provider.chat(HI));
    assert.equal(code, 'version_mismatch');
    assert.match(message, /2027.*2026/);
    assert.equal(mock.asked.length, 1);
  });

  test('cannot set what the client lives by', async () => {
    const provider = await provide(() => whole());
    for (const name of ['model', 'messages', 'stream', 'stream_options']) {
      assert.equal((await faultOf(provider.chat({ ...HI, parameters: { [name]: 1 } }))).code, 'bad_request', name);
    }
    const strict = await provide(() => whole(), { features: { customParameters: false } });
    assert.equal((await faultOf(strict.chat({ ...HI, parameters: { a: 1 } }))).code, 'bad_request');
    for (const wrong of [{}, { messages: [] }, { messages: 'Hi' }]) assert.equal((await faultOf(provider.chat(wrong))).code, 'bad_request');
    const round = { messages: [] };
    round.messages.push(round);
    assert.equal((await faultOf(provider.chat(round))).code, 'bad_request');
    assert.equal(mock.asked.length, 0);
  });

  test('goes through the fetch of the caller', async () => {
    const seen = [];
    const provider = await provide(() => whole(), {}, { fetch: (url, init) => {
      seen.push([url, init.method]);
      return fetch(url, init);
    } });
    assert.equal((await provider.chat(HI)).text, 'Hello');
    assert.deepEqual(seen, [[`${mock.url}/chat/completions`, 'POST']]);
  });

  test('names a model, and one that is enabled', async () => {
    const provider = await provide(() => whole(), { models: { enabledModels: ['a'] } });
    assert.equal((await faultOf(provider.chat(HI))).code, 'bad_request');
    assert.equal((await faultOf(provider.chat({ ...HI, model: 'b' }))).code, 'unknown_model');
    assert.equal((await provider.chat({ ...HI, model: 'a' })).text, 'Hello');
  });
});

describe('an answer', () => {
  test('that streams: chunks, the last one with finish and usage', async () => {
    const provider = await provide((asked) => say(asked));
    const chunks = await collect(provider.streamChat(HI));
    assert.deepEqual(chunks.map(({ content, done }) => [content, done]), [['Hel', false], ['lo', false], ['', true]]);
    const last = chunks.at(-1);
    assert.equal(last.finishReason, 'stop');
    assert.equal(last.metadata.model, 'm-1');
    assert.deepEqual(last.metadata.usage, { promptTokens: 5, completionTokens: 3, totalTokens: 8, cachedTokens: 0, reasoningTokens: 0, estimated: false });
    assert.ok(Math.abs(Date.parse(last.metadata.timestamp) - Date.now()) < 60_000);
    assert.deepEqual(mock.asked[0].body.stream_options, { include_usage: true });
  });

  test('whole: all choices, and as it came', async () => {
    const provider = await provide(() => ({ model: 'x', choices: [0, 1].map((index) => ({ index, text: `t${index}`, finish_reason: 'length', logprobs: { tokens: ['t'] } })), usage: usage(1, 2).usage }));
    const answer = await provider.complete({ prompt: 'a', n: 2, logprobs: 1 });
    assert.deepEqual(answer.choices.map(({ text, finishReason }) => [text, finishReason]), [['t0', 'length'], ['t1', 'length']]);
    assert.equal(answer.text, 't0');
    assert.deepEqual(answer.raw.choices[1].logprobs, { tokens: ['t'] });
    assert.deepEqual([answer.usage.totalTokens, answer.model, answer.tries], [3, 'x', 1]);
  });

  test('with reasoning and tool calls in pieces', async () => {
    const provider = await provide(({ response }) => {
      const out = stream(response);
      out.send({ choices: [{ index: 0, delta: { reasoning_content: 'hm' } }] });
      out.send({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id: 'c1', function: { name: 'f', arguments: '{"a"' } }] } }] });
      out.send({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: ':1}' } }] } }] });
      out.send(finish('tool_calls'));
      out.end();
    });
    const answer = await provider.streamChat(HI).answer();
    assert.deepEqual([answer.reasoning, answer.toolCalls, answer.finishReason], ['hm', [{ id: 'c1', name: 'f', arguments: '{"a":1}' }], 'tool_calls']);
    assert.equal(answer.usage.estimated, true);
  });

  test('that is JSON although a stream was asked for, and a stream with its cost after [DONE]', async () => {
    const provider = await provide(() => whole('J'));
    assert.equal((await provider.streamChat(HI).answer()).text, 'J');
    mock.set(({ response }) => {
      const out = stream(response);
      out.send(delta('Z'));
      out.send(finish());
      out.send('[DONE]');
      out.send({ choices: [], cost: '0.25' });
      response.end();
    });
    const { text, usage: used } = await provider.streamChat(HI).answer();
    assert.deepEqual([text, used.cost], ['Z', 0.25]);
  });

  test('whose server leaves the line open after [DONE] ends', async () => {
    const provider = await provide(({ response }) => {
      const out = stream(response);
      out.send(delta('A'));
      out.send(finish());
      out.send('[DONE]');
    });
    assert.equal((await provider.streamChat(HI).answer()).text, 'A');
    await mock.asked[0].closed;
  });

  test('as one of many small pieces comes whole, also letters cut in the middle', async () => {
    const text = 'naïve → 漢字 🦀 '.repeat(50);
    const provider = await provide(({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      const bytes = Buffer.from(`${[...text].map((letter) => `data: ${JSON.stringify(delta(letter))}\n\n`).join('')}data: ${JSON.stringify(finish())}\n\ndata: [DONE]\n\n`);
      for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7));
      response.end();
    });
    assert.equal((await provider.streamChat(HI).answer()).text, text);
  });

  test('that nobody takes is not read on, and comes whole later', async () => {
    const words = 40_000;
    let written = 0;
    const provider = await provide(async ({ response }) => {
      const out = stream(response);
      for (let at = 0; at < words; at += 1) {
        written = at;
        if (!response.write(`data: ${JSON.stringify(delta(`w${at} `.padEnd(100)))}\n\n`)) await new Promise((resolve) => response.once('drain', resolve));
      }
      out.send(finish());
      out.end();
    });
    const answer = provider.streamChat(HI);
    await answer.next();
    // It stands still: buffers of the line and 1,024 chunks, and not all of it.
    let before = -1;
    await waitFor(() => {
      const still = written === before && written > 1_000;
      before = written;
      return still;
    }, { every: 300 });
    assert.ok(written < words - 1, `${written} of ${words} were sent to a reader that takes none`);
    assert.equal((await answer.answer()).text.split(' ').filter(Boolean).length, words);
  });

  test('usage that a server refuses to tell is asked for once', async () => {
    const provider = await provide((asked) => ('stream_options' in asked.body ? json(asked.response, 400, { error: { message: 'Unknown field stream_options', type: 'invalid_request_error' } }) : say(asked)));
    for (let at = 0; at < 3; at += 1) assert.equal((await provider.streamChat(HI).answer()).text, 'Hello');
    assert.deepEqual(mock.asked.map(({ body }) => 'stream_options' in body), [true, false, false, false]);
  });

  test('a bad request of another kind is not taken for that', async () => {
    const provider = await provide(({ response }) => json(response, 400, { error: { message: 'temperature is wrong', type: 'invalid_request_error' } }));
    assert.equal((await faultOf(provider.streamChat(HI).answer())).code, 'bad_request');
    mock.set((asked) => say(asked));
    await provider.streamChat(HI).answer();
    assert.ok('stream_options' in mock.asked[0].body);
  });
});

describe('models', () => {
  const list = { object: 'list', data: [{ id: 'm-1', owned_by: 'vllm', max_model_len: 4096 }, { id: 'qwen2.5-coder-7b', context_length: 32_768 }] };

  test('are asked for once, for all who wait, with their ETag afterwards', async () => {
    const provider = await provide(({ response, headers }) => (headers['if-none-match'] === '"1"' ? response.writeHead(304).end() : json(response, 200, list, { etag: '"1"' })), { models: { cacheTimeout: 0 } });
    const [first, second] = await Promise.all([provider.models(), provider.models()]);
    assert.deepEqual(first, second);
    assert.deepEqual(first.map(({ id, contextWindow }) => [id, contextWindow]), [['m-1', 4096], ['qwen2.5-coder-7b', 32_768]]);
    assert.deepEqual([first[1].family, first[1].fim], ['qwen2.5-coder', true]);
    assert.equal(mock.asked.length, 1);
    // Stale: what is known is given at once, and asked for meanwhile.
    await provider.models();
    await waitFor(() => mock.asked.length === 2);
    assert.equal(mock.asked[1].headers['if-none-match'], '"1"');
  });

  test('one: the server\'s own word, or its list', async () => {
    const provider = await provide(({ path, response }) => (path === '/v1/models' ? list : json(response, 404, { error: { message: 'File Not Found', type: 'not_found_error', code: 404 } })));
    assert.equal((await provider.model('m-1')).contextWindow, 4096);
    await provider.model('m-1');
    assert.deepEqual(mock.asked.map(({ path }) => path), ['/v1/models/m-1', '/v1/models']);
    assert.equal((await faultOf(provider.model('none'))).code, 'unknown_model');
    const other = await provide(({ path }) => (path === '/v1/models/a%2Fb' ? { id: 'a/b', context_length: 1 } : undefined));
    assert.equal((await other.model('a/b')).contextWindow, 1);
  });

  test('are told of when they change, and completed by a catalogue', async () => {
    const changes = [];
    const catalogue = { data: { p: { models: { 'm-1': { cost: { input: 1, output: 2 }, tool_call: true, limit: { context: 1, output: 99 } } } } }, provider: 'p' };
    const provider = await provide(() => list, { models: { cacheTimeout: 0 } }, { catalogue, onModels: (each) => changes.push(each) });
    const [first] = await provider.models();
    assert.deepEqual([first.contextWindow, first.outputLimit, first.tools, first.price], [4096, 99, true, { input: 1, output: 2, request: 0 }]);
    mock.set(() => ({ data: [{ id: 'm-1', owned_by: 'vllm', max_model_len: 8192 }, { id: 'new' }] }));
    await provider.models();
    await waitFor(() => changes.length === 2);
    assert.deepEqual(changes[1], { new: ['new'], changed: ['m-1'], withdrawn: ['qwen2.5-coder-7b'] });
    mock.set(() => whole());
    const { usage: used } = await provider.chat({ ...HI, model: 'm-1' });
    assert.equal(used.cost, (5 * 1 + 3 * 2) / 1e6);
  });

  test('are not asked for where they are not to be', async () => {
    const provider = await provide(() => list, { models: { autoDiscovery: false, enabledModels: ['a', 'starcoder2-7b'] } });
    assert.deepEqual((await provider.models()).map(({ id }) => id), ['a', 'starcoder2-7b']);
    assert.equal((await provider.model('starcoder2-7b')).fim, true);
    assert.equal(mock.asked.length, 0);
  });

  test('that are no list are a fault, for all who wait', async () => {
    const provider = await provide(() => ({ hello: 1 }), ONE);
    const faults = await Promise.all([faultOf(provider.models()), faultOf(provider.models())]);
    assert.deepEqual(faults.map(({ code }) => code), ['invalid_response', 'invalid_response']);
    mock.set(() => list);
    assert.equal((await provider.models()).length, 2);
  });

  test('validate and usage ask the routes that are set', async () => {
    const provider = await provide(({ path, response }) => (path === '/v1/usage' ? { used: 1 } : json(response, 401, { error: { message: 'no' } })), { paths: { usage: '/usage', validate: '/me' } });
    assert.deepEqual(await provider.usage(), { used: 1 });
    assert.equal((await faultOf(provider.validate())).code, 'unauthorized');
    assert.deepEqual(mock.asked.map(({ path }) => path), ['/v1/usage', '/v1/me']);
    const plain = await provide(() => list);
    await plain.validate();
    assert.equal(mock.asked[0].path, '/v1/models');
  });
});

describe('faults', () => {
  for (const [name, status, body, code] of [
    ['OpenAI', 401, { error: { message: 'Incorrect key', type: 'invalid_request_error', param: null, code: 'invalid_api_key' } }, 'unauthorized'],
    ['llama.cpp', 400, { error: { code: 400, message: 'too long', type: 'exceed_context_size_error', n_ctx: 2048 } }, 'too_long'],
    ['litellm', 429, { error: { message: 'slow', type: 'throttling_error', param: null, code: '429' } }, 'rate_limited'],
    ['a gateway, for credit', 401, { type: 'error', error: { type: 'CreditsError', message: 'No credit' } }, 'quota'],
    ['a gateway, for a model', 401, { type: 'error', error: { type: 'ModelError', message: 'No such model' } }, 'unknown_model'],
    ['FastAPI', 422, { detail: [{ msg: 'field required' }] }, 'bad_request'],
    ['Ollama', 404, { error: 'model "x" not found' }, 'unknown_model'],
  ]) {
    test(`${name} says ${code}`, async () => {
      const provider = await provide(({ response }) => json(response, status, body), ONE);
      const fault = await faultOf(provider.chat(HI));
      assert.deepEqual([fault.code, fault.status], [code, status]);
    });
  }

  test('a page of a proxy', async () => {
    const provider = await provide(({ response }) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html><title>Sign in</title></html>'), ONE);
    assert.equal((await faultOf(provider.chat(HI))).code, 'invalid_response');
    assert.equal((await faultOf(provider.streamChat(HI).answer())).code, 'invalid_response');
  });

  test('in the middle of a stream, with what came before it', async () => {
    for (const bad of [{ error: { message: 'overloaded', code: 502 } }, { error: { code: 502, message: 'x' }, choices: [{ index: 0, delta: {}, finish_reason: 'error' }] }]) {
      const provider = await provide(({ response }) => {
        const out = stream(response);
        out.send(delta('half'));
        out.send(bad);
        response.end();
      });
      const chunks = [];
      const fault = await faultOf((async () => {
        for await (const chunk of provider.streamChat(HI)) chunks.push(chunk);
      })());
      assert.deepEqual([fault.code, chunks.map(({ text, done }) => [text, done])], ['server_error', [['half', false]]]);
      assert.equal(mock.asked.length, 1);
    }
  });

  test('a stream without an end is cut, however it closes', async () => {
    for (const close of ['end', 'destroy']) {
      const provider = await provide(({ response }) => {
        stream(response).send(delta('half'));
        setImmediate(() => response[close]());
      });
      assert.equal((await faultOf(provider.streamChat(HI).answer())).code, 'cut');
      // What produced text is not asked for again.
      assert.equal(mock.asked.length, 1);
    }
  });

  test('redirects are not followed: the key would go there too', async () => {
    const provider = await provide(({ response, path }) => (path === '/v1/there' ? whole() : response.writeHead(307, { location: `${mock.url}/there` }).end()));
    assert.equal((await faultOf(provider.chat(HI))).code, 'redirected');
    assert.equal(mock.asked.length, 1);
  });

  test('no server', async () => {
    const provider = await createProvider(config('http://127.0.0.1:9/v1', ONE));
    made.push(provider);
    const fault = await faultOf(provider.chat(HI));
    assert.deepEqual([fault.code, fault.retryable, fault.status], ['unreachable', true, undefined]);
  });

  test('waits: for the first byte, between bytes, for the whole', async () => {
    const provider = await provide(() => undefined, ONE);
    const first = await faultOf(provider.chat({ ...HI, timeouts: { firstByte: 50 } }));
    assert.deepEqual([first.code, /firstByteTimeout/.test(first.message)], ['timeout', true]);
    await mock.asked[0].closed;
    mock.set(({ response }) => stream(response).send(delta('a')));
    const idle = await faultOf(provider.streamChat({ ...HI, timeouts: { idle: 50 } }).answer());
    assert.deepEqual([idle.code, /idleTimeout/.test(idle.message)], ['timeout', true]);
    await mock.asked[0].closed;
    let timer;
    mock.set(({ response }) => {
      const out = stream(response);
      timer = setInterval(() => out.send(delta('a')), 10);
    });
    const total = await faultOf(provider.streamChat({ ...HI, timeouts: { total: 100 } }).answer());
    assert.deepEqual([total.code, /streamTimeout/.test(total.message)], ['timeout', true]);
    await mock.asked[0].closed;
    clearInterval(timer);
  });

  test('what was too slow is not asked for twice', async () => {
    const provider = await provide(() => undefined, { retry: { maxTries: 4 } });
    for (const ask of [() => provider.chat({ ...HI, timeouts: { firstByte: 50 } }), () => provider.streamChat({ ...HI, timeouts: { total: 50 } }).answer()]) {
      mock.asked.length = 0;
      const { code, retryable } = await faultOf(ask());
      assert.deepEqual([code, retryable, mock.asked.length], ['timeout', true, 1]);
    }
  });

  test('an answer over its limit', async () => {
    const provider = await provide(({ response }) => response.writeHead(200, { 'content-type': 'application/json' }).end(`{"data":[${' '.repeat(17 << 20)}]}`), ONE);
    assert.equal((await faultOf(provider.models())).code, 'too_large');
  });
});

describe('a body without end', () => {
  const END = 256 << 20;
  /** Sends blanks until nobody takes them. @param {import('./mock.mjs').Asked} asked @param {number} status @param {string} type */
  async function flood({ response }, status, type) {
    let sent = 0;
    response.writeHead(status, { 'content-type': type });
    for (; !response.destroyed && sent < END; sent += 1 << 20) {
      if (!response.write(' '.repeat(1 << 20))) await new Promise((resolve) => {
        response.once('drain', resolve);
        response.once('close', resolve);
      });
    }
    response.end();
    return sent;
  }

  for (const [name, status, ask, code] of /** @type {[string, number, (provider: import('../../dist/provider.js').Provider) => Promise<unknown>, string][]} */ ([
    ['a list of models', 200, (provider) => provider.models(), 'too_large'],
    ['a whole answer', 200, (provider) => provider.chat(HI), 'too_large'],
    ['an error', 400, (provider) => provider.chat(HI), 'bad_request'],
  ])) {
    test(`${name} is read no further than to its limit`, async () => {
      let sent = Promise.resolve(0);
      const provider = await provide(async (asked) => {
        sent = flood(asked, status, 'application/json');
        await sent;
      }, ONE);
      assert.equal((await faultOf(ask(provider))).code, code);
      assert.ok((await sent) < END, 'all of it was read');
    });
  }
});

describe('the end of a request', () => {
  for (const [name, end] of /** @type {const} */ ([
    ['break', async (answer) => {
      for await (const _ of answer) break;
    }],
    ['return()', (answer) => answer.return()],
    ['the signal', (_, controller) => controller.abort()],
  ])) {
    test(`by ${name}`, async () => {
      const provider = await provide(({ response }) => stream(response).send(delta('a')));
      const controller = new AbortController();
      const answer = provider.streamChat({ ...HI, signal: controller.signal });
      if (name !== 'break') await answer.next();
      await end(answer, controller);
      await mock.asked[0].closed;
      const stats = await waitFor(() => provider.stats().running === 0 && provider.stats());
      // Nobody told what was used: it is guessed, and says so.
      assert.ok(stats.day.estimatedTokens > 0 && stats.day.requests === 1);
      if (name === 'the signal') assert.equal((await faultOf(answer.next())).code, 'cancelled');
      assert.deepEqual(await answer.next(), { done: true, value: undefined });
    });
  }

  test('before it began, and while a next() waits', async () => {
    const provider = await provide(() => undefined);
    assert.equal((await faultOf(provider.chat({ ...HI, signal: AbortSignal.abort() }))).code, 'cancelled');
    assert.equal(mock.asked.length, 0);
    const controller = new AbortController();
    const waiting = faultOf(provider.chat({ ...HI, signal: controller.signal }));
    await waitFor(() => mock.asked.length === 1);
    controller.abort();
    assert.equal((await waiting).code, 'cancelled');
    await mock.asked[0].closed;
  });

  test('of all, by dispose()', async () => {
    const provider = await provide(() => undefined);
    const waiting = [faultOf(provider.chat(HI)), faultOf(provider.streamChat(HI).answer())];
    await waitFor(() => mock.asked.length === 2);
    provider.dispose();
    assert.deepEqual((await Promise.all(waiting)).map(({ code }) => code), ['disposed', 'disposed']);
    await Promise.all(mock.asked.map(({ closed }) => closed));
    assert.equal((await faultOf(provider.chat(HI))).code, 'disposed');
    assert.equal((await faultOf(provider.models())).code, 'disposed');
  });
});

describe('what newcomers meet', () => {
  test('an error has its name, in stack traces too', async () => {
    const provider = await provide(({ response }) => json(response, 401, { error: { message: 'bad key' } }));
    const error = await faultOf(provider.chat(HI));
    assert.match(String(error.stack), /^ProviderError: bad key/);
    assert.deepEqual([error.name, error.constructor.name, Object.keys(error).includes('name')], ['ProviderError', 'ProviderError', false]);
  });

  test('a call without a request says what is missing', async () => {
    const provider = await provide(() => whole());
    for (const none of [undefined, null, 'Hi', 5, []]) {
      for (const ask of ['chat', 'complete', 'fim']) assert.equal((await faultOf(provider[ask](none))).code, 'bad_request', `${ask} ${none}`);
    }
    assert.match((await faultOf(provider.chat(/** @type {any} */ (undefined)))).message, /messages/);
    assert.equal(mock.asked.length, 0);
  });

  test('names that are not known are refused before anything is sent, all at once', async () => {
    const provider = await provide(() => whole());
    const { message } = await faultOf(provider.chat(/** @type {any} */ ({ ...HI, max_tokens: 5, timeouts: { firstbyte: 5 } })));
    assert.match(message, /max_tokens is not known. Did you mean maxTokens\?.*firstbyte is not known. Did you mean firstByte\?/);
    assert.equal(mock.asked.length, 0);
  });

  test('what an unknown server may have a name for is sent', async () => {
    const provider = await provide(() => whole());
    await provider.chat({ ...HI, topK: 5, minP: 0.1, repeatPenalty: 1.1 });
    const { top_k, min_p, repeat_penalty, repetition_penalty } = mock.asked[0].body;
    assert.deepEqual([top_k, min_p, repeat_penalty, repetition_penalty], [5, 0.1, 1.1, 1.1]);
  });

  test('the address may end with the route, or have a query', async () => {
    const at = (end) => provide(() => whole(), { apiEndpoint: mock.url + end });
    for (const [end, path, query] of [['/chat/completions', '/v1/chat/completions', null], ['/completions/', '/v1/chat/completions', null], ['?api-version=1', '/v1/chat/completions', '1']]) {
      await (await at(end)).chat(HI);
      assert.deepEqual([mock.asked[0].path, mock.asked[0].query.get('api-version')], [path, query]);
    }
  });

  test('a server without keys gets none', async () => {
    const provider = await provide(() => whole(), { auth: { type: 'none' } });
    const { model, endpoint } = await provider.chat(HI);
    assert.deepEqual([mock.asked[0].headers.authorization, model, endpoint], [undefined, 'm-1', mock.url]);
  });

  test('a chunk has the model that was asked for until the server names its own', async () => {
    const provider = await provide(({ response }) => {
      const out = stream(response);
      out.send({ choices: [{ index: 0, delta: { content: 'a' } }] });
      out.send(delta('b'));
      out.send(finish());
      out.end();
    });
    const models = [];
    for await (const { metadata } of provider.streamChat({ ...HI, model: 'asked' })) models.push(metadata.model);
    assert.deepEqual(models, ['asked', 'm-1', 'm-1']);
  });

  test('a hole is filled natively whatever the model is', async () => {
    const provider = await provide(() => ({ choices: [{ index: 0, text: 'x', finish_reason: 'stop' }] }));
    assert.equal((await faultOf(provider.fim({ prefix: 'a', suffix: 'b' }))).code, 'fim_unsupported');
    assert.equal((await provider.fim({ prefix: 'a', suffix: 'b', native: true })).text, 'x');
    assert.deepEqual([mock.asked[0].body.prompt, mock.asked[0].body.suffix], ['a', 'b']);
  });
});

describe('log probabilities', () => {
  const told = (token) => ({ content: [{ token, logprob: -0.25, top_logprobs: [] }] });

  test('stand in the chunk of their text, and one by one in the answer', async () => {
    const provider = await provide(({ response }) => {
      const out = stream(response);
      out.send(delta('Hel', { logprobs: told('Hel') }));
      out.send(delta('lo', { logprobs: null }));
      out.send(delta('', { logprobs: told('end') }));
      out.send(finish());
      out.end();
    });
    const answer = provider.streamChat({ ...HI, logprobs: true, topLogprobs: 2 });
    const chunks = await collect(answer);
    assert.deepEqual(chunks.map(({ text, logprobs, done }) => [text, logprobs, done]), [['Hel', told('Hel'), false], ['lo', undefined, false], ['', told('end'), true]]);
    assert.deepEqual((await answer.answer()).logprobs, [told('Hel'), told('end')]);
    assert.deepEqual([mock.asked[0].body.logprobs, mock.asked[0].body.top_logprobs], [true, 2]);
  });

  test('that are no JSON cost nothing else', async () => {
    const provider = await provide(({ response }) => {
      const out = stream(response);
      out.send('{"choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":{"a":"\u0001"}}]}');
      out.send(finish());
      out.end();
    });
    const { text, logprobs } = await provider.streamChat(HI).answer();
    assert.deepEqual([text, logprobs], ['Hi', undefined]);
  });
});

describe('the configuration', () => {
  test('all that is wrong at once, and no secret in it', async () => {
    const wrong = { apiEndpoint: `http://u:${KEY}@h`, auth: { type: 'api-key', apiKey: KEY, more: KEY }, rateLimits: { requestsPerMinute: 0, tokensPerMinute: 5 }, headers: { 'x-key': `${KEY}\n` }, budget: { costPerDay: -1 } };
    const problems = await checkConfig(wrong);
    assert.deepEqual(problems.map(({ path, code }) => [path, code]), [
      ['apiEndpoint', 'no_url'], ['headers', 'wrong_type'], ['auth.more', 'unknown_name'], ['rateLimits.requestsPerMinute', 'too_small'], ['rateLimits.tokensPerMinute', 'too_small'], ['budget.costPerDay', 'too_small'],
    ]);
    const fault = await faultOf(createProvider(wrong));
    assert.deepEqual([fault.code, fault.problems], ['bad_config', problems]);
    assert.ok(!JSON.stringify([problems, fault.message, fault.hint]).includes(KEY));
    for (const none of [undefined, null, 1, [], 'x']) assert.deepEqual((await checkConfig(none)).map(({ code }) => code), ['no_object']);
  });

  test('several side by side know nothing of each other', async () => {
    const one = await provide(() => whole());
    const two = await createProvider(config(mock.url));
    made.push(two);
    await one.chat(HI);
    assert.deepEqual([one.stats().day.requests, two.stats().day.requests], [1, 0]);
    one.dispose();
    assert.equal((await two.chat(HI)).text, 'Hello');
  });
});
