// Numbers from a seed: the same seed gives the same plan.

/** @param {number} seed */
export function random(seed) {
  let state = (seed >>> 0) || 1;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    /** A whole number from `low` to `high`, both included. @param {number} low @param {number} high */
    int: (low, high) => low + Math.floor(next() * (high - low + 1)),
    /** @param {number} share */
    chance: (share) => next() < share,
    /** @template T @param {readonly T[]} list @returns {T} */
    pick: (list) => list[Math.floor(next() * list.length)],
    /** One of the names, as often as its weight says. @param {Record<string, number>} weights */
    weighted(weights) {
      let left = next() * Object.values(weights).reduce((sum, each) => sum + each, 0);
      for (const [name, weight] of Object.entries(weights)) {
        left -= weight;
        if (left < 0) return name;
      }
      return Object.keys(weights)[0];
    },
  };
}

/** The seed of one scene of a run. @param {number} seed @param {number} scene */
export const sceneSeed = (seed, scene) => (Math.imul(seed, 0x9e3779b1) ^ Math.imul(scene + 1, 0x85ebca6b)) >>> 0;
