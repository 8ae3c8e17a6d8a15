// OAuth through the package: a token endpoint that rotates, and forgives nothing.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createProvider, finishLogin, openVault, ProviderError, startLogin } from '../../dist/provider.js';
import { config, HI, json, startMock, whole } from './mock.mjs';

const PLACE = (url) => `tokens ${JSON.stringify([url, 'app'])}`;
/** @type {Awaited<ReturnType<typeof startMock>>} */
let mock;
/** What the endpoint knows: each refresh token works once. */
let issued;

/** @param {import('./mock.mjs').Asked} asked */
function answer({ path, headers, text, response }) {
  if (path !== '/token') {
    const token = headers.authorization?.replace('Bearer ', '');
    return issued.good.has(token) ? whole() : json(response, 401, { error: { message: 'expired', code: 'invalid_api_key' } });
  }
  const fields = Object.fromEntries(new URLSearchParams(text));
  issued.asked.push(fields);
  const fits = {
    refresh_token: () => issued.refresh === fields.refresh_token,
    client_credentials: () => fields.client_secret === 'own-secret',
    authorization_code: () => fields.code === 'code-1' && createHash('sha256').update(fields.code_verifier ?? '').digest('base64url') === issued.challenge,
  }[fields.grant_type]?.();
  if (issued.down) return json(response, 503, {});
  if (!fits) return json(response, 400, { error: 'invalid_grant' });
  issued.count += 1;
  const access = `access-canary-${issued.count}`;
  issued.good = new Set([access]);
  issued.refresh = fields.grant_type === 'client_credentials' ? '' : `refresh-canary-${issued.count}`;
  return { access_token: access, expires_in: issued.life, token_type: 'Bearer', ...(issued.refresh && { refresh_token: issued.refresh }) };
}

before(async () => {
  mock = await startMock(() => undefined);
});
after(() => mock?.close());
beforeEach(() => {
  issued = { good: new Set(), refresh: 'refresh-canary-0', count: 0, asked: [], life: 3_600, down: false };
  mock.set((asked) => answer({ ...asked, text: asked.text, body: undefined }));
});

const token = () => mock.url.replace('/v1', '/token');
/** @param {import('../../dist/provider/index.js').Vault} vault @param {object} [more] */
const provide = (vault, more) => createProvider(config(mock.url, { auth: { type: 'oauth', clientId: 'app', tokenUrl: token(), ...more }, retry: { maxTries: 1 } }), { vault });
/** A vault with tokens that were made before. */
async function filled({ expired = true } = {}) {
  const vault = await openVault({ keep: 'memory' });
  const now = Date.now();
  await vault.set(PLACE(token()), JSON.stringify({ access: 'access-canary-0', refresh: 'refresh-canary-0', expiresAt: now + (expired ? 0 : 3_600_000), issuedAt: now - 3_600_000, generation: 1 }));
  return vault;
}
/** @param {Promise<unknown>} promise @returns {Promise<ProviderError>} */
const faultOf = (promise) => promise.then((value) => assert.fail(`no fault: ${JSON.stringify(value)}`), (error) => {
  assert.ok(error instanceof ProviderError, String(error.stack));
  return error;
});

