// The provider against a server of someone else's: llama.cpp, with two kinds of models, whose answers are known.
import assert from 'node:assert/strict';
import { connect, createServer as createTcpServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { createProvider, ProviderError } from '../../dist/provider.js';
import { KEY, MODELS, startLlama, TEXT, TOKENS } from '../support/llama.mjs';
import { listen, LOOPBACK } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';

const HI = [{ role: /** @type {const} */ ('user'), content: 'Write add.' }];
/** @param {Promise<unknown>} promise @returns {Promise<ProviderError>} */
const faultOf = (promise) => promise.then((value) => assert.fail(`no fault: ${JSON.stringify(value)}`), (error) => {
  assert.ok(error instanceof ProviderError, String(error.stack));
  return error;
});

/** A way to a server that stops after the first piece of a body. @param {string} url */
async function startBetween(url) {
  const { hostname, port, pathname } = new URL(url);
  /** @type {Set<import('node:net').Socket>} */
  const open = new Set();
  let ended = 0;
  const way = createTcpServer((near) => {
    const far = connect(Number(port), hostname);
    open.add(near);
    near.on('error', () => undefined).on('close', () => {
      open.delete(near);
      ended += 1;
      far.destroy();
    });
    far.on('error', () => undefined);
    near.pipe(far);
    far.on('data', (piece) => {
      near.write(piece);
      if (piece.includes('data: ')) far.pause();
    });
  });
  const at = await listen(way);
  return {
    url: `http://${LOOPBACK}:${at}${pathname}`,
    open: () => open.size,
    ended: () => ended,
    async close() {
      for (const each of open) each.destroy();
      await new Promise((resolve) => way.close(resolve));
    },
  };
}

for (const architecture of /** @type {const} */ (['llama', 'starcoder2'])) {
  describe(architecture, () => {
    const id = MODELS[architecture];
    /** @type {Awaited<ReturnType<typeof startLlama>>} */
    let server;
    /** @type {import('../../dist/provider/index.js').Provider} */
    let provider;
    const config = (more = {}) => ({
      apiEndpoint: server.url,
      auth: { type: /** @type {const} */ ('api-key'), apiKey: KEY },
      rateLimits: { requestsPerMinute: 1_000, tokensPerMinute: 1_000_000, concurrentRequests: 20 },
      models: { defaultModel: id },
      ...more,
    });

    before(async () => {
      server = await startLlama(architecture);
      provider = await createProvider(config());
    });
    after(async () => {
      provider?.dispose();
      await server?.close();
    });

    test('is discovered, with its context, and its family', async () => {
      const [model, ...others] = await provider.models();
      assert.equal(others.length, 0);
      assert.deepEqual([model.id, model.contextWindow, model.owner, model.fim, model.family], [id, 2048, 'llamacpp', true, architecture === 'llama' ? 'codellama' : 'starcoder2']);
      // This server lacks the route of one model.
      assert.equal((await provider.model(id)).contextWindow, 2048);
      await provider.validate();
    });

    test('completes and chats, streamed and whole, and counts like its tokenizer', async () => {
      for (const answer of [
        await provider.complete({ prompt: 'hello', temperature: 0 }),
        await provider.streamCompletion({ prompt: 'hello', temperature: 0 }).answer(),
        await provider.chat({ messages: HI, temperature: 0 }),
        await provider.streamChat({ messages: HI, temperature: 0 }).answer(),
      ]) {
        assert.deepEqual([answer.text, answer.finishReason, answer.usage.completionTokens, answer.usage.estimated, answer.tries], [TEXT, 'stop', TOKENS, false, 1]);
      }
      const prompt = 'fn main() { println!("naïve 漢字"); }';
      const { tokens } = await server.ask('/tokenize', { content: prompt, add_special: true });
      assert.equal((await provider.complete({ prompt, temperature: 0 })).usage.promptTokens, tokens.length);
    });

    test('streams bit by bit', async () => {
      const texts = [];
      for await (const { text, done } of provider.streamCompletion({ prompt: 'hello', temperature: 0 })) if (!done) texts.push(text);
      assert.ok(texts.length >= 10 && texts.join('') === TEXT, JSON.stringify(texts));
    });

    test('stops at stop strings and at the limit', async () => {
      const stopped = await provider.streamCompletion({ prompt: 'hello', stop: ['return'], temperature: 0 }).answer();
      assert.deepEqual([stopped.text, stopped.finishReason], ['def add(a, b):\n    ', 'stop']);
      const short = await provider.complete({ prompt: 'hello', maxTokens: 2, temperature: 0 });
      assert.deepEqual([short.text, short.finishReason, short.usage.completionTokens], ['def add', 'length', 2]);
    });

    test('gives log probabilities, and two answers', async () => {
      const { raw, choices } = await provider.complete({ prompt: 'hello', n: 2, logprobs: 2, maxTokens: 3, temperature: 0 });
      assert.deepEqual(choices.map(({ text }) => text), ['def add(a,', 'def add(a,']);
      assert.equal(raw.choices[0].logprobs.content.length, 3);
      // The same in a stream, bit by bit, and of the same tokens.
      const tokens = [];
      const answer = provider.streamCompletion({ prompt: 'hello', logprobs: 2, maxTokens: 3, temperature: 0 });
      for await (const { logprobs, text } of answer) if (logprobs !== undefined) tokens.push([text, ...logprobs.content.map(({ token }) => token)]);
      assert.deepEqual(tokens.flatMap(([, ...each]) => each), raw.choices[0].logprobs.content.map(({ token }) => token));
      assert.equal(tokens.map(([text]) => text).join(''), 'def add(a,');
    });

    test('fills a hole as its own route does, without a token that leaks', async () => {
      const hole = { prefix: 'def add(a,', suffix: '\nprint(add(1, 2))\n' };
      const { text } = await provider.streamFim({ ...hole, temperature: 0 }).answer();
      const own = await server.ask('/infill', { input_prefix: hole.prefix, input_suffix: hole.suffix, temperature: 0 });
      assert.equal(text, own.content);
      assert.ok(text.length > 0 && !/fim_|<PRE>|<SUF>|<MID>|<EOT>/.test(text));
    });

    test('names what is wrong: the key, the length', async () => {
      const other = await createProvider(config({ auth: { type: 'api-key', apiKey: 'wrong' } }));
      const refused = await faultOf(other.chat({ messages: HI }));
      assert.deepEqual([refused.code, refused.status], ['unauthorized', 401]);
      const long = await faultOf(provider.complete({ prompt: 'x y '.repeat(3_000) }));
      assert.equal(long.code, 'too_long');
      assert.equal(long.kind, 'exceed_context_size_error');
    });

    test('has its slot back when the caller goes', async () => {
      const busy = async () => (await server.ask('/slots')).filter((slot) => slot.is_processing).length;
      // What stands between lets one piece through and then holds back: only the caller's end ends the exchange.
      const between = await startBetween(server.url);
      // No wait of the client's own ends it before the test does.
      const far = await createProvider(config({ apiEndpoint: between.url, idleTimeout: 300_000, firstByteTimeout: 300_000 }));
      try {
        const controller = new AbortController();
        const answer = far.streamCompletion({ prompt: 'hello', temperature: 0, signal: controller.signal, parameters: { ignore_eos: true, n_predict: 100_000 } });
        await answer.next();
        assert.deepEqual([between.open(), between.ended()], [1, 0]);
        controller.abort();
        assert.equal((await faultOf(answer.answer())).code, 'cancelled');
        await waitFor(() => between.ended() === 1, { message: 'the end of the connection' });
        await waitFor(async () => (await busy()) === 0, { message: 'a free slot' });
      } finally {
        far.dispose();
        await between.close();
      }
    });

    test('serves 32 streams on four slots', async () => {
      const answers = await Promise.all(Array.from({ length: 32 }, () => provider.streamChat({ messages: HI, temperature: 0 }).answer()));
      assert.ok(answers.every(({ text, usage }) => text === TEXT && usage.completionTokens === TOKENS));
      assert.deepEqual([provider.stats().running, provider.stats().waiting], [0, 0]);
    });
  });
}
