// Signed tokens: judged by Node's own crypto, with keys of every kind; and keys, which are nowhere but in the header.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { createProvider, ProviderError } from '../../dist/provider.js';
import { config, HI, json, KEY, startMock, whole } from './mock.mjs';

/** @type {Awaited<ReturnType<typeof startMock>>} */
let mock;

before(async () => {
  mock = await startMock(() => whole());
});
after(() => mock?.close());

/** @param {Promise<unknown>} promise @returns {Promise<ProviderError>} */
const faultOf = (promise) => promise.then((value) => assert.fail(`no fault: ${JSON.stringify(value)}`), (error) => {
  assert.ok(error instanceof ProviderError, String(error.stack));
  return error;
});
const pem = (/** @type {import('node:crypto').KeyObject} */ key, type = 'pkcs8') => key.export({ type: /** @type {any} */ (type), format: 'pem' }).toString();
const pair = (algorithm) => (algorithm.startsWith('RS') ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve: { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[algorithm] }));
const part = (text) => JSON.parse(Buffer.from(text, 'base64url').toString());
const jwt = (privateKey, more = {}) => config(mock.url, { auth: { type: 'jwt', privateKey, ...more } });

describe('a signed token', () => {
  for (const algorithm of ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512']) {
    test(algorithm, async () => {
      const { privateKey, publicKey } = pair(algorithm);
      const provider = await createProvider(jwt(pem(privateKey), { algorithm, subject: 's', audience: 'a', expiresIn: 600 }));
      mock.set(() => whole());
      await provider.chat(HI);
      await provider.chat(HI);
      const [first, second] = mock.asked.map(({ headers }) => headers.authorization);
      // It is signed once for all that come in its time.
      assert.equal(first, second);
      const [head, claims, signature] = first.replace('Bearer ', '').split('.');
      assert.deepEqual(part(head), { alg: algorithm, typ: 'JWT' });
      const { iat, exp, ...rest } = part(claims);
      assert.deepEqual(rest, { sub: 's', aud: 'a' });
      assert.equal(exp - iat, 600);
      assert.ok(Math.abs(iat - Date.now() / 1_000) < 60);
      const key = { key: createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })), dsaEncoding: /** @type {const} */ ('ieee-p1363') };
      assert.ok(verify(`sha${algorithm.slice(2)}`, Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url')));
      provider.dispose();
    });
  }

  test('of a key of another form or kind is refused, with the command', async () => {
    const rsa = pair('RS256').privateKey;
    const encrypted = rsa.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
    for (const [key, algorithm, hint] of [
      [pem(rsa, 'pkcs1'), 'RS256', /openssl pkcs8 -topk8/],
      [pem(pair('ES256').privateKey, 'sec1'), 'ES256', /openssl pkcs8 -topk8/],
      [encrypted, 'RS256', /openssl pkcs8 -in/],
      [pem(rsa), 'ES256', /P-256/],
      [pem(pair('ES384').privateKey), 'ES256', /P-256/],
      ['hunter2', 'RS256', /BEGIN PRIVATE KEY/],
    ]) {
      const provider = await createProvider(jwt(key, { algorithm }));
      mock.set(() => whole());
      const fault = await faultOf(provider.chat(HI));
      assert.equal(fault.code, 'bad_key');
      assert.match(fault.hint, hint);
      const secret = key.split('\n')[1] ?? key;
      assert.ok(!`${fault.message}${fault.hint}${fault.stack}`.includes(secret));
      assert.equal(mock.asked.length, 0);
      provider.dispose();
    }
  });

  test('that the server refuses once it is old is signed anew, once', async (context) => {
    const provider = await createProvider(jwt(pem(pair('ES256').privateKey), { algorithm: 'ES256' }));
    let begin = Date.now();
    context.mock.method(Date, 'now', () => begin);
    mock.set(() => whole());
    await provider.chat(HI);
    begin += 120_000;
    mock.set(({ response }) => (mock.asked.length === 1 ? json(response, 401, { error: { message: 'no' } }) : whole()));
    assert.equal((await provider.chat(HI)).text, 'Hello');
    assert.notEqual(mock.asked[0].headers.authorization, mock.asked[1].headers.authorization);
    // One that is refused at once is not the token's fault.
    mock.set(({ response }) => json(response, 401, { error: { message: 'no' } }));
    assert.equal((await faultOf(provider.chat(HI))).code, 'unauthorized');
    assert.equal(mock.asked.length, 1);
    provider.dispose();
  });
});

