// The provider's keys, tokens and signatures in the chat client.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createClient } from '../../dist/node.js';
import { clientAuth, openVault, ProviderError } from '../../dist/provider.js';
import { json, startMock } from './mock.mjs';

/** A chat server, and a token endpoint beside it. @type {Awaited<ReturnType<typeof startMock>>} */
let mock;
/** @type {import('../../dist/index.js').Client[]} */
const made = [];
/** What the server lets in. @type {(token: string | undefined) => boolean} */
let isGood;
/** @type {string[]} */
let refreshes;

before(async () => {
  mock = await startMock(({ path, text, headers, response }) => {
    if (path.endsWith('/token')) {
      refreshes.push(new URLSearchParams(text).get('refresh_token') ?? '');
      return { access_token: `access-${refreshes.length}`, refresh_token: `refresh-${refreshes.length}`, expires_in: 3_600, token_type: 'Bearer' };
    }
    if (!isGood(headers.authorization)) return json(response, 401, {});
    return { healthy: true, version: '1.17.0' };
  });
});
after(async () => {
  for (const client of made) await client.close();
  await mock.close();
});

/** @param {import('../../dist/provider/index.js').ProviderAuth} auth @param {object} [options] */
async function connect(auth, options) {
  mock.asked.length = 0;
  refreshes = [];
  const client = await createClient({ baseUrl: mock.url.replace('/v1', ''), identity: 'ada', ...(await clientAuth(auth, options)) });
  made.push(client);
  return client;
}
const sent = () => mock.asked.filter(({ path }) => path.endsWith('/health')).map(({ headers }) => headers.authorization);
const oauth = () => /** @type {const} */ ({ type: 'oauth', clientId: 'app', tokenUrl: `${mock.url}/token` });
/** @param {number} left milliseconds until the token ends */
async function filled(left) {
  const vault = await openVault({ keep: 'memory' });
  const now = Date.now();
  await vault.set(`tokens ${JSON.stringify([`${mock.url}/token`, 'app'])}`, JSON.stringify({ access: 'access-0', refresh: 'refresh-0', expiresAt: now + left, issuedAt: now - 3_600_000, generation: 1 }));
  return vault;
}

describe('the chat client', () => {
  test('sends an API key', async () => {
    isGood = (token) => token === 'Bearer sk-1';
    const client = await connect({ type: 'api-key', apiKey: 'sk-1' });
    assert.equal((await client.health()).healthy, true);
    assert.ok(sent().every((token) => token === 'Bearer sk-1') && sent().length > 0);
  });

  test('sends nothing where there is no key', async () => {
    isGood = (token) => token === undefined;
    assert.equal((await (await connect({ type: 'none' })).health()).healthy, true);
  });

  test('has an OAuth token refreshed before its end, once', async () => {
    isGood = (token) => token === 'Bearer access-1';
    const vault = await filled(30_000);
    const client = await connect(oauth(), { vault });
    await Promise.all([client.health(), client.health(), client.health()]);
    assert.deepEqual(refreshes, ['refresh-0']);
    assert.ok(sent().every((token) => token === 'Bearer access-1'));
  });

  test('has an OAuth token refreshed that the server refuses', async () => {
    isGood = (token) => token === 'Bearer access-1';
    const client = await connect(oauth(), { vault: await filled(3_600_000) });
    assert.equal((await client.health()).healthy, true);
    assert.deepEqual(refreshes, ['refresh-0']);
    assert.deepEqual(sent().slice(0, 2), ['Bearer access-0', 'Bearer access-1']);
  });

  test('is told why there is no token', async () => {
    isGood = () => true;
    const errors = [];
    const client = await connect(oauth(), { vault: await openVault({ keep: 'memory' }), onError: (error) => errors.push(error) });
    const fault = await client.health().catch((error) => error);
    assert.equal(fault.code, 'auth_failed');
    assert.ok(errors.length > 0 && errors.every(({ code }) => code === 'login_required'));
    assert.deepEqual(sent(), []);
  });

  test('sends a signed token', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    isGood = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()).sub === 'ada';
    const client = await connect({ type: 'jwt', algorithm: 'ES256', subject: 'ada', privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() });
    assert.equal((await client.health()).healthy, true);
  });

  test('refuses what is no auth, with all that is wrong, and without the key', async () => {
    const fault = await clientAuth(/** @type {any} */ ({ type: 'api-key', apikey: 'sk-canary' })).catch((error) => error);
    assert.ok(fault instanceof ProviderError);
    assert.deepEqual([fault.code, fault.problems.map(({ path, remedy }) => [path, remedy.includes('apiKey') || remedy.includes('key')])], ['bad_config', [['auth.apikey', true], ['auth.apiKey', true]]]);
    assert.ok(!JSON.stringify([fault, fault.message]).includes('canary'));
  });
});
