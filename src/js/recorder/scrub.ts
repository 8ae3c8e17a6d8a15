/**
 * Takes secrets, and on demand all that was said, out of what a file will hold, byte for byte: sizes, ids and the places where
 * pieces begin stay as they were, so that the recording can still be played.
 * @module
 */
import { mask, maskPath, star } from './mask.js';
import { isSecretName, secretsIn } from './secrets.js';
import { isWord } from './words.js';

/** Fields that say what something is, not what was said. */
const STRUCTURE = new Set([
  'type', 'role', 'status', 'id', 'sessionID', 'messageID', 'partID', 'parentID', 'callID', 'requestID', 'permissionID',
  'aggregateID', 'providerID', 'modelID', 'model', 'agent', 'mode', 'name', 'tool', 'field', 'finish', 'reason', 'version', 'mime',
  'continuity', 'phase', 'source', 'code', 'priority', 'reply', 'response', 'variant', 'permission', 'transport', 'keeper',
]);
/** Places in a list, which requests name again. */
const PLACES = new Set(['cursor', 'next', 'previous', 'before', 'after']);
/** Texts that grow, which may not change behind their beginning; and digests, which only look like secrets. */
const SPARED = new Set(['text', 'delta', 'tail', 'snapshot', 'hash', 'sha', 'digest', 'etag', 'projectID']);
/** Fields below which everything is the user's own. */
const OWN = new Set(['input', 'metadata', 'arguments', 'raw']);
/** Ids as servers and clients make them. */
const ID = /^(?:ses|msg|prt|evt|per|que|call|toolu|wrk|prj)_(?=\w*\d)\w{1,60}$/;
/** Ids of whatever has a path of its own, also short ones. */
const SHORT_ID = /^(?:ses|msg|prt|per|que)_\w{1,60}$/;
/** A name that may be one of the server's own. */
const NAME = /^[\w-]{1,40}$/;
/** A version, and nothing beside it. */
const VERSION = /^v?\d{1,5}(?:\.\d{1,5}){1,3}$/;
/** What an answer may be, told without its parameters. */
const TYPES = ['application/json', 'application/problem+json', 'text/event-stream', 'text/html', 'text/plain'];
const DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
/** What stands in JSON beside texts. */
const PLAIN = /^(?:true|false|null|-?\d[\d.eE+-]*)$/;
/** Parts of an address that may stay when texts are masked. */
const QUERY = new Set(['limit', 'before', 'after', 'messageID', 'roots', 'start', 'cursor', 'sessionID']);

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const latin = new TextDecoder('latin1');
const encoder = new TextEncoder();

/** How the values below a field are treated. */
type Rule = 'look' | 'own' | 'secret';

/** An open object or list. */
interface Level {
  readonly object: boolean;
  /** The field that holds it. */
  readonly holder: string;
  field: string;
  readonly rule: Rule;
}

/** How far a piece of JSON was read. */
interface Place {
  readonly levels: Level[];
  /** What may come next. */
  wants: 'key' | 'colon' | 'value' | 'comma' | 'end';
  /** It is no JSON: from there on nothing tells what is a name and what is said. */
  isBroken: boolean;
}

/** How one piece of JSON is treated. */
interface Kind {
  /** All but names and ids is masked. */
  readonly masked: boolean;
  /** `command` is the name of a command, not what a shell was told. */
  readonly slash?: boolean;
}

/** Scrubs what belongs to one file. */
export class Scrubber {
  readonly #masked: boolean;
  readonly #salt: number;

  constructor(masked: boolean) {
    this.#masked = masked;
    this.#salt = crypto.getRandomValues(new Uint32Array(1))[0] as number;
  }

  /** JSON, whole or cut off. `foreign`: it is not of a session, and all but names is masked. */
  json(bytes: Uint8Array, { foreign = false, slash = false } = {}): Uint8Array {
    const out = bytes.slice();
    this.#walk(beginning(), out, 0, out.length, { masked: this.#masked || foreign, slash });
    return out;
  }

  /** What is no JSON: nothing in it is read, but how long it is. */
  plain(bytes: Uint8Array): Uint8Array {
    const out = bytes.slice();
    mask(out, 0, out.length, false);
    return out;
  }

  /** An event stream from its first byte on. */
  events(bytes: Uint8Array): Uint8Array {
    const out = bytes.slice();
    let place = beginning();
    for (let from = 0; from < out.length; ) {
      let to = from;
      while (to < out.length && out[to] !== 10 && out[to] !== 13) to += 1;
      const start = decoder.decode(out.subarray(from, Math.min(from + 6, to)));
      if (to === from) place = beginning();
      else if (start.startsWith('data:')) this.#walk(place, out, from + 5, to, { masked: this.#masked });
      else if (/^(?:id|event):/.test(start)) this.#named(out, from + start.indexOf(':') + 1, to);
      else if (!start.startsWith('retry:')) mask(out, from, to, false);
      from = to + (out[to] === 13 && out[to + 1] === 10 ? 2 : 1);
    }
    return out;
  }

