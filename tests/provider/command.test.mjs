// `npx opencode-session models|complete|usage`: what a terminal shows, and what it never does.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { KEY as LLAMA_KEY, MODELS, startLlama, TEXT, TOKENS } from '../support/llama.mjs';
import { waitFor } from '../support/wait.mjs';
import { delta, json, say, startMock, stream, usage } from './mock.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const SECRET = 'sk-environment';
/** @type {Awaited<ReturnType<typeof startMock>>} */
let mock;

before(async () => {
  mock = await startMock(() => undefined);
});
after(() => mock?.close());

/** Starts the command. @param {string[]} args @param {{ input?: string, key?: string }} [more] */
function start(args, { input, key = SECRET } = {}) {
  const child = spawn(process.execPath, [CLI, ...args], { env: { ...process.env, OPENCODE_PROVIDER_KEY: key } });
  const done = { stdout: '', stderr: '' };
  for (const name of /** @type {const} */ (['stdout', 'stderr'])) child[name].setEncoding('utf8').on('data', (text) => {
    done[name] += text;
  });
  if (input !== undefined) child.stdin.write(input);
  child.stdin.end();
  return { child, done, ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, ...done }))) };
}

/** @param {string[]} args @param {Parameters<typeof start>[1]} [more] @returns {Promise<{ code: number, stdout: string, stderr: string }>} */
async function run(args, more) {
  const { code, stdout, stderr } = await start(args, more).ended;
  // Of every run: no terminal is moved, and no key is told.
  for (const text of [stdout, stderr]) for (const never of ['\u001b', '\u009b', '\u202e', SECRET]) assert.ok(!text.includes(never), text);
  return { code, stdout, stderr };
}

describe('models', () => {
  test('lists what an endpoint has, and moves no terminal', async () => {
    mock.set(() => ({ data: [{ id: 'starcoder2-3b', context_length: 16_384, pricing: { prompt: '0.000001', completion: '0.000002' } }, { id: 'bad\u001b[2J' }] }));
    const plain = await run(['models', '--endpoint', mock.url]);
    assert.equal(plain.code, 0, plain.stderr);
    assert.match(plain.stdout, /^starcoder2-3b {2}16384 tokens {2}fim {2}\$1 in, \$2 out\n/);
    assert.equal(mock.asked[0].headers.authorization, `Bearer ${SECRET}`);
    const { stdout } = await run(['models', '--endpoint', mock.url, '--only', 'fim', '--json', '--key', 'sk-given']);
    assert.deepEqual(JSON.parse(stdout).map(({ id }) => id), ['starcoder2-3b']);
    assert.equal(mock.asked[1].headers.authorization, 'Bearer sk-given');
    await run(['models', '--endpoint', mock.url], { key: '' });
    assert.equal(mock.asked[2].headers.authorization, undefined);
  });
});