describe('a token', () => {
  test('that is old is refreshed once, for all who need it, and what was rotated is stored', async () => {
    const vault = await filled();
    const providers = await Promise.all([provide(vault), provide(vault)]);
    const answers = await Promise.all(providers.flatMap((provider) => [provider.chat(HI), provider.chat(HI), provider.chat(HI)]));
    assert.equal(answers.length, 6);
    assert.deepEqual(issued.asked, [{ grant_type: 'refresh_token', refresh_token: 'refresh-canary-0', client_id: 'app' }]);
    const stored = JSON.parse(await vault.get(PLACE(token())));
    assert.deepEqual([stored.access, stored.refresh, stored.generation], ['access-canary-1', 'refresh-canary-1', 2]);
  });

  test('that is good is used as it is', async () => {
    issued.good.add('access-canary-0');
    await (await provide(await filled({ expired: false }))).chat(HI);
    assert.equal(issued.asked.length, 0);
  });

  test('that the server refuses before its time is refreshed, and the request sent again', async () => {
    const provider = await provide(await filled({ expired: false }));
    assert.equal((await provider.chat(HI)).text, 'Hello');
    assert.equal(issued.asked.length, 1);
    // A server that refuses all is not asked without end.
    mock.set((asked) => (asked.path === '/token' ? answer(asked) : json(asked.response, 401, { error: { message: 'no' } })));
    assert.equal((await faultOf(provider.chat(HI))).code, 'unauthorized');
    assert.equal(mock.asked.filter(({ path }) => path !== '/token').length, 2);
  });

  test('in its last minute is refreshed', async () => {
    const vault = await filled();
    issued.life = 90;
    const provider = await provide(vault);
    await provider.chat(HI);
    const first = JSON.parse(await vault.get(PLACE(token())));
    assert.ok(first.expiresAt - first.issuedAt === 90_000);
    // Half of its life is over: not the minute, or it would never be used.
    await vault.set(PLACE(token()), JSON.stringify({ ...first, issuedAt: first.issuedAt - 60_000, expiresAt: first.expiresAt - 60_000, generation: 9 }));
    await (await provide(vault)).chat(HI);
    assert.equal(issued.asked.length, 2);
  });

  test('that cannot be had: the user signs in, or the endpoint comes back', async () => {
    const vault = await filled();
    issued.down = true;
    const provider = await provide(vault);
    const away = await faultOf(provider.chat(HI));
    assert.deepEqual([away.code, away.retryable], ['auth_unavailable', true]);
    issued.down = false;
    issued.refresh = 'another';
    const refused = await faultOf(provider.chat(HI));
    assert.deepEqual([refused.code, refused.retryable], ['login_required', false]);
    // A refresh token that was refused is not tried again.
    const asked = issued.asked.length;
    await faultOf(provider.chat(HI));
    assert.equal(issued.asked.length, asked);
    assert.equal((await faultOf((await provide(await openVault({ keep: 'memory' }))).chat(HI))).code, 'login_required');
  });

  test('from an answer without end is none', async () => {
    const provider = await provide(await filled());
    let sent = 0;
    mock.set(async ({ path, response }) => {
      if (path !== '/token') return whole();
      response.writeHead(200, { 'content-type': 'application/json' });
      for (; !response.destroyed && sent < 64 << 20; sent += 65_536) if (!response.write(' '.repeat(65_536))) await Promise.race([new Promise((resolve) => response.once('drain', resolve)), new Promise((resolve) => response.once('close', resolve))]);
      response.end('{"access_token":"x","expires_in":60}');
    });
    assert.equal((await faultOf(provider.chat(HI))).code, 'invalid_response');
    assert.ok(sent < 64 << 20, `${sent} bytes were taken`);
  });

  test('is asked for at one address: the refresh token does not go on to where a redirect leads', async () => {
    const vault = await filled();
    const provider = await provide(vault);
    mock.set(({ path, response }) => (path === '/token' ? response.writeHead(307, { location: '/elsewhere' }).end() && undefined : whole()));
    assert.equal((await faultOf(provider.chat(HI))).code, 'auth_unavailable');
    assert.deepEqual(mock.asked.map(({ path }) => path), ['/token']);
  });

  test('that cannot be stored is not lost', async () => {
    const vault = await filled();
    const { set } = vault;
    let isFull = true;
    vault.set = (name, secret) => (isFull ? Promise.reject(new Error('full')) : set(name, secret));
    const provider = await provide(vault);
    assert.equal((await faultOf(provider.chat(HI))).code, 'store_failed');
    isFull = false;
    await provider.chat(HI);
    assert.equal(issued.asked.length, 1);
    assert.equal(JSON.parse(await vault.get(PLACE(token()))).refresh, 'refresh-canary-1');
  });

  test('of a client with a secret of its own', async () => {
    const provider = await provide(await openVault({ keep: 'memory' }), { clientSecret: 'own-secret', scopes: ['a', 'b'] });
    await provider.chat(HI);
    assert.deepEqual(issued.asked, [{ grant_type: 'client_credentials', client_id: 'app', client_secret: 'own-secret', scope: 'a b' }]);
  });

  test('is in no error and not in the memory of the wasm', async () => {
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
      const copy = await import(`../../dist/provider.js?oauth=${process.pid}`);
      const provider = await copy.createProvider(config(mock.url, { auth: { type: 'oauth', clientId: 'app', tokenUrl: token() }, retry: { maxTries: 1 } }), { vault: await filled() });
      await provider.chat(HI);
      issued.refresh = 'another';
      issued.good.clear();
      const error = await provider.chat(HI).catch((thrown) => thrown);
      assert.equal(error.code, 'login_required');
      assert.ok(!`${error.stack}${JSON.stringify(error)}${JSON.stringify(provider)}`.includes('canary'));
      const memory = Buffer.from(memories[0].buffer);
      assert.ok(memory.includes(mock.url) && !memory.includes('canary'));
    } finally {
      WebAssembly.instantiate = instantiate;
    }
  });
});

