// Limits, second tries and budgets, through the package: how many requests reach the server, when, and what those get that do not.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { createProvider, ProviderError } from '../../dist/provider.js';
import { waitFor } from '../support/wait.mjs';
import { config, delta, HI, json, say, startMock, stream, whole } from './mock.mjs';

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

/** @param {Promise<unknown>} promise @returns {Promise<ProviderError>} */
const faultOf = (promise) => promise.then((value) => assert.fail(`no fault: ${JSON.stringify(value)}`), (error) => {
  assert.ok(error instanceof ProviderError, String(error.stack));
  return error;
});
const limits = (more) => ({ rateLimits: { requestsPerMinute: 1_000, tokensPerMinute: 1_000_000, ...more } });
const ONE = { retry: { maxTries: 1 } };
/** Answers that are given one by one. */
function held() {
  /** @type {import('./mock.mjs').Asked[]} */
  const waiting = [];
  return { answer: (asked) => void waiting.push(asked), next: () => json(waiting.shift().response, 200, whole()), get count() { return waiting.length; } };
}

describe('second tries', () => {
  for (const [name, first] of /** @type {[string, import('./mock.mjs').Answerer][]} */ ([
    ['a server error', ({ response }) => json(response, 503, { error: { message: 'busy' } })],
    ['too many requests', ({ response }) => json(response, 429, { error: { message: 'slow down' } })],
    ['a line that breaks before the answer', ({ response }) => response.destroy()],
    ['a stream that dies before its first token', ({ response }) => {
      stream(response).send({ choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] });
      setImmediate(() => response.destroy());
    }],
    ['an error in a stream before its first token', ({ response }) => {
      stream(response).send({ error: { message: 'overloaded', code: 503 } });
      response.end();
    }],
  ])) {
    test(`after ${name}`, async () => {
      const provider = await provide((asked) => (mock.asked.length === 1 ? first(asked) : say(asked)));
      const answer = await provider.streamChat(HI).answer();
      assert.deepEqual([answer.text, answer.tries, mock.asked.length], ['Hello', 2, 2]);
    });
  }

  test('end: maxTries in all, and the last error', async () => {
    const provider = await provide(({ response }) => json(response, 500, { error: { message: 'no' } }), { retry: { maxTries: 2 } });
    const fault = await faultOf(provider.chat(HI));
    assert.deepEqual([fault.code, fault.status, fault.retryable, mock.asked.length], ['server_error', 500, true, 2]);
  });

  test('are not made of what stays wrong', async () => {
    for (const [status, body] of [[400, {}], [401, {}], [402, {}], [404, {}], [422, {}], [429, { error: { code: 'insufficient_quota', message: 'x' } }]]) {
      const provider = await provide(({ response }) => json(response, status, body));
      await faultOf(provider.chat(HI));
      assert.equal(mock.asked.length, 1, `${status}`);
    }
  });

  test('keep to Retry-After', async () => {
    const times = [];
    const provider = await provide(({ response }) => (times.push(Date.now()) === 1 ? json(response, 429, {}, { 'retry-after': '1' }) : whole()));
    await provider.chat(HI);
    assert.ok(times[1] - times[0] >= 999, `${times[1] - times[0]} ms`);
  });

  test('of a Retry-After of three days are an error at once, with its time', async () => {
    const provider = await provide(({ response }) => json(response, 429, { type: 'error', error: { type: 'RateLimitError', message: 'x' } }, { 'retry-after': '277403' }));
    const fault = await faultOf(provider.chat(HI));
    assert.equal(fault.code, 'quota');
    assert.ok(Math.abs(fault.retryAt - Date.now() - 277_403_000) < 60_000);
    // The next one is not even sent.
    const next = await faultOf(provider.chat(HI));
    assert.deepEqual([next.code, mock.asked.length], ['quota', 1]);
    assert.ok(Math.abs(next.retryAt - fault.retryAt) < 60_000);
    provider.resetLimits();
    mock.set(() => whole());
    assert.equal((await provider.chat(HI)).text, 'Hello');
  });

  test('keep to Retry-After where a reset says more: it tells when all is back, not when there is room', async () => {
    const provider = await provide(({ response }) => (mock.asked.length === 1 ? json(response, 429, {}, { 'retry-after': '1', 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6m0s' }) : whole()), ONE);
    assert.equal((await faultOf(provider.chat(HI))).code, 'rate_limited');
    assert.equal((await provider.chat(HI)).text, 'Hello');
  });

  test('keep to what a gateway puts into the body', async () => {
    const provider = await provide(({ response }) => json(response, 429, { error: { code: 429, message: 'x', metadata: { headers: { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': String(Date.now() + 3_600_000) } } } }));
    const fault = await faultOf(provider.chat(HI));
    assert.deepEqual([fault.code, mock.asked.length], ['quota', 1]);
    assert.ok(Math.abs(fault.retryAt - Date.now() - 3_600_000) < 60_000);
  });

  test('end with their caller', async () => {
    const controller = new AbortController();
    const provider = await provide(({ response }) => json(response, 503, {}, { 'retry-after': '60' }));
    const fault = faultOf(provider.chat({ ...HI, signal: controller.signal }));
    await waitFor(() => mock.asked.length === 1 && provider.stats().running === 0);
    controller.abort();
    assert.equal((await fault).code, 'cancelled');
    assert.equal(mock.asked.length, 1);
  });
});

describe('one request in ten fails', () => {
  test('and 99 in 100 callers get their answer', async () => {
    const faults = [
      ({ response }) => json(response, 500, {}),
      ({ response }) => json(response, 429, {}, { 'retry-after': '1' }),
      ({ response }) => response.destroy(),
      ({ response }) => {
        stream(response).send({ error: { message: 'overloaded', code: 503 } });
        response.end();
      },
    ];
    let count = 0;
    let failed = 0;
    const provider = await provide((asked) => {
      count += 1;
      if (count % 10 !== 0) return say(asked);
      failed += 1;
      return void faults[failed % faults.length](asked);
    }, limits({ concurrentRequests: 20, maxQueueSize: 300 }));
    const answers = await Promise.allSettled(Array.from({ length: 300 }, () => provider.streamChat(HI).answer()));
    const whole = answers.filter(({ status, value }) => status === 'fulfilled' && value.text === 'Hello');
    const again = whole.filter(({ value }) => value.tries > 1);
    assert.ok(whole.length >= 297, `${whole.length} of 300`);
    assert.ok(failed >= 30 && again.length >= 0.9 * failed - 3, `${again.length} second tries of ${failed} faults`);
  });
});

describe('limits', () => {
  test('of requests hold in a minute, for models too', async () => {
    const provider = await provide(({ path }) => (path.endsWith('/models') ? { data: [] } : whole()), limits({ requestsPerMinute: 3, maxWait: 1_000 }));
    await provider.models();
    await provider.chat(HI);
    await provider.chat(HI);
    const fault = await faultOf(provider.chat(HI));
    assert.deepEqual([fault.code, mock.asked.length], ['quota', 3]);
    assert.ok(fault.retryAt > Date.now() + 30_000 && fault.retryAt <= Date.now() + 60_000);
  });

  test('of tokens hold by the guess first, and by the server\'s count then', async () => {
    const gate = held();
    const provider = await provide(gate.answer, limits({ tokensPerMinute: 1_000, maxWait: 1_000 }));
    const first = provider.chat({ ...HI, maxTokens: 900 });
    await waitFor(() => gate.count === 1);
    assert.equal((await faultOf(provider.chat({ ...HI, maxTokens: 900 }))).code, 'quota');
    gate.next();
    // It used 8.
    assert.equal((await first).usage.totalTokens, 8);
    const second = provider.chat({ ...HI, maxTokens: 900 });
    await waitFor(() => gate.count === 1);
    gate.next();
    await second;
    const large = await faultOf(provider.chat({ ...HI, maxTokens: 1_001 }));
    assert.equal(large.code, 'too_large');
  });

  test('of the server hold too', async () => {
    const provider = await provide(({ response }) => json(response, 200, whole(), { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1m0s' }), limits({ maxWait: 1_000 }));
    await provider.chat(HI);
    const fault = await faultOf(provider.chat(HI));
    assert.deepEqual([fault.code, mock.asked.length], ['quota', 1]);
  });

  test('of requests at a time, in the queue, and in the order of priority', async () => {
    const gate = held();
    const provider = await provide(gate.answer, limits({ concurrentRequests: 1, maxQueueSize: 10 }));
    const order = [];
    const ask = (name, priority) => provider.chat({ ...HI, priority, parameters: { name } }).then(() => order.push(name), () => undefined);
    const all = [ask('first')];
    await waitFor(() => gate.count === 1);
    for (let at = 0; at < 8; at += 1) all.push(ask(`low${at}`, 'low'));
    all.push(ask('normal'), ask('high', 'high'));
    await waitFor(() => provider.stats().waiting === 10);
    assert.equal(provider.stats().running, 1);
    const full = await faultOf(provider.chat(HI));
    assert.deepEqual([full.code, full.retryable], ['queue_full', true]);
    for (let at = 0; at < 11; at += 1) {
      await waitFor(() => gate.count === 1);
      gate.next();
    }
    await Promise.all(all);
    assert.deepEqual(order, ['first', 'high', 'normal', ...Array.from({ length: 8 }, (_, at) => `low${at}`)]);
    assert.deepEqual(mock.asked.map(({ body }) => body.name), order);
  });

  test('let go of a place when its request is cancelled, waiting or running', async () => {
    const gate = held();
    const provider = await provide(gate.answer, limits({ concurrentRequests: 1 }));
    const running = new AbortController();
    const waiting = new AbortController();
    const first = faultOf(provider.chat({ ...HI, signal: running.signal }));
    await waitFor(() => gate.count === 1);
    const second = faultOf(provider.chat({ ...HI, signal: waiting.signal, parameters: { name: 'second' } }));
    const third = provider.chat({ ...HI, parameters: { name: 'third' } });
    waiting.abort();
    assert.equal((await second).code, 'cancelled');
    running.abort();
    assert.equal((await first).code, 'cancelled');
    await waitFor(() => gate.count === 2);
    assert.equal(mock.asked[1].body.name, 'third');
    json(mock.asked[1].response, 200, whole());
    await third;
    assert.equal(mock.asked.length, 2);
  });

  test('leave an endpoint alone that is down', async () => {
    const provider = await provide(({ response }) => json(response, 500, {}), ONE);
    for (let at = 0; at < 5; at += 1) await faultOf(provider.chat(HI));
    const fault = await faultOf(provider.chat(HI));
    assert.deepEqual([fault.code, mock.asked.length], ['circuit_open', 5]);
    assert.ok(fault.retryAt > Date.now() - 60_000);
  });
});

describe('budgets', () => {
  test('of a day: alerts, the end, and a second run', async () => {
    const alerts = [];
    let told = 0;
    const budget = { budget: { tokensPerDay: 16, costPerMonth: 5 } };
    const provider = await provide(() => whole(), budget, { onAlert: (alert) => alerts.push(alert), onUsage: () => {
      told += 1;
    } });
    await provider.chat(HI);
    await provider.chat(HI);
    assert.deepEqual(alerts, [
      { kind: 'threshold', measure: 'tokens', period: 'day', percent: 50, used: 8, limit: 16 },
      { kind: 'threshold', measure: 'tokens', period: 'day', percent: 100, used: 16, limit: 16 },
    ]);
    assert.equal(told, 2);
    const fault = await faultOf(provider.chat(HI));
    const midnight = Math.ceil(Date.now() / 86_400_000) * 86_400_000;
    assert.deepEqual([fault.code, fault.retryAt, mock.asked.length], ['quota', midnight, 2]);
    const kept = provider.budgetSnapshot();
    const again = await provide(() => whole(), budget, { budget: kept });
    assert.deepEqual(again.stats().day, provider.stats().day);
    assert.equal((await faultOf(again.chat(HI))).code, 'quota');
    assert.equal((await faultOf(createProvider(config(mock.url), { budget: '{}' }))).code, 'bad_config');
  });

  test('count what an answer without usage is guessed to have used', async () => {
    const provider = await provide(({ response }) => {
      const out = stream(response);
      out.send(delta('x'.repeat(3_000)));
      out.send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
      out.end();
    });
    const { usage } = await provider.streamChat(HI).answer();
    assert.ok(usage.estimated && usage.completionTokens > 500 && usage.completionTokens < 3_001, JSON.stringify(usage));
    assert.equal(provider.stats().day.estimatedTokens, usage.totalTokens);
  });

  test('a listener that throws breaks no request, and is heard of', async () => {
    mock.set(() => whole());
    const script = `import { createProvider } from ${JSON.stringify(new URL('../../dist/provider.js', import.meta.url).href)};
process.on('uncaughtException', (error) => console.log('heard', error.message));
const provider = await createProvider(${JSON.stringify(config(mock.url))}, { onUsage() { throw new Error('mine'); } });
console.log((await provider.chat(${JSON.stringify(HI)})).text);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    assert.deepEqual(stdout.trim().split('\n').sort(), ['Hello', 'heard mine']);
  });

  test('figures of a model', async () => {
    const provider = await provide((asked) => say(asked));
    assert.equal(provider.figures('m-1'), undefined);
    await provider.streamChat(HI).answer();
    mock.set(({ response }) => json(response, 500, {}));
    const strict = await createProvider(config(mock.url, ONE));
    made.push(strict);
    await faultOf(strict.chat(HI));
    assert.deepEqual([strict.figures('m-1').requests, strict.figures('m-1').errorRate], [1, 1]);
    const figures = provider.figures('m-1');
    assert.deepEqual([figures.requests, figures.errorRate], [1, 0]);
    assert.ok(figures.firstTokenP50 >= 0);
  });
});
