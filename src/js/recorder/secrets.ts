/**
 * Tells what is a secret: by the name of its field, by what keys look like, and by how random it is.
 * @module
 */

/** Whatever else is in the name, also in names without a mark between their words. */
const ANYWHERE =
  /secret|passw|passphrase|passcode|credential|authori[sz]ation|cookie|pwd|jwt|mnemonic|api[-_ ]?key|(?:private|access|signing|session|encrypt(?:ion)?|master|service|account|shared)[-_ ]?key|connection[-_ ]?str|token$/i;
/** The whole name: what holds such fields under names of the user's. */
const WHOLE = /^(?:access|refresh|headers|env|envs|environment|environ)$/i;
/** A word of the name. */
const ANY_WORD = new Set('pass pw pin pincode otp totp hotp dsn auth bearer oauth csrf xsrf signature cvv cvc ssn psk pem pfx creds privkey'.split(' '));
/** A word that is two: `PGPASS`. Other words end so as well (`compass`). */
const JOINED = /^(?:pg|db|my|sql|mysql|ssh|ftp|smtp|mail|ldap|user|root|admin)(?:pass|pw)$/;
/** Words that stand together in the name. */
const PAIR = /\bkey material\b|\bseed (?:phrase|words?)\b/;
/** Beside one of these a token is a piece of text. */
const COUNTED = new Set('count counts counter limit limits usage used total max min budget per rate cost price length size num number estimate'.split(' '));
/** Words at the end that tell where or when it counts, and not what it is. */
const WHERE = new Set('prod production live test testing dev staging stage local old new current primary secondary backup'.split(' '));
/** The last word of the name. */
const LAST_WORD = new Set('key keys sig sas pat sid salt nonce'.split(' '));
/** Addresses of these hold a password. */
const STORES = new Set('connection conn database db mongo mongodb postgres postgresql pg mysql redis amqp rabbitmq broker jdbc sentry webhook'.split(' '));
const ADDRESS = new Set('url uri string str dsn endpoint'.split(' '));
/** Longest name that is read. */
const NAME = 200;

/** Whether the field of this name holds a secret, whatever it is. */
export function isSecretName(name: string): boolean {
  const short = name.slice(0, NAME);
  if (ANYWHERE.test(short) || WHOLE.test(short)) return true;
  const words = short.replace(/([a-z0-9])(?=[A-Z])/g, '$1 ').toLowerCase().split(/[^a-z]+/).filter(Boolean);
  while (words.length > 1 && WHERE.has(words.at(-1) ?? '')) words.pop();
  const last = words.at(-1) ?? '';
  if (words.some((word) => ANY_WORD.has(word) || JOINED.test(word)) || PAIR.test(words.join(' ')) || LAST_WORD.has(last)) return true;
  if (words.includes('token') && !words.some((word) => COUNTED.has(word))) return true;
  if (last === 'tokens') return ['access', 'refresh', 'bearer', 'id', 'session'].includes(words.at(-2) ?? '');
  return ADDRESS.has(last) && words.some((word) => STORES.has(word));
}

