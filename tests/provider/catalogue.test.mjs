// A catalogue of models by its address: what is asked, and that nothing but the catalogue is lost when it fails.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createProvider, ProviderError } from '../../dist/provider.js';
import { config, HI, json, startMock, whole } from './mock.mjs';

/** @type {Awaited<ReturnType<typeof startMock>>} */
let mock;
/** @type {Awaited<ReturnType<typeof startMock>>} */
let file;
/** @type {import('../../dist/provider/index.js').Provider[]} */
const made = [];

before(async () => {
  mock = await startMock(({ path }) => (path.endsWith('/models') ? { data: [{ id: 'm-1' }] } : whole()));
  file = await startMock(() => undefined);
});
after(async () => {
  for (const provider of made) provider.dispose();
  await Promise.all([mock.close(), file.close()]);
});

const CATALOGUE = { p: { models: { 'm-1': { cost: { input: 1, output: 2 }, tool_call: true, limit: { context: 1_000, output: 99 } } } } };
/** @param {import('./mock.mjs').Answerer} answer @param {object} [more] */
async function provide(answer, more = {}) {
  file.set(answer);
  /** @type {unknown[]} */
  const errors = [];
  const catalogue = { url: `${file.url}/api.json`, provider: 'p', onError: (/** @type {Error} */ error) => void errors.push(error), ...more };
  const provider = await createProvider(config(mock.url), { catalogue });
  made.push(provider);
  return { provider, errors };
}

test('is asked for once, without a key, and completes the list', async () => {
  const { provider, errors } = await provide(() => CATALOGUE);
  assert.equal(file.asked.length, 0, 'before anybody wants to know');
  const lists = await Promise.all([provider.models(), provider.models()]);
  const [{ price, tools, contextWindow }] = lists[1];
  assert.deepEqual([price.input, price.output, tools, contextWindow], [1, 2, true, 1_000]);
  assert.equal((await provider.model('m-1')).outputLimit, 99);
  assert.deepEqual([file.asked.length, errors], [1, []]);
  const { headers, path, method } = file.asked[0];
  assert.deepEqual([method, path, headers.authorization, headers.cookie], ['GET', '/v1/api.json', undefined, undefined]);
  // What a request costs is known then.
  assert.equal((await provider.chat(HI)).usage.cost, (5 + 3 * 2) / 1e6);
});

for (const [name, code, answer] of /** @type {[string, string, import('./mock.mjs').Answerer][]} */ ([
  ['is not there', 'invalid_response', ({ response }) => json(response, 404, {})],
  ['is a page', 'bad_config', ({ response }) => void response.end('<html>')],
  ['has no such provider', 'bad_config', () => ({ q: CATALOGUE.p })],
  ['breaks off', 'unreachable', ({ response }) => {
    response.writeHead(200).write('{"p":');
    setImmediate(() => response.destroy());
  }],
  ['has moved', 'unreachable', ({ path, response }) => (path.endsWith('moved') ? CATALOGUE : void response.writeHead(302, { location: `${file.url}/moved` }).end())],
  ['never ends', 'too_large', ({ response }) => {
    const more = () => {
      while (!response.destroyed && response.write(' '.repeat(65_536)));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  }],
])) {
  test(`that ${name} costs the catalogue alone, and says so once`, async () => {
    const { provider, errors } = await provide(answer);
    const [model] = await provider.models();
    assert.deepEqual([model.id, model.price], ['m-1', undefined]);
    await provider.models();
    assert.equal((await provider.chat(HI)).text, 'Hello');
    assert.deepEqual(errors.map((error) => error instanceof ProviderError && error.code), [code]);
    assert.deepEqual(file.asked.map(({ path }) => path), ['/v1/api.json']);
  });
}

test('does not end a request with what its listener throws', async () => {
  file.set(({ response }) => json(response, 500, {}));
  const options = { catalogue: { url: `${file.url}/api.json`, provider: 'p' } };
  const script = `
    import { createProvider } from ${JSON.stringify(new URL('../../dist/provider.js', import.meta.url).href)};
    process.on('uncaughtException', ({ message }) => console.log(message));
    const { catalogue } = ${JSON.stringify(options)};
    const provider = await createProvider(${JSON.stringify(config(mock.url))}, { catalogue: { ...catalogue, onError: () => { throw new Error('of the listener'); } } });
    console.log((await provider.models()).length);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  assert.deepEqual(stdout.trim().split('\n').sort(), ['1', 'of the listener']);
});

test('that is given as an object has to have the provider', async () => {
  const fault = await createProvider(config(mock.url), { catalogue: { data: CATALOGUE, provider: 'other' } }).catch((error) => error);
  assert.deepEqual([fault.code, /other/.test(fault.message)], ['bad_config', true]);
});
