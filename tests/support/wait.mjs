// Bounded waiting: every wait of a test ends, with words that say what was waited for. Nothing is imported here: pages load it too.

/** How long a test waits for what must come, milliseconds: no limit of speed, many times what the slowest machine needs. */
export const PATIENCE = 90_000;

/** @param {number} ms @returns {Promise<void>} */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Asks `probe` again and again until it gives something truthy, and returns that. A probe that throws counts as "not yet".
 * @template T
 * @param {() => T | Promise<T>} probe
 * @param {{ timeout?: number, every?: number, message?: string | (() => string) }} [options]
 * @returns {Promise<NonNullable<T>>}
 */
export async function waitFor(probe, { timeout = PATIENCE, every = 20, message = 'the condition' } = {}) {
  const end = Date.now() + timeout;
  let last;
  for (;;) {
    try {
      const value = await within(probe, Math.max(1, end - Date.now()));
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= end) break;
    await sleep(every);
  }
  const what = typeof message === 'function' ? message() : message;
  throw new Error(`waited ${timeout} ms for ${what}`, { cause: last });
}

/**
 * One call of `job` with a deadline; the deadline rejects.
 * @template T
 * @param {() => T | Promise<T>} job
 * @param {number} timeout
 * @param {string} [message]
 * @returns {Promise<T>}
 */
export async function within(job, timeout, message = 'an answer') {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeout} ms for ${message}`)), timeout);
  });
  try {
    return await Promise.race([Promise.resolve().then(job), late]);
  } finally {
    clearTimeout(timer);
  }
}