describe('complete', () => {
  const at = (...more) => ['complete', '--endpoint', mock.url, '--model', 'm-1', ...more];

  test('prints an answer as it comes', async () => {
    /** @type {ReturnType<typeof stream>} */
    let out;
    mock.set(({ response }) => {
      out = stream(response);
      out.send({ model: 'm-1', choices: [{ index: 0, text: 'Hel' }] });
    });
    const { done, ended } = start(at('--max-tokens', '9', '--temperature', '0.5', '--stop', 'A', '--stop', 'B', 'fn main'));
    // The first piece is there while the server still writes.
    await waitFor(() => done.stdout === 'Hel', { message: () => `the first piece: ${JSON.stringify(done)}` });
    out.send({ choices: [{ index: 0, text: 'lo', finish_reason: 'stop' }] });
    out.send(usage(5, 3));
    out.end();
    assert.deepEqual(await ended, { code: 0, stdout: 'Hello\n', stderr: 'stop: 5 tokens in, 3 out\n' });
    const [{ path, body, headers }] = mock.asked;
    assert.equal(path, '/v1/completions');
    assert.deepEqual([body.prompt, body.max_tokens, body.temperature, body.stop, headers.authorization], ['fn main', 9, 0.5, ['A', 'B'], `Bearer ${SECRET}`]);
  });

  test('takes the prompt from the standard input, and chats', async () => {
    mock.set((asked) => say(asked));
    const { code, stdout } = await run(at('--system', 'Be short.'), { input: 'Hi' });
    assert.deepEqual([code, stdout, mock.asked[0].path], [0, 'Hello\n', '/v1/chat/completions']);
    assert.deepEqual(mock.asked[0].body.messages, [{ role: 'system', content: 'Be short.' }, { role: 'user', content: 'Hi' }]);
    await run(at('--chat', 'Hi'));
    assert.deepEqual(mock.asked[1].body.messages, [{ role: 'user', content: 'Hi' }]);
  });

  test('gives the whole answer as JSON, which reads back as it was', async () => {
    mock.set((asked) => say(asked, ['a\u001b[2J', '\u202eb']));
    const { stdout, code } = await run(at('--chat', '--json', 'Hi'));
    const { text, usage: used, finishReason } = JSON.parse(stdout);
    assert.deepEqual([code, text, used.totalTokens, finishReason], [0, 'a\u001b[2J\u202eb', 8, 'stop']);
  });

  test('moves no terminal, and keeps letters and pictures whole over the edges of pieces', async () => {
    mock.set((asked) => say(asked, ['\u001b[2J\u001b]0;title\u0007\u009b1A', '\u202e\r', '\n👩', '\u200d', '💻 नी\u200d', 'क\r', 'x']));
    const { stdout, code } = await run(at('--chat', 'Hi'));
    assert.equal(code, 0);
    assert.ok(stdout.includes('\n👩\u200d💻 '), JSON.stringify(stdout));
    assert.ok(stdout.includes('␛[2J␛]0;title␇') && stdout.includes('␍x') && !stdout.includes('\r'), JSON.stringify(stdout));
  });

  test('takes the one model of an endpoint, and asks for its name where there are several', async () => {
    mock.set((asked) => (asked.path === '/v1/models' ? { data: [{ id: 'm-9' }] } : say(asked)));
    assert.equal((await run(['complete', '--endpoint', mock.url, '--chat', 'Hi'])).code, 0);
    assert.equal(mock.asked[1].body.model, 'm-9');
    mock.set(() => ({ data: [{ id: 'a' }, { id: 'b\u001b[2J' }] }));
    const { code, stderr } = await run(['complete', '--endpoint', mock.url, 'Hi']);
    assert.equal(code, 1);
    assert.match(stderr, /--model is missing; there are a, b/);
  });

  test('ends the request at Ctrl+C, and when nobody reads any more', async () => {
    const endless = ({ response }) => void stream(response).send(delta('x'));
    mock.set(endless);
    const one = start(at('--chat', 'Hi'));
    await waitFor(() => one.done.stdout === 'x', { message: 'the first piece' });
    one.child.kill('SIGINT');
    assert.deepEqual(await one.ended, { code: 130, stdout: 'x\n', stderr: '' });
    await mock.asked[0].closed;
    mock.set(({ response }) => {
      const out = stream(response);
      const timer = setInterval(() => out.send(delta('y'.repeat(10_000))), 5);
      response.on('close', () => clearInterval(timer));
    });
    const two = start(at('--chat', 'Hi'));
    await waitFor(() => two.done.stdout.length > 0, { message: 'the first piece' });
    two.child.stdout.destroy();
    const { code, stderr } = await two.ended;
    assert.deepEqual([code, stderr], [0, '']);
    await mock.asked[0].closed;
  });

  test('says that half an answer is one, behind it', async () => {
    mock.set(({ response }) => {
      stream(response).send(delta('Hal'));
      response.end();
    });
    const { code, stdout, stderr } = await run(at('--chat', 'Hi'));
    assert.deepEqual([code, stdout], [1, 'Hal\n']);
    assert.match(stderr, /^opencode-session: .*(broke off|ended)/);
  });

  test('reaches llama.cpp, and fills a hole', async () => {
    const llama = await startLlama('starcoder2');
    try {
      const more = ['--endpoint', llama.url, '--key', LLAMA_KEY, '--temperature', '0'];
      const whole = await run(['complete', ...more, 'hello']);
      assert.deepEqual([whole.code, whole.stdout], [0, `${TEXT}\n`], whole.stderr);
      assert.match(whole.stderr, new RegExp(`^stop: \\d+ tokens in, ${TOKENS} out\\n$`));
      const own = await llama.ask('/infill', { input_prefix: 'def add(a,', input_suffix: '\nprint()\n', temperature: 0 });
      const hole = await run(['complete', ...more, '--model', MODELS.starcoder2, '--suffix', '\nprint()\n', 'def add(a,']);
      assert.equal(hole.stdout.trimEnd(), own.content.trimEnd());
    } finally {
      await llama.close();
    }
  });
});