/** What keys and passwords look like in a text. The last group is the secret; without one, all of it is. */
const SHAPES: readonly { readonly like: RegExp; readonly fits?: (found: readonly string[]) => boolean }[] = [
  { like: /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*/g },
  { like: /\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/g },
  { like: /\b(?:(?:sk|pk|rk|whsec|glpat|xox[abeprs]|shpat)[-_]|gh[opusr]_|github_pat_|npm_|hf_|dop_v1_|lin_api_|pypi-|SG\.|ya29\.|AKIA|ASIA|AIza)[\w.-]{10,}/g },
  { like: /:\/\/[^\s/?#@:]{0,256}:([^\s/?#@]{1,1024})@/g },
  { like: /\bbearer\s{1,8}([\w.~+/=-]{8,})/gi },
  { like: /\b(?:basic|token)\s{1,8}([\w.~+/=-]{8,})/gi, fits: ([, secret = '']) => /[0-9=]/.test(secret) },
  { like: /([A-Za-z][\w.-]{1,64})[\s"']{0,8}[:=][\s"']{0,8}([^\s"',;&}]{3,})/g, fits: ([, name = '']) => isSecretName(name) },
  // Within quotes a value may have blanks.
  { like: /\b([A-Za-z][\w.-]{1,64})[\s"']{0,8}[:=]\s{0,8}"([^"]{0,1024}[^"\s])(?=\s{0,8}")/g, fits: ([, name = '']) => isSecretName(name) },
  { like: /\b([A-Za-z][\w.-]{1,64})[\s"']{0,8}[:=]\s{0,8}'([^']{0,1024}[^'\s])(?=\s{0,8}')/g, fits: ([, name = '']) => isSecretName(name) },
  // As curl takes them; numbers are those of a user and a group.
  { like: /(?:^|\s)(?:-u|-U|--user|--proxy-user)[\s=]{0,8}["']?[^\s"':]{1,256}:([^\s"']{1,1024})/g, fits: ([, secret = '']) => /\D/.test(secret) },
  { like: /--?([A-Za-z][\w-]{1,64})[\s=]{1,8}["']?([^\s"']{3,})/g, fits: ([, name = '']) => isSecretName(name) },
];
/** What may be random letters. */
const TOKEN = /[A-Za-z0-9_+/=~-]{20,}/g;
/** Ids look so, and are none. */
const IDS = /\b(?:ses|msg|prt|evt|per|que|call|toolu|wrk|prj)_\w{1,60}/g;
/** Letters of it that are looked at. */
const LOOK = 4_096;
/** A picture is no secret. */
const INLINE = /^data:[\w/+.-]{0,100};base64,/;

/** Where secrets stand in a text, as pairs of beginning and end. */
export function secretsIn(text: string): [number, number][] {
  if (text.length < 6 || INLINE.test(text)) return [];
  const found: [number, number][] = [];
  for (const { like, fits } of SHAPES) {
    for (const match of text.matchAll(like)) {
      if (fits?.(match) === false) continue;
      const secret = match.at(-1) ?? '';
      // The secret is the end of what was found; only an address goes on behind it.
      const end = match.index + match[0].length - (match[0].endsWith('@') && match.length > 1 ? 1 : 0);
      found.push([end - secret.length, end]);
    }
  }
  const isOne = !/\s/.test(text);
  const others = text.replace(IDS, (id) => ' '.repeat(id.length));
  for (const { 0: token, index } of others.matchAll(TOKEN)) if (isRandom(token, isOne)) found.push([index, index + token.length]);
  return found;
}

/** Whether letters look drawn by lot. `isOne`: they are a value of their own, where words and names of files are rarer. */
function isRandom(token: string, isOne: boolean): boolean {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(token)) return false;
  // Marks part words and folders; what counts is what stands between them.
  const letters = token.replace(/[^A-Za-z0-9]/g, '').slice(0, LOOK);
  const kinds = [...letters].map((letter) => (/[a-z]/.test(letter) ? 'a' : /[A-Z]/.test(letter) ? 'A' : '0'));
  const has = (kind: 'a' | 'A' | '0') => kinds.includes(kind);
  if (/^[0-9a-f]+$/i.test(token)) return isOne && token.length >= 32 && has('0') && (has('a') || has('A'));
  let changes = 0;
  for (let at = 1; at < kinds.length; at += 1) if (kinds[at] !== kinds[at - 1]) changes += 1;
  const share = changes / letters.length;
  const mixed = has('0') && (has('a') || has('A'));
  return letters.length >= 16 && entropy(letters) >= 3.5 && (mixed ? share >= 0.3 : has('a') && has('A') && share >= 0.42);
}

/** Bits for each letter. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