describe('a login', () => {
  const storage = () => {
    const kept = new Map();
    return { kept, getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value), removeItem: (key) => void kept.delete(key) };
  };
  const options = async (more = {}) => ({ authorizeUrl: 'https://auth.example.com/authorize?x=1', tokenUrl: token(), clientId: 'app', redirectUri: 'https://app.example.com/in', scopes: ['s'], vault: await openVault({ keep: 'memory' }), storage: storage(), ...more });

  test('with PKCE, whose tokens the provider uses', async () => {
    const login = await options({ issuer: 'https://auth.example.com' });
    const { searchParams } = new URL(await startLogin(login));
    assert.deepEqual([searchParams.get('x'), searchParams.get('response_type'), searchParams.get('client_id'), searchParams.get('redirect_uri'), searchParams.get('scope'), searchParams.get('code_challenge_method')], ['1', 'code', 'app', login.redirectUri, 's', 'S256']);
    issued.challenge = searchParams.get('code_challenge');
    const state = searchParams.get('state');
    const address = `https://app.example.com/in?code=code-1&state=${state}&iss=https://auth.example.com`;
    await finishLogin(address, login);
    assert.equal(login.storage.kept.size, 0);
    assert.equal((await (await provide(login.vault)).chat(HI)).text, 'Hello');
    // Once.
    assert.equal((await faultOf(finishLogin(address, login))).code, 'login_required');
  });

  for (const [name, change] of /** @type {[string, (address: URL) => void][]} */ ([
    ['of another state', (address) => address.searchParams.set('state', 'x')],
    ['of another server', (address) => address.searchParams.set('iss', 'https://evil.example.com')],
    ['without the name of the server', (address) => address.searchParams.delete('iss')],
    ['without a code', (address) => address.searchParams.delete('code')],
    ['with another code', (address) => address.searchParams.set('code', 'x')],
  ])) {
    test(`${name} is refused, and spent`, async () => {
      const login = await options({ issuer: 'https://auth.example.com' });
      const { searchParams } = new URL(await startLogin(login));
      issued.challenge = searchParams.get('code_challenge');
      const good = new URL(`https://app.example.com/in?code=code-1&state=${searchParams.get('state')}&iss=https://auth.example.com`);
      const bad = new URL(good);
      change(bad);
      assert.equal((await faultOf(finishLogin(bad.href, login))).code, 'login_required');
      assert.equal(await login.vault.get(PLACE(token())), undefined);
      // The code goes to the token endpoint only when all else is right.
      assert.equal(issued.asked.length, Number(name === 'with another code'));
      if (name !== 'of another state') assert.equal((await faultOf(finishLogin(good.href, login))).code, 'login_required');
    });
  }
});
