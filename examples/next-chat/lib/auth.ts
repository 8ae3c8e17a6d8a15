// Who is signed in: a name in a signed cookie. A stub: anybody may take any name. Put your own sign-in in place of `signIn`, and let
// `userOf` say who sends a request; nothing else knows of it.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { cookies, headers } from 'next/headers';

const COOKIE = 'chat_user';
/** How long somebody stays signed in, seconds. */
const AGE = 7 * 24 * 3600;
export const NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** The user of a request, by its `Cookie` header. */
export function userOf(cookie: string | null): string | undefined {
  for (const pair of (cookie ?? '').split(/;\s*/)) {
    if (pair.startsWith(`${COOKIE}=`)) return read(pair.slice(COOKIE.length + 1));
  }
  return undefined;
}

/** The user of the page that is being rendered. */
export async function currentUser(): Promise<string | undefined> {
  return read((await cookies()).get(COOKIE)?.value);
}

export async function signIn(name: string): Promise<void> {
  const text = `${name}.${Math.floor(Date.now() / 1000) + AGE}`;
  // Behind a proxy that ends TLS this is its word; Next.js itself speaks HTTP.
  const secure = (await headers()).get('x-forwarded-proto') === 'https';
  (await cookies()).set(COOKIE, `${text}.${seal(text)}`, { httpOnly: true, sameSite: 'lax', secure, path: '/', maxAge: AGE });
}

export async function signOut(): Promise<void> {
  (await cookies()).delete(COOKIE);
}

function read(value: string | undefined): string | undefined {
  const [name = '', until = '', sealed = '', ...more] = value?.split('.') ?? [];
  if (more.length > 0 || !NAME.test(name)) return undefined;
  const wanted = Buffer.from(seal(`${name}.${until}`));
  const given = Buffer.from(sealed);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
  return Number(until) * 1000 > Date.now() ? name : undefined;
}

function seal(text: string): string {
  const secret = process.env.SESSION_SECRET ?? '';
  if (secret.length < 32) throw new Error('SESSION_SECRET is missing or shorter than 32 characters; see .env.example.');
  return createHmac('sha256', secret).update(text).digest('base64url');
}
