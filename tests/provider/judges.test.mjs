// Login, tokens and signatures, judged by those who know the rules: an authorization server (oidc-provider), a client that follows them to
// the letter (oauth4webapi), and a library that verifies tokens (jose).
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import { createProvider, finishLogin, openVault, ProviderError, startLogin } from '../../dist/provider.js';
import { PAGE, REDIRECT, SECRET, SERVER, startAuthority } from './authority.mjs';
import { config, HI, startMock, whole } from './mock.mjs';

/** @type {Awaited<ReturnType<typeof startAuthority>>} */
let authority;
/** What it says of itself, as the judge reads it. @type {oauth.AuthorizationServer} */
let server;
const options = { [oauth.allowInsecureRequests]: true };
const client = { client_id: PAGE };
/** @type {import('../../dist/provider/index.js').Provider[]} */
const made = [];

before(async () => {
  authority = await startAuthority();
  const issuer = new URL(authority.issuer);
  server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...options }));
});
after(async () => {
  for (const provider of made) provider.dispose();
  await authority?.close();
});
beforeEach(() => {
  authority.grants.length = 0;
  authority.claims.length = 0;
});

const place = (id = PAGE) => `tokens ${JSON.stringify([authority.tokenUrl, id])}`;
/** @param {import('../../dist/provider/index.js').Vault} vault @param {object} [auth] */
async function provide(vault, auth = {}) {
  const provider = await createProvider(config(authority.models, { auth: { type: 'oauth', clientId: PAGE, tokenUrl: authority.tokenUrl, ...auth }, retry: { maxTries: 1 } }), { vault });
  made.push(provider);
  return provider;
}
/** @param {import('../../dist/provider/index.js').Vault} vault */
const stored = async (vault) => JSON.parse((await vault.get(place())) ?? 'null');
/** The access token's time is over. @param {import('../../dist/provider/index.js').Vault} vault @param {object} [more] */
async function spoil(vault, more = {}) {
  const tokens = await stored(vault);
  await vault.set(place(), JSON.stringify({ ...tokens, expiresAt: Date.now() - 1, ...more }));
  return tokens;
}
/** @param {Promise<unknown>} promise @returns {Promise<ProviderError>} */
const faultOf = (promise) => promise.then((value) => assert.fail(`no fault: ${JSON.stringify(value)}`), (error) => {
  assert.ok(error instanceof ProviderError, String(error.stack));
  return error;
});
async function begun() {
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value), removeItem: (key) => void kept.delete(key) };
  const login = { authorizeUrl: authority.authorizeUrl, tokenUrl: authority.tokenUrl, clientId: PAGE, redirectUri: REDIRECT, scopes: ['openid', 'offline_access', 'models'], issuer: authority.issuer, vault: await openVault({ keep: 'memory' }), storage };
  const address = new URL(await startLogin(login));
  const [verifier] = kept.values();
  // A client without a screen gets a refresh token only when the person is asked.
  address.searchParams.set('prompt', 'consent');
  return { login, address, verifier };
}
async function signedIn() {
  const { login, address } = await begun();
  await finishLogin(await authority.signIn(address.href), login);
  return login.vault;
}

describe('a login at oidc-provider', () => {
  test('is what the judge would have asked, and brings tokens that are taken', async () => {
    const { login, address, verifier } = await begun();
    const { searchParams } = address;
    assert.equal(searchParams.get('code_challenge'), await oauth.calculatePKCECodeChallenge(verifier));
    assert.equal(searchParams.get('code_challenge_method'), 'S256');
    assert.ok(verifier.length >= 43 && verifier.length <= 128 && (searchParams.get('state') ?? '').length >= 43);
    const back = await authority.signIn(address.href);
    // The judge takes the same answer for the same state, and no other.
    assert.ok(oauth.validateAuthResponse(server, client, new URL(back), searchParams.get('state') ?? ''));
    assert.throws(() => oauth.validateAuthResponse(server, client, new URL(back), 'another'));
    await finishLogin(back, login);
    assert.equal((await (await provide(login.vault)).chat(HI)).text, 'Hello');
    assert.deepEqual(authority.grants, ['authorization_code']);
    assert.deepEqual([authority.claims[0].client_id, authority.claims[0].sub, authority.claims[0].scope], [PAGE, 'ann', 'models']);
    const { access, refresh, expiresAt } = await stored(login.vault);
    assert.ok(access.split('.').length === 3 && refresh.length > 20 && Math.abs(expiresAt - Date.now() - 3_600_000) < 60_000);
  });

  test('with another verifier, or a second time, is refused by the server', async () => {
    const { login, address } = await begun();
    const back = await authority.signIn(address.href);
    login.storage.setItem(`opencode-session login ${address.searchParams.get('state')}`, oauth.generateRandomCodeVerifier());
    assert.equal((await faultOf(finishLogin(back, login))).code, 'login_required');
    assert.deepEqual(authority.grants, ['authorization_code invalid_grant']);
    assert.equal(await login.vault.get(place()), undefined);
  });
});

