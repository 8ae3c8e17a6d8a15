// What users of other clients complained of in public, each as a test. More of each is in the file that its comment names.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { createProvider, ProviderError } from '../../dist/provider.js';
import { waitFor } from '../support/wait.mjs';
import { config, delta, finish, HI, json, say, startMock, stream, usage, whole } from './mock.mjs';

/** @type {Awaited<ReturnType<typeof startMock>>} */
let mock;
/** @type {import('../../dist/provider/index.js').Provider[]} */
const made = [];

before(async () => {
  mock = await startMock(() => whole());
});
after(async () => {
  for (const provider of made) provider.dispose();
  await mock?.close();
});

/** @param {import('./mock.mjs').Answerer} answer @param {object} [more] */
async function provide(answer, more) {
  mock.set(answer);
  const provider = await createProvider(config(mock.url, more));
  made.push(provider);
  return provider;
}
/** @param {Promise<unknown>} promise @returns {Promise<ProviderError>} */
const faultOf = (promise) => promise.then((value) => assert.fail(`no fault: ${JSON.stringify(value)}`), (error) => {
  assert.ok(error instanceof ProviderError, String(error.stack));
  return error;
});

// limits.test.mjs, "of a Retry-After of three days are an error at once"
test('1. a Retry-After of 277,403 s freezes the program, and Escape does nothing (openai-node#1840, pi#3671, #4991, #6912)', async () => {
  const provider = await provide(({ response }) => json(response, 429, { error: { message: 'weekly limit' } }, { 'retry-after': '277403' }));
  const { code, retryAt = 0 } = await faultOf(provider.chat(HI));
  assert.ok(code === 'quota' && Math.abs(retryAt - Date.now() - 277_403_000) < 60_000);
  // A wait that is short enough ends with its caller.
  const patient = await provide(({ response }) => json(response, 503, {}, { 'retry-after': '60' }));
  const controller = new AbortController();
  const ended = faultOf(patient.chat({ ...HI, signal: controller.signal }));
  await waitFor(() => mock.asked.length === 1 && patient.stats().running === 0, { message: 'the wait' });
  controller.abort();
  assert.equal((await ended).code, 'cancelled');
});

// client.test.mjs, "usage that a server refuses to tell is asked for once"
test('2. usage is NaN or 0 with compatible servers (vercel/ai#3268, #5736, #6007, opencode#423)', async () => {
  const provider = await provide(({ response, body }) => {
    if (body.stream_options?.include_usage !== true) return json(response, 500, {});
    const out = stream(response);
    out.send(delta('Hello there'));
    out.send(finish());
    out.send(usage(5, 3));
    return out.end();
  });
  assert.deepEqual([(await provider.streamChat(HI).answer()).usage.totalTokens], [8]);
  // One that does not tell it, asked or not.
  const silent = await provide(({ response }) => {
    const out = stream(response);
    out.send(delta('Hello there'));
    out.send(finish());
    out.end();
  });
  const { usage: used } = await silent.streamChat(HI).answer();
  assert.ok(used.estimated && used.promptTokens > 0 && used.completionTokens > 0 && used.totalTokens === used.promptTokens + used.completionTokens, JSON.stringify(used));
});

// tests/provider_budget.rs, "what_was_aborted_is_estimated_and_says_so"
test('3. no usage after stop (openai-node#1505, openai-openapi#539, vercel/ai#14621)', async () => {
  const provider = await provide(({ response }) => stream(response).send(delta('Hello there, this is a long answer')) ?? undefined);
  for await (const _ of provider.streamChat(HI)) break;
  await waitFor(() => provider.stats().day.tokens > 0, { message: 'the count of what was stopped' });
  const { tokens, estimatedTokens } = provider.stats().day;
  assert.equal(estimatedTokens, tokens);
});

// client.test.mjs, "a stream without an end is cut, however it closes"
test('4. a stream without finish_reason is a silent half answer (pi#5793, #8496, oh-my-pi#9433)', async () => {
  const provider = await provide(({ response }) => {
    stream(response).send(delta('half'));
    response.end();
  });
  const { code, hint, retryable } = await faultOf(provider.streamChat(HI).answer());
  assert.ok(code === 'cut' && retryable && hint.length > 5);
});

// client.test.mjs, "in the middle of a stream, with what came before it"
test('5. an error inside of the stream is dropped (local-operator#223, vercel/ai#2720)', async () => {
  const provider = await provide(({ response }) => {
    const out = stream(response);
    out.send(delta('half'));
    out.send({ error: { code: 502, message: 'upstream went away' }, choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }] });
    out.end();
  });
  const { code, message } = await faultOf(provider.streamChat(HI).answer());
  assert.ok(code === 'server_error' && message.includes('upstream went away'), `${code} ${message}`);
});