describe('a secret', () => {
  test('is in the header alone: in no error, no body, no address, and not in the memory of the wasm', async () => {
    const { privateKey } = pair('RS256');
    const body = pem(privateKey).split('\n')[3];
    // The wasm's memory, as the instance that the package makes has it.
    const memories = [];
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = /** @type {any} */ (async (...args) => {
      const made = await instantiate.apply(WebAssembly, /** @type {any} */ (args));
      const { exports } = made.instance ?? made;
      // Node's own fetch has a wasm too.
      if ('engine_new' in exports) memories.push(exports.memory);
      return made;
    });
    try {
      // A copy of the package of its own: the first one has its instance already.
      const copy = await import(`../../dist/provider.js?canary=${process.pid}`);
      const printed = [];
      for (const auth of [{ type: 'api-key', apiKey: KEY }, { type: 'jwt', privateKey: pem(privateKey) }]) {
        const provider = await copy.createProvider(config(mock.url, { auth, headers: { 'x-secret': KEY }, retry: { maxTries: 1 } }));
        // At once: what is freed is soon written over.
        for (const secret of [KEY, body]) assert.ok(!Buffer.from(memories[0].buffer).includes(secret), 'a secret was in the memory of the wasm');
        mock.set(({ path }) => (path.endsWith('/models') ? { data: [{ id: 'm-1' }] } : whole()));
        await provider.models();
        await provider.chat({ ...HI, headers: { 'x-other': KEY } });
        assert.ok(mock.asked.every(({ headers }) => headers['x-secret'] === KEY && headers.authorization.startsWith('Bearer ')));
        printed.push(...mock.asked.map(({ text, path, query }) => `${text} ${path} ${query}`));
        for (const answer of [401, 403, 429, 500]) {
          mock.set(({ response }) => json(response, answer, {}));
          const error = await provider.chat(HI).catch((thrown) => thrown);
          printed.push(error.stack, JSON.stringify(error), error.hint);
        }
        printed.push(JSON.stringify(provider), provider.budgetSnapshot(), JSON.stringify(provider.stats()));
        provider.dispose();
      }
      const wrong = await copy.createProvider(config(mock.url, { auth: { type: 'api-key', apiKey: `${KEY}\nx` } })).then((provider) => provider.chat(HI)).catch((thrown) => thrown);
      assert.equal(wrong.code, 'bad_request');
      printed.push(wrong.stack, wrong.hint);
      for (const text of printed) for (const secret of [KEY, body]) assert.ok(!text.includes(secret), text.slice(0, 200));
      assert.equal(memories.length, 1);
      const memory = Buffer.from(memories[0].buffer);
      // What is not secret is there: the memory is the right one.
      assert.ok(memory.includes('m-1') && memory.includes(mock.url));
      for (const secret of [KEY, body]) assert.ok(!memory.includes(secret), 'a secret is in the memory of the wasm');
    } finally {
      WebAssembly.instantiate = instantiate;
    }
  });

  test('the file of the package has the schema of the configuration', async () => {
    const schema = JSON.parse(await readFile(new URL('../../dist/provider-schema.json', import.meta.url), 'utf8'));
    assert.deepEqual(schema.required, ['apiEndpoint', 'auth', 'rateLimits']);
    assert.ok(JSON.stringify(schema).length > 3_000);
  });
});
