/** Who is measured. The first one is the reference. */

/**
 * @typedef {object} Rival
 * @property {string} name
 * @property {string} title
 * @property {Record<string, string>} missing workloads it cannot do, and why
 */

/** @type {Rival[]} */
export const RIVALS = [
  { name: 'eventsource-parser', title: 'eventsource-parser + JSON.parse + in-place reducer', missing: {} },
  { name: 'opencode-session', title: 'opencode-session', missing: {} },
  { name: 'opencode-sdk', title: '@opencode-ai/sdk + the same reducer', missing: {} },
  { name: 'assistant-ui', title: '@assistant-ui/react-opencode, store', missing: {} },
  {
    name: 'ai-sdk',
    title: 'AI SDK, store of useChat',
    missing: {
      B: 'its wire has no full parts',
      H: 'its wire carries one session only',
    },
  },
];

/** @param {string[]} [names] @returns {Rival[]} the reference and those named; without names, all */
export function choose(names) {
  const [reference, ...others] = RIVALS;
  if (!names) return RIVALS;
  for (const name of names) {
    if (!RIVALS.some((rival) => rival.name === name)) {
      throw new Error(`no rival named ${name}; there are ${RIVALS.map((rival) => rival.name).join(', ')}`);
    }
  }
  return [reference, ...others.filter(({ name }) => names.includes(name))];
}
