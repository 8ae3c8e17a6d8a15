/**
 * Signed tokens, by WebCrypto: the key is imported so that it cannot be read again.
 * @module
 */
import { base64url, encode } from '../bytes.js';
import type { Credentials } from './auth.js';
import { fault, type ProviderError } from './error.js';
import type { ProviderAuth } from './types.js';

type Jwt = Extract<ProviderAuth, { type: 'jwt' }>;

/** A token is not sent in its last minute; of one that lives shorter than two, not in its last half. Seconds. */
const MARGIN = 60;
const CURVES = { 256: 'P-256', 384: 'P-384', 512: 'P-521' } as const;

export function jwtCredentials(auth: Jwt): Credentials {
  const { privateKey, subject, audience, algorithm = 'RS256', expiresIn = 3_600 } = auth;
  let key: Promise<CryptoKey> | undefined;
  let token: { value: Promise<string>; made: number } | undefined;
  const life = expiresIn - Math.min(MARGIN, expiresIn / 2);
  const make = async (now: number): Promise<string> => {
    key ??= importKey(privateKey, algorithm);
    const claims = { ...(subject !== undefined && { sub: subject }), ...(audience !== undefined && { aud: audience }), iat: now, exp: now + expiresIn };
    const text = `${encoded(JSON.stringify({ alg: algorithm, typ: 'JWT' }))}.${encoded(JSON.stringify(claims))}`;
    const kind = algorithm.startsWith('RS') ? { name: 'RSASSA-PKCS1-v1_5' } : { name: 'ECDSA', hash: `SHA-${algorithm.slice(2)}` };
    const signature = await crypto.subtle.sign(kind, await key, new TextEncoder().encode(text));
    return `Bearer ${text}.${encoded(new Uint8Array(signature))}`;
  };
  return {
    header() {
      const now = Math.floor(Date.now() / 1_000);
      // A clock that is set back makes a token of the future of it.
      if (token === undefined || now >= token.made + life || now < token.made) {
        const value = make(now);
        const made = { value, made: now };
        token = made;
        value.catch(() => {
          if (token === made) token = undefined;
        });
      }
      return token.value;
    },
    async refused(header) {
      // Signed anew, it says the same, but for its times.
      const stale = token !== undefined && (await token.value.catch(() => '')) === header;
      const isOld = token !== undefined && Math.floor(Date.now() / 1_000) > token.made;
      if (stale) token = undefined;
      return stale && isOld;
    },
  };
}

async function importKey(pem: string, algorithm: string): Promise<CryptoKey> {
  const [, label, body] = /-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----/.exec(pem) ?? [];
  if (label !== 'PRIVATE KEY' || body === undefined) throw badKey(label);
  const size = Number(algorithm.slice(2)) as keyof typeof CURVES;
  const kind = algorithm.startsWith('RS') ? { name: 'RSASSA-PKCS1-v1_5', hash: `SHA-${size}` } : { name: 'ECDSA', namedCurve: CURVES[size] };
  try {
    const bytes = Uint8Array.from(atob(body.replace(/\s+/g, '')), (letter) => letter.charCodeAt(0));
    return await crypto.subtle.importKey('pkcs8', bytes, kind, false, ['sign']);
  } catch {
    throw fault('bad_key', `The private key is no key for ${algorithm}.`, 'Use RS256 to RS512 for RSA, and ES256, ES384 or ES512 for the curves P-256, P-384 and P-521.');
  }
}

/** Without a word of the key. */
function badKey(label: string | undefined): ProviderError {
  if (label === 'ENCRYPTED PRIVATE KEY') return fault('bad_key', 'The private key has a password.', 'Decrypt it first: openssl pkcs8 -in key.pem -out pkcs8.pem');
  if (label !== undefined) return fault('bad_key', `The private key is ${label}, not PKCS#8.`, 'Convert it: openssl pkcs8 -topk8 -nocrypt -in key.pem -out pkcs8.pem');
  return fault('bad_key', 'The private key is not PEM.', 'Give the text from -----BEGIN PRIVATE KEY----- to -----END PRIVATE KEY-----.');
}

function encoded(value: string | Uint8Array): string {
  return base64url(typeof value === 'string' ? encode(value) : value);
}
