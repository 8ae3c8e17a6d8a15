// An authorization server of someone else's (oidc-provider), and a model server behind it whose tokens are judged by jose.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import { LOOPBACK, listen, shut } from '../support/ports.mjs';
import { json, startMock, whole } from './mock.mjs';

export const REDIRECT = 'http://127.0.0.1:9/signed-in';
/** A client that is a page, and one that is a server. */
export const [PAGE, SERVER, SECRET] = ['page', 'server', 'secret-canary-of-a-client'];
const RESOURCE = 'https://models.example.com/';

export async function startAuthority() {
  // Its port is part of its name: it is made when that is known.
  const http = createServer();
  const port = await listen(http);
  const issuer = `http://${LOOPBACK}:${port}`;
  const { default: Authority } = await import('oidc-provider');
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: 'k-1', alg: 'RS256', use: 'sig' };
  const own = quietly(() => new Authority(issuer, {
    clients: [
      { client_id: PAGE, redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], application_type: 'native' },
      { client_id: SERVER, client_secret: SECRET, redirect_uris: [], response_types: [], grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_post' },
    ],
    jwks: { keys: [jwk] },
    cookies: { keys: ['a key of this test'] },
    pkce: { required: () => true },
    // Each refresh token works once; a second use ends the whole grant.
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    ttl: { AccessToken: 3_600, RefreshToken: 86_400, ClientCredentials: 3_600, Grant: 86_400, IdToken: 3_600, Interaction: 600, Session: 86_400 },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: 'models', audience: RESOURCE, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
      },
    },
    interactions: { url: (_, { uid }) => `/sign-in/${uid}` },
  }));
  /** @type {string[]} */
  const grants = [];
  own.on('grant.success', ({ oidc }) => grants.push(oidc.params.grant_type));
  own.on('grant.error', ({ oidc }, error) => grants.push(`${oidc.params?.grant_type} ${error.error}`));
  const handle = own.callback();
  http.on('request', async (request, response) => {
    if (!request.url?.startsWith('/sign-in/')) return handle(request, response);
    // The person signs in, and agrees.
    const { session, params, prompt } = await own.interactionDetails(request, response);
    const accountId = session?.accountId ?? 'ann';
    const grant = new own.Grant({ accountId, clientId: String(params.client_id) });
    grant.addOIDCScope('openid offline_access');
    grant.addResourceScope(RESOURCE, 'models');
    await own.interactionFinished(request, response, { login: { accountId }, ...(prompt.name === 'consent' && { consent: { grantId: await grant.save() } }) }, { mergeWithLastSubmission: true });
  });

  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
  /** @type {import('jose').JWTPayload[]} */
  const claims = [];
  const models = await startMock(async ({ headers, response }) => {
    try {
      const { payload } = await jwtVerify(headers.authorization?.replace('Bearer ', '') ?? '', keys, { issuer, audience: RESOURCE, typ: 'at+jwt', requiredClaims: ['exp', 'client_id'] });
      claims.push(payload);
      return whole();
    } catch (error) {
      return json(response, 401, { error: { message: String(error) } });
    }
  });
  return {
    issuer,
    authorizeUrl: `${issuer}/auth`,
    tokenUrl: `${issuer}/token`,
    models: models.url,
    grants,
    claims,
    /** As a browser does it: to the address that the client is sent back to. @param {string} address */
    async signIn(address) {
      const cookies = new Map();
      for (let [at, left] = [new URL(address), 10]; left > 0; left -= 1) {
        const response = await fetch(at, { redirect: 'manual', headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') } });
        for (const line of response.headers.getSetCookie()) {
          const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
          if (name !== undefined) cookies.set(name, value);
        }
        const to = response.headers.get('location');
        if (to === null) throw new Error(`${at} answered ${response.status}: ${(await response.text()).slice(0, 500)}`);
        at = new URL(to, at);
        if (at.href.startsWith(REDIRECT)) return at.href;
      }
      throw new Error('redirects without end');
    },
    async close() {
      await models.close();
      http.closeAllConnections();
      await shut(http);
      if (http.listening) await once(http, 'close');
    },
  };
}

/** It warns of settings that are for tests. @template T @param {() => T} run */
function quietly(run) {
  const { warn, info } = console;
  Object.assign(console, { warn: () => {}, info: () => {} });
  try {
    return run();
  } finally {
    Object.assign(console, { warn, info });
  }
}