describe('usage', () => {
  const told = { usage: { rolling: { status: 'ok\u001b[2J', percent: 12 }, weekly: { percent: 99, resetsAt: '2026-12-01' } } };

  test('shows what the endpoint tells, value by value or as JSON', async () => {
    mock.set(() => told);
    const plain = await run(['usage', '--endpoint', mock.url]);
    assert.deepEqual([plain.code, mock.asked[0].path, mock.asked[0].headers.authorization], [0, '/v1/usage', `Bearer ${SECRET}`]);
    assert.equal(plain.stdout, 'usage.rolling.status  ok␛[2J\nusage.rolling.percent  12\nusage.weekly.percent  99\nusage.weekly.resetsAt  2026-12-01\n');
    const { stdout } = await run(['usage', '--endpoint', mock.url, '--path', '/key', '--json']);
    assert.deepEqual(JSON.parse(stdout), told);
    assert.equal(mock.asked[1].path, '/v1/key');
  });

  test('says where there is none', async () => {
    mock.set(({ response }) => json(response, 404, { error: { message: 'no such route' } }));
    const { code, stderr } = await run(['usage', '--endpoint', mock.url]);
    assert.equal(code, 1);
    assert.match(stderr, /no such route/);
  });
});

describe('what is wrong', () => {
  beforeEach(() => mock.set(({ response }) => json(response, 401, { error: { message: 'bad \u001b[2Jkey' } })));

  for (const [name, args, code, said] of /** @type {[string, (url: string) => string[], number, RegExp][]} */ ([
    ['the key', (url) => ['models', '--endpoint', url], 1, /bad .*key.*Check the key/],
    ['the key of a completion', (url) => ['complete', '--endpoint', url, '--model', 'm', 'Hi'], 1, /bad .*key.*Check the key/],
    ['the key for usage', (url) => ['usage', '--endpoint', url], 1, /bad .*key.*Check the key/],
    ['no endpoint', () => ['complete', 'Hi'], 2, /--endpoint is missing/],
    ['no address', () => ['models', '--endpoint', 'nowhere'], 2, /apiEndpoint must be/],
    ['no such ability', (url) => ['models', '--endpoint', url, '--only', 'x'], 2, /--only wants/],
    ['no such option', () => ['usage', '--odd'], 2, /usage:/],
    ['no prompt', (url) => ['complete', '--endpoint', url], 2, /the prompt is missing/],
    ['two prompts', (url) => ['complete', '--endpoint', url, 'a', 'b'], 2, /b is too much/],
    ['a hole in a chat', (url) => ['complete', '--endpoint', url, '--chat', '--suffix', 'x', 'Hi'], 2, /give one of them/],
    ['no number', (url) => ['complete', '--endpoint', url, '--max-tokens', '-1', 'Hi'], 2, /max-tokens/],
    ['a wait of years', (url) => ['complete', '--endpoint', url, '--patience', '1e9', 'Hi'], 2, /--patience wants/],
    ['a path that is none', (url) => ['usage', '--endpoint', url, '--path', ''], 2, /paths\.usage/],
  ])) {
    test(name, async () => {
      const done = await run(args(mock.url));
      assert.equal(done.code, code, done.stderr);
      assert.match(done.stderr, said);
      assert.equal(done.stdout, '');
    });
  }
});
