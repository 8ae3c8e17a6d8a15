/**
 * Names of options: one that is not known does nothing, so it is refused with what may be meant.
 * @module
 */
import { refused } from './host.js';

const NAMES = {
  createClient: 'baseUrl directory auth transport keeper journal fetch retry limits onLog record wasm',
  retry: 'min max resetAfter',
  limits: 'line event buffered bufferedEvents rememberedIds messages outbox attachments journal requestTimeout',
  openSession: 'limit dialect',
  send: 'model agent variant system noReply',
};

/** @throws {SessionError} `bad_option` for a name that is not known. */
export function checkNames(of: keyof typeof NAMES, options: object | undefined): void {
  const names = NAMES[of].split(' ');
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
