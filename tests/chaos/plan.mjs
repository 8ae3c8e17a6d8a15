// The plan of one scene: which tabs, which prompts, which faults when. It follows from the seed alone.
import { random } from './random.mjs';

/**
 * @typedef {{ at: number, do: string, [name: string]: any }} Step `at`: milliseconds since the begin of the scene; `tab`: a number that
 *   picks one of the tabs that are open then
 * @typedef {{ tabs: number, steps: Step[] }} Plan
 */

const LENGTH = 7_000;
const MOST_TABS = 3;

/** How often each comes. */
const WEIGHTS = {
  prompt: 10,
  note: 4,
  abort: 2,
  drop: 6,
  cut: 8,
  end: 4,
  mute: 5,
  heartbeats: 3,
  buffer: 3,
  slow: 6,
  duplicate: 4,
  status: 6,
  refuse: 4,
  lose: 6,
  chunk: 4,
  reload: 5,
  closeTab: 3,
  openTab: 4,
  offline: 4,
  freeze: 4,
};

/**
 * @param {number} seed
 * @param {string} version of the server
 * @returns {Plan}
 */
export function planScene(seed, version) {
  const roll = random(seed);
  const weights = repeatable(version) ? WEIGHTS : { ...WEIGHTS, duplicate: 0 };
  const asked = new Set();
  const tabs = roll.int(1, 2);
  /** @type {Step[]} */
  const steps = [{ at: 0, do: 'prompt', tab: 0, text: script(roll, asked) }];
  // It takes seconds to come back: once or twice in most scenes.
  const kills = [roll.int(300, LENGTH / 2), roll.int(LENGTH / 2, LENGTH)].filter(() => roll.chance(0.75));
  for (let at = roll.int(200, 900); at < LENGTH; at += roll.int(100, 700)) {
    const name = at >= (kills[0] ?? Infinity) ? 'kill' : roll.weighted(weights);
    if (name === 'kill') kills.shift();
    steps.push({ at, do: name, tab: roll.int(0, MOST_TABS - 1), ...details(name, roll, asked) });
  }
  return { tabs, steps };
}

/** Whether an event that comes twice can be told from two events: by its id, or because it holds the whole part. @param {string} version */
export function repeatable(version) {
  const [major, minor, patch] = version.split('.').map(Number);
  return major > 1 || minor < 2 || minor > 14 || (minor === 14 && patch >= 41);
}

/** @param {string} name @param {ReturnType<typeof random>} roll @param {Set<string>} asked */
function details(name, roll, asked) {
  const ms = roll.int(200, 1500);
  switch (name) {
    case 'prompt':
      return { text: script(roll, asked) };
    case 'note':
      // Other numbers than those of prompts. The model may well answer it: together with the next prompt.
      return { text: fresh(asked, () => `words ${roll.int(1, 40)} every ${roll.int(31, 60)}`) };
    case 'cut':
      return { bytes: roll.int(1, 4000) };
    case 'mute':
      return { ms, end: roll.pick(['cut', 'late']) };
    case 'slow':
      return { ms, match: roll.pick(['snapshot', 'messages', 'all']), times: roll.int(1, 8) };
    case 'status':
      return { ...roll.pick(ANSWERS), match: roll.pick(['stream', 'messages', 'snapshot', 'prompt']), times: roll.int(1, 2) };
    case 'lose':
      return { when: roll.pick(['before', 'after']), match: roll.pick(['prompt', 'prompt', 'snapshot']) };
    case 'chunk':
      return { ms, bytes: roll.int(1, 40) };
    case 'kill':
      return { downtime: roll.int(0, 800) };
    default:
      return { ms };
  }
}

const ANSWERS = [
  { code: 500, body: '{"name":"UnknownError","data":{"message":"scripted"}}', headers: { 'content-type': 'application/json' } },
  { code: 502, body: '<html>Bad gateway</html>', headers: { 'content-type': 'text/html' } },
  { code: 503, body: 'busy', headers: {} },
  { code: 429, body: 'slow down', headers: { 'retry-after': '1' } },
  { code: 200, body: '<html>Please sign in</html>', headers: { 'content-type': 'text/html' } },
];

/** A script of numbered words that was not asked in this scene: a prompt that comes twice can be told. @param {ReturnType<typeof random>} roll @param {Set<string>} asked */
function script(roll, asked) {
  return fresh(asked, () => {
    const words = `words ${roll.int(5, 70)} every ${roll.int(8, 30)}`;
    if (roll.chance(0.15)) return `think ${roll.int(5, 20)} every ${roll.int(5, 20)} ${words}`;
    if (roll.chance(0.15)) return `words ${roll.int(3, 10)} then tool bash: echo ${roll.int(1, 99)} then ${words}`;
    return words;
  });
}

/** @param {Set<string>} asked @param {() => string} make */
function fresh(asked, make) {
  let text = make();
  while (asked.has(text)) text = make();
  asked.add(text);
  return text;
}
