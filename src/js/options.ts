/**
 * Names of options: one that is not known does nothing, so it is refused with what may be meant.
 * @module
 */
import { refused } from './host.js';

const NAMES = {
  createClient: 'baseUrl directory auth identity transport keeper journal fetch retry limits onLog record wasm',
  retry: 'min max resetAfter',
  limits: 'line event buffered bufferedEvents rememberedIds messages outbox attachments journal answer requestTimeout',
  openSession: 'limit dialect',
  send: 'model agent variant system noReply',
  prompt: 'text parts',
  createSession: 'title parentID permission metadata dialect',
  list: 'search limit start roots',
  auth: 'type username password token name value',
};

/** Of what stands in files of its own: a bundle without it has none of these. */
export const FURTHER = {
  live: 'search limit roots',
  command: 'model agent variant parts',
  shell: 'agent model',
  record: 'limit',
  file: 'text',
  replay: 'until onState wasm',
  diagnose: 'baseUrl auth authIfAsked directory provider model message origin only patience onCheck',
};

/** How files of their own, which cannot make errors of the core file's class, check names. */
export type CheckNames = (of: string, options: object | undefined, known: string) => void;

/** @throws {SessionError} `bad_option` for a name that is not known. */
export function checkNames(of: keyof typeof NAMES, options: object | undefined): void;
export function checkNames(of: string, options: object | undefined, known: string): void;
export function checkNames(of: string, options: object | undefined, known = NAMES[of as keyof typeof NAMES]): void {
  const names = known.split(' ');
  for (const [name, value] of Object.entries(options ?? {})) {
    if (value === undefined || names.includes(name)) continue;
    const near = names.filter((each) => isNear(name.toLowerCase(), each.toLowerCase()));
    throw refused(
      'bad_option',
      `${of} has no option "${name}".`,
      near[0] === undefined ? `There are ${names.join(', ')}.` : `Did you mean ${near.join(' or ')}?`,
      near,
    );
  }
}

/** Most letters are the same, in the same order. */
function isNear(a: string, b: string): boolean {
  let [at, same] = [0, 0];
  for (const letter of a) {
    const found = b.indexOf(letter, at);
    if (found < 0) continue;
    at = found + 1;
    same += 1;
  }
  return same > Math.max(a.length, b.length) * 0.7;
}
