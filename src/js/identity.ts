/**
 * Names for credentials, a file of its own: only clients that send some need one.
 * @module
 */

/** Makes guessing a password from the name slow, milliseconds well spent once per page. */
const ROUNDS = 100_000;

/** A name that whoever has the same secret arrives at, and nobody else; `undefined` where the host has no cryptography for it. */
export async function digest(scope: readonly unknown[], secret: readonly unknown[]): Promise<string | undefined> {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (subtle === undefined) return undefined;
  const encode = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));
  const key = await subtle.importKey('raw', encode(secret), 'PBKDF2', false, ['deriveBits']);
  const salt = encode(['opencode-session', ...scope]);
  const bits = await subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations: ROUNDS }, key, 128);
  return Array.from(new Uint8Array(bits), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
