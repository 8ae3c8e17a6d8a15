/**
 * Takes secrets, and on demand all that was said, out of what a file will hold, byte for byte: sizes, ids and the places where
 * pieces begin stay as they were, so that the recording can still be played.
 * @module
 */
import { mask, maskPath, star } from './mask.js';

/** Fields whose value is a secret, and those that hold such fields under names of the user's. */
const SECRET =
  /api[-_]?key|secret|passw|passphrase|credential|authorization|cookie|private[-_]?key|access[-_]?key|token$|^(?:key|auth|access|refresh|bearer|headers|env|environment)$/i;
/** Fields that say what something is, not what was said. */
const STRUCTURE = new Set([
  'type', 'role', 'status', 'id', 'sessionID', 'messageID', 'partID', 'parentID', 'callID', 'requestID', 'permissionID',
  'aggregateID', 'providerID', 'modelID', 'model', 'agent', 'mode', 'name', 'tool', 'field', 'finish', 'reason', 'version', 'mime',
  'continuity', 'phase', 'source', 'code', 'hint', 'priority', 'reply', 'response', 'variant', 'permission', 'transport', 'keeper',
]);
/** Fields below which everything is the user's own. */
const OWN = new Set(['input', 'metadata', 'arguments', 'raw']);
/** Ids as servers and clients make them. */
const ID = /^(?:ses|msg|prt|evt|per|que|call|toolu|wrk|prj)_(?=\w*\d)\w{1,60}$/;
/** Parts of an address that may stay when texts are masked. */
const QUERY = new Set(['limit', 'before', 'after', 'messageID', 'roots', 'start', 'cursor', 'sessionID']);

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** How the values below a field are treated. */
type Rule = 'look' | 'own' | 'secret';

/** An open object or list. */
interface Level {
  readonly object: boolean;
  /** The next string is a field's name. */
  names: boolean;
  field: string;
  readonly rule: Rule;
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
    this.#walk([], out, 0, out.length, { masked: this.#masked || foreign, slash });
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
    let levels: Level[] = [];
    for (let from = 0; from < out.length; ) {
      let to = from;
      while (to < out.length && out[to] !== 10 && out[to] !== 13) to += 1;
      const start = decoder.decode(out.subarray(from, Math.min(from + 6, to)));
      if (to === from) levels = [];
      else if (start.startsWith('data:')) this.#walk(levels, out, from + 5, to, { masked: this.#masked });
      else if (!/^(?:id:|event:|retry:)/.test(start)) mask(out, from, to, false);
      from = to + (out[to] === 13 && out[to + 1] === 10 ? 2 : 1);
    }
    return out;
  }

  /** Path and query of a request. */
  path(path: string): string {
    const [plain = '', query] = path.split('?', 2);
    if (query === undefined) return plain;
    const pairs = query.split('&').map((pair) => {
      const [name = '', value = ''] = pair.split('=', 2);
      if (SECRET.test(name)) return `${name}=***`;
      if (!this.#masked || QUERY.has(name)) return pair;
      if (name === 'directory') return `${name}=${encodeDirectory(maskPath(decodeDirectory(value), this.#salt))}`;
      return `${name}=${value.replace(/%[0-9A-F]{2}|[0-9A-Za-z]/gi, 'x')}`;
    });
    return `${plain}?${pairs.join('&')}`;
  }

  /** Walks JSON; `levels` are the objects and lists that are open, before and after. */
  #walk(levels: Level[], bytes: Uint8Array, from: number, to: number, kind: Kind): void {
    for (let at = from; at < to; at += 1) {
      const level = levels.at(-1);
      switch (bytes[at]) {
        case 0x22: {
          const end = closing(bytes, at + 1, to);
          if (level?.names) {
            level.field = text(bytes, at + 1, end);
            level.names = false;
          } else {
            this.#value(bytes, at + 1, end, level, kind);
          }
          at = end;
          break;
        }
        case 0x7b:
        case 0x5b: {
          const object = bytes[at] === 0x7b;
          // What stands in a list belongs to the list's field.
          levels.push({ object, names: object, field: object ? '' : (level?.field ?? ''), rule: ruleOf(level) });
          break;
        }
        case 0x7d:
        case 0x5d:
          levels.pop();
          break;
        case 0x2c:
          if (level?.object) level.names = true;
          break;
        default:
          // A number that is a secret stays a number.
          if (isDigit(bytes[at]) && ruleOf(level) === 'secret') bytes[at] = 0x31;
      }
    }
  }

  #value(bytes: Uint8Array, from: number, to: number, level: Level | undefined, { masked, slash = false }: Kind): void {
    const field = level?.field ?? '';
    const rule = ruleOf(level);
    if (rule === 'look' && !masked) return;
    if (to - from < 70 && ID.test(decoder.decode(bytes.subarray(from, to)))) return;
    if (rule === 'secret') return star(bytes, from, to);
    if (!masked) return;
    if (field === 'directory' && rule === 'look') {
      if (this.#masked) this.#directory(bytes, from, to);
      return;
    }
    if (rule === 'look' && (STRUCTURE.has(field) || (slash && field === 'command'))) return;
    mask(bytes, from, to, true);
  }

  #directory(bytes: Uint8Array, from: number, to: number): void {
    const hidden = encoder.encode(JSON.stringify(maskPath(text(bytes, from, to), this.#salt))).subarray(1, -1);
    if (hidden.length === to - from) bytes.set(hidden, from);
    else mask(bytes, from, to, true);
  }
}

function ruleOf(level: Level | undefined): Rule {
  if (level === undefined) return 'look';
  if (level.rule === 'secret' || SECRET.test(level.field)) return 'secret';
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

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** As the core writes it: servers decode it twice. */
function encodeDirectory(directory: string): string {
  return encodeURIComponent(directory.replaceAll('%', '%25')).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decodeDirectory(value: string): string {
  try {
    return decodeURIComponent(value).replaceAll('%25', '%');
  } catch {
    return value;
  }
}