describe('tokens of oidc-provider', () => {
  test('are refreshed once for all who wait, and the rotated one is stored', async () => {
    const vault = await signedIn();
    const before = await spoil(vault);
    const providers = await Promise.all([provide(vault), provide(vault), provide(vault)]);
    const answers = await Promise.all(providers.flatMap((provider) => [1, 2, 3, 4].map(() => provider.chat(HI))));
    assert.ok(answers.length === 12 && answers.every(({ text }) => text === 'Hello'));
    assert.deepEqual(authority.grants, ['authorization_code', 'refresh_token']);
    assert.equal(new Set(authority.claims.map(({ jti }) => jti)).size, 1);
    const { access, refresh } = await stored(vault);
    assert.ok(access !== before.access && refresh !== before.refresh);
  });

  test('last over twenty refreshes: none is sent twice, for that would end the grant', async () => {
    const vault = await signedIn();
    for (let round = 0; round < 20; round += 1) {
      await spoil(vault);
      // Half of them are new, as after a reload of the page.
      await Promise.all([(await provide(vault)).chat(HI), made.at(-2)?.chat(HI)].slice(0, 1 + (round % 2)));
    }
    assert.ok(authority.grants.every((grant) => !grant.includes(' ')), authority.grants.join());
    assert.equal(authority.grants.filter((grant) => grant === 'refresh_token').length, 20);
  });

  test('are as good for the judge, whose use of one is noticed', async () => {
    const vault = await signedIn();
    const { refresh } = await spoil(vault);
    const response = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), refresh, options);
    const theirs = await oauth.processRefreshTokenResponse(server, client, response);
    assert.ok(theirs.access_token.length > 20 && theirs.refresh_token !== refresh);
    // The token that lies in the vault was used by somebody else: the person has to sign in.
    assert.equal((await faultOf((await provide(vault)).chat(HI))).code, 'login_required');
    assert.deepEqual(authority.grants, ['authorization_code', 'refresh_token', 'refresh_token invalid_grant']);
  });

  test('of a client with a secret are those that the judge gets', async () => {
    const provider = await provide(await openVault({ keep: 'memory' }), { clientId: SERVER, clientSecret: SECRET, scopes: ['models'] });
    assert.equal((await provider.chat(HI)).text, 'Hello');
    const own = { client_id: SERVER };
    const response = await oauth.clientCredentialsGrantRequest(server, own, oauth.ClientSecretPost(SECRET), { scope: 'models' }, options);
    const theirs = await oauth.processClientCredentialsResponse(server, own, response);
    assert.equal((await fetch(`${authority.models}/chat/completions`, { method: 'POST', body: '{}', headers: { authorization: `Bearer ${theirs.access_token}` } })).status, 200);
    const [ours, judged] = authority.claims.map(({ client_id: id, aud, scope }) => ({ id, aud, scope }));
    assert.deepEqual(ours, judged);
    const wrong = await provide(await openVault({ keep: 'memory' }), { clientId: SERVER, clientSecret: 'wrong-canary' });
    const error = await faultOf(wrong.chat(HI));
    assert.ok(!`${error.stack}${error.hint}`.includes('canary'));
    assert.equal(authority.grants.at(-1), 'client_credentials invalid_client');
  });
});

describe('a signed token, for jose', () => {
  for (const algorithm of ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512']) {
    test(algorithm, async () => {
      const namedCurve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[algorithm];
      const { privateKey, publicKey } = namedCurve === undefined ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve });
      const mock = await startMock(() => whole());
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const provider = await createProvider(config(mock.url, { auth: { type: 'jwt', privateKey: pem, algorithm, subject: 's', audience: 'a', expiresIn: 600 } }));
      await provider.chat(HI);
      const token = mock.asked[0].headers.authorization?.replace('Bearer ', '') ?? '';
      const { payload } = await jwtVerify(token, publicKey, { algorithms: [algorithm], subject: 's', audience: 'a', maxTokenAge: 60, requiredClaims: ['exp', 'iat'] });
      assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 600);
      assert.deepEqual(decodeProtectedHeader(token), { alg: algorithm, typ: 'JWT' });
      const another = namedCurve === undefined ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve });
      await assert.rejects(jwtVerify(token, another.publicKey));
      provider.dispose();
      await mock.close();
    });
  }
});