  /** Path and query of a request. */
  path(path: string): string {
    const [plain = '', query] = path.split('?', 2);
    const shown = this.#masked ? plain.split('/').map((piece) => this.name(decoded(piece))).join('/') : plain;
    if (query === undefined) return shown;
    const pairs = query.split('&').map((pair) => {
      const [name = '', value = ''] = pair.split('=', 2);
      if (isSecretName(name)) return `${name}=***`;
      if (PLACES.has(name)) return this.#masked ? `${name}=${encodeURIComponent(this.place(decoded(value)))}` : pair;
      if (name === 'directory') return this.#masked ? `${name}=${encodeDirectory(maskPath(decodeDirectory(value), this.#salt))}` : pair;
      if (QUERY.has(name)) return this.#masked ? `${name}=${encodeURIComponent(this.name(decoded(value)))}` : pair;
      if (!this.#masked) return secretsIn(decoded(value)).length > 0 ? `${name}=***` : pair;
      return `${this.name(name)}=${value.replace(/%[0-9A-F]{2}|[0-9A-Za-z]/gi, 'x')}`;
    });
    return `${shown}?${pairs.join('&')}`;
  }

  /** A name, when texts are masked: words of the protocol, ids and numbers stay, each other one is made of its digest. */
  name(name: string): string {
    if (!this.#masked || isWord(name) || ID.test(name) || SHORT_ID.test(name) || VERSION.test(name) || PLAIN.test(name)) return name;
    return maskPath(name, this.#salt);
  }

  /** A place in a list. Clients make it of an id and a time, which stay, and then it stays as well. */
  place(place: string): string {
    if (!this.#masked || place === '') return place;
    try {
      const { id, time, ...more } = JSON.parse(atob(place.replaceAll('-', '+').replaceAll('_', '/'))) as { id?: unknown; time?: unknown };
      if (typeof id === 'string' && ID.test(id) && typeof time === 'number' && Object.keys(more).length === 0) return place;
    } catch {
      // The server's own.
    }
    return this.name(place);
  }

  /** The kind of an answer. */
  contentType(value: string): string {
    if (!this.#masked || value === '') return value;
    const kind = value.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    return TYPES.find((type) => type === kind) ?? (kind.includes('json') ? 'application/json' : maskPath(kind, this.#salt));
  }

  /** When to come again. */
  retryAfter(value: string): string {
    return !this.#masked || /^\s*\d{0,20}(?:\.\d{1,9})?\s*$/.test(value) || DATE.test(value) ? value : maskPath(value, this.#salt);
  }

  /** A sentence. */
  sentence(text: string): string {
    let out = text;
    for (const [from, to] of secretsIn(text)) out = out.slice(0, from) + '*'.repeat(to - from) + out.slice(to);
    return out;
  }

  /** Walks JSON from `place` on. Whatever does not fit there is masked with all that follows. */
  #walk(place: Place, bytes: Uint8Array, from: number, to: number, kind: Kind): void {
    if (place.isBroken) return mask(bytes, from, to, false);
    for (let at = from; at < to; at += 1) {
      if (isSpace(bytes[at])) continue;
      at = this.#token(place, bytes, at, to, kind);
      if (place.isBroken) return mask(bytes, at, to, false);
    }
  }

  /** Takes one token; gives the place of its last byte. */
  #token(place: Place, bytes: Uint8Array, at: number, to: number, kind: Kind): number {
    const { levels, wants } = place;
    const level = levels.at(-1);
    const isValue = wants === 'value';
    switch (bytes[at]) {
      case 0x22: {
        const end = closing(bytes, at + 1, to);
        if (wants === 'key' && level !== undefined) {
          level.field = text(bytes, at + 1, end);
          // What is no word of the protocol is a name that somebody gave.
          if (kind.masked && (this.#masked || !NAME.test(level.field))) this.#named(bytes, at + 1, end, true);
          place.wants = 'colon';
        } else if (isValue) {
          this.#value(bytes, at + 1, end, level, kind);
          done(place);
        } else {
          break;
        }
        return end;
      }
      case 0x7b:
      case 0x5b: {
        if (!isValue) break;
        const object = bytes[at] === 0x7b;
        // What stands in a list belongs to the list's field.
        const holder = level?.field ?? '';
        levels.push({ object, holder, field: object ? '' : holder, rule: ruleOf(level) });
        place.wants = object ? 'key' : 'value';
        return at;
      }
      case 0x7d:
      case 0x5d:
        if (level?.object !== (bytes[at] === 0x7d) || !['comma', level.object ? 'key' : 'value'].includes(wants)) break;
        levels.pop();
        done(place);
        return at;
      case 0x3a:
        if (wants !== 'colon') break;
        place.wants = 'value';
        return at;
      case 0x2c:
        if (wants !== 'comma') break;
        place.wants = level?.object ? 'key' : 'value';
        return at;
      default: {
        if (!isValue || !isPlain(bytes[at])) break;
        let end = at;
        while (end < to && isPlain(bytes[end])) end += 1;
        if (!PLAIN.test(decoder.decode(bytes.subarray(at, end)))) break;
        // A number that is a secret stays a number.
        if (ruleOf(level) === 'secret') for (let each = at; each < end; each += 1) if (isDigit(bytes[each])) bytes[each] = 0x31;
        done(place);
        return end - 1;
      }
    }
    place.isBroken = true;
    return at;
  }

  #value(bytes: Uint8Array, from: number, to: number, level: Level | undefined, { masked, slash = false }: Kind): void {
    const field = level?.field ?? '';
    const rule = ruleOf(level);
    if (to - from < 70 && ID.test(decoder.decode(bytes.subarray(from, to)))) return;
    if (rule === 'secret') return star(bytes, from, to);
    if (!masked) return rule === 'look' && (SPARED.has(field) || PLACES.has(field)) ? undefined : starSecrets(bytes, from, to);
    if (field === 'directory' && rule === 'look') {
      if (this.#masked) this.#replaced(bytes, from, to, maskPath(text(bytes, from, to), this.#salt));
      return;
    }
    if (rule === 'look' && PLACES.has(field)) return this.#replaced(bytes, from, to, this.place(text(bytes, from, to)));
    if (rule === 'look' && (STRUCTURE.has(field) || (slash && field === 'command'))) return this.#named(bytes, from, to, true);
    mask(bytes, from, to, true);
  }

  /** Puts the name of {@link name} in the place of a name. */
  #named(bytes: Uint8Array, from: number, to: number, isJson = false): void {
    const raw = isJson ? text(bytes, from, to) : decoder.decode(bytes.subarray(from, to));
    const name = raw.trimStart();
    // Foreign names that are words stay when texts are kept; a path or a sentence is none.
    if (!this.#masked && isJson && !NAME.test(name)) return mask(bytes, from, to, true);
    const shown = this.name(name);
    if (shown !== name) this.#replaced(bytes, from, to, raw.slice(0, raw.length - name.length) + shown, isJson);
  }

  /** Only what is as long as before keeps the places of all else. */
  #replaced(bytes: Uint8Array, from: number, to: number, shown: string, isJson = true): void {
    const hidden = encoder.encode(isJson ? JSON.stringify(shown).slice(1, -1) : shown);
    if (hidden.length === to - from) bytes.set(hidden, from);
    else mask(bytes, from, to, isJson);
  }
}

function beginning(): Place {
  return { levels: [], wants: 'value', isBroken: false };
}

/** Stars what looks like a secret in a text. */
function starSecrets(bytes: Uint8Array, from: number, to: number): void {
  // One letter for each byte, and blanks for what is escaped but quotes, so that places stay.
  const raw = latin.decode(bytes.subarray(from, to));
  if (/\\u00[2-7]/i.test(raw) && secretsIn(text(bytes, from, to)).length > 0) return star(bytes, from, to);
  for (const [begin, end] of secretsIn(raw.replace(/\\(?:u[0-9A-Fa-f]{4}|.)/g, (found) => (found === '\\"' ? ' "' : ' '.repeat(found.length))))) star(bytes, from + begin, from + end);
}

/** A value is over. */
function done(place: Place): void {
  place.wants = place.levels.length === 0 ? 'end' : 'comma';
}

function ruleOf(level: Level | undefined): Rule {
  if (level === undefined) return 'look';
  if (level.rule === 'secret' || isSecretName(level.field)) return 'secret';
  return level.rule === 'own' || OWN.has(level.field) ? 'own' : 'look';
}

/** Where the string that is open at `from` ends. */
function closing(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== 0x22) at += bytes[at] === 0x5c ? 2 : 1;
  return Math.min(at, to);
}

function text(bytes: Uint8Array, from: number, to: number): string {
  const raw = decoder.decode(bytes.subarray(from, to));
  if (!raw.includes('\\')) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return raw;
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 9 || byte === 10 || byte === 13;
}

/** Of a number, or of `true`, `false` and `null`. */
function isPlain(byte: number | undefined): boolean {
  return byte !== undefined && (isDigit(byte) || byte === 0x2d || byte === 0x2b || byte === 0x2e || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a));
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** As the core writes it: servers decode it twice. */
function encodeDirectory(directory: string): string {
  return encodeURIComponent(directory.replaceAll('%', '%25')).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function decodeDirectory(value: string): string {
  try {
    return decodeURIComponent(value).replaceAll('%25', '%');
  } catch {
    return value;
  }
}