// tests/provider_retry.rs, "openai_and_groq", "openrouter_tells_milliseconds" …
test('6. blind retries burn the quota of the day, reset headers are ignored (dirge#719, hindsight#3508, aider#3265)', async () => {
  const provider = await provide(({ response }) => json(response, 429, { error: { message: 'slow down' } }, { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '5h12m' }));
  const codes = [];
  for (let call = 0; call < 10; call += 1) codes.push((await faultOf(provider.chat(HI))).code);
  assert.deepEqual([new Set(codes), mock.asked.length], [new Set(['quota']), 1]);
});

// tests/provider_limiter.rs, "schedules_against_the_model"
test('7. only requests are limited, not tokens (crewAI#494, cline#75, langchain#21359)', async () => {
  const provider = await provide((asked) => ({ ...whole(), usage: { prompt_tokens: asked.body.messages[0].content.length, completion_tokens: 900, total_tokens: 900 + asked.body.messages[0].content.length } }), { rateLimits: { requestsPerMinute: 1_000, tokensPerMinute: 1_000, maxWait: 1_000 } });
  await provider.chat({ ...HI, maxTokens: 900 });
  const { code, retryAt = 0 } = await faultOf(provider.chat({ ...HI, maxTokens: 900 }));
  assert.ok(code === 'quota' && mock.asked.length === 1 && Math.abs(retryAt - Date.now() - 60_000) < 30_000, `${code} ${retryAt - Date.now()}`);
});

// tests/provider_family.rs, "prompts_word_for_word", "leaked_tokens"; real.test.mjs, "fills a hole as its own route does"
test('8. tokens of holes differ by model, and leak (vllm#9976, model-runner#403, together-python#109, turnkeyml#317)', async () => {
  const provider = await provide(({ body }) => ({ choices: [{ index: 0, text: `b${body.prompt.includes('<PRE>') ? ' <EOT>' : '<|fim_pad|>'}`, finish_reason: 'stop' }], usage: usage().usage }));
  const hole = { prefix: 'a(', suffix: ')' };
  assert.equal((await provider.fim({ ...hole, model: 'codellama-7b' })).text.trim(), 'b');
  assert.equal((await provider.fim({ ...hole, model: 'qwen2.5-coder-7b' })).text, 'b');
  assert.deepEqual(mock.asked.map(({ body }) => body.prompt), ['<PRE> a( <SUF>) <MID>', '<|fim_prefix|>a(<|fim_suffix|>)<|fim_middle|>']);
});

// limits.test.mjs, "end with their caller"
test('9. a retry runs on a signal that was aborted (ai-retry#39)', async () => {
  const controller = new AbortController();
  const provider = await provide(({ response }) => {
    controller.abort();
    json(response, 503, {});
  });
  assert.equal((await faultOf(provider.chat({ ...HI, signal: controller.signal }))).code, 'cancelled');
  assert.equal((await faultOf(provider.chat({ ...HI, signal: controller.signal }))).code, 'cancelled');
  assert.equal(mock.asked.length, 1);
  mock.set(() => whole());
  assert.equal((await provider.chat(HI)).text, 'Hello');
});

// limits.test.mjs, "second tries"
test('10. nobody owns the retry of a stream that dies before its first chunk (atomic-agent#313)', async () => {
  const provider = await provide((asked) => (mock.asked.length === 1 ? stream(asked.response).cut() : say(asked)) ?? undefined);
  const { text, tries } = await provider.streamChat(HI).answer();
  assert.deepEqual([text, tries, mock.asked.length], ['Hello', 2, 2]);
});

test('11. keys lie in plain localStorage (wanaku#1336, threat-forge#133, Agenta#1879)', () => {
  // It takes a browser: vault.test.mjs looks through all of its storage.
  const tests = readFileSync(new URL('vault.test.mjs', import.meta.url), 'utf8');
  assert.ok(tests.includes("test('holds nothing that can be read, and a key that cannot be taken out'"));
  for (const file of ['auth', 'oauth', 'vault', 'login', 'index']) assert.ok(!/localStorage/.test(readFileSync(new URL(`../../src/js/provider/${file}.ts`, import.meta.url), 'utf8')), file);
});

// client.test.mjs, "faults"
test('12. what the gateway means by its 404 and 401 is unclear (opencode#44687, #37161)', async () => {
  const provider = await provide(({ response }) => response.writeHead(404, { 'content-type': 'text/html' }).end('<html>Not Found</html>') && undefined, { retry: { maxTries: 1 } });
  const wrong = await faultOf(provider.chat(HI));
  assert.ok(wrong.code === 'not_found' && /apiEndpoint|address|version/i.test(wrong.hint), `${wrong.code}: ${wrong.hint}`);
  for (const [type, code] of [['CreditsError', 'quota'], ['ModelError', 'unknown_model'], ['AuthError', 'unauthorized']]) {
    mock.set(({ response }) => json(response, 401, { type: 'error', error: { type, message: `said by ${type}` } }));
    const fault = await faultOf(provider.chat(HI));
    assert.ok(fault.code === code && fault.message.includes(`said by ${type}`) && fault.kind === type, `${type}: ${fault.code} ${fault.message}`);
  }
});
