/** Rounds to ratios, ratios to a table and to JSON. */
import { TITLES } from './workloads.mjs';

/** @param {number[]} values */
export function median(values) {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @typedef {Map<string, import('./measure.mjs').Sample[]>} Rounds samples by rival, one a round
 * @typedef {{ workload: string, env: string, rounds: Rounds }} Result
 */

/** @param {import('./measure.mjs').Sample} sample @returns {number} microseconds */
const perEvent = ({ milliseconds, events }) => (milliseconds * 1000) / events;

/**
 * Each round is compared with the reference of the same round, so that a machine that slows down between rounds slows
 * down both.
 * @param {Rounds} rounds @param {string} rival @param {string} reference
 */
function ratio(rounds, rival, reference) {
  const samples = rounds.get(rival);
  return median(samples.map((sample, round) => perEvent(sample) / perEvent(rounds.get(reference)[round])));
}

/** @param {Rounds} rounds @param {string} rival @returns {number} microseconds an event */
function cost(rounds, rival) {
  return median(rounds.get(rival).map(perEvent));
}

/** @param {number} value */
const times = (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0)}x`;

/** @param {Result[]} results @param {import('./rivals.mjs').Rival[]} rivals @returns {string} Markdown */
export function markdown(results, rivals) {
  const [reference, ...others] = rivals;
  const rows = results.map(({ workload, env, rounds }) => {
    const cells = others.map(({ name }) => (rounds.has(name) ? times(ratio(rounds, name, reference.name)) : 'n/a'));
    return [workload, env, `${cost(rounds, reference.name).toFixed(2)} µs`, ...cells];
  });
  const head = ['', '', `${reference.name} (reference)`, ...others.map(({ name }) => name)];
  const rule = ['---', '---', ...rivals.map(() => '---:')];
  const lines = [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return [...lines, '', ...notes(results, rivals)].join('\n');
}

function notes(results, rivals) {
  const names = [...new Set(results.map(({ workload }) => workload))];
  const lines = ['Time per event against the reference, median of rounds; the reference in microseconds an event.', ''];
  for (const name of names) lines.push(`- ${name}: ${TITLES[name]}`);
  for (const { name, title, missing } of rivals) {
    const gaps = names
      .filter((workload) => missing[workload])
      .map((workload) => `${workload} n/a: ${missing[workload]}`);
    lines.push(`- ${name}: ${[title, ...gaps].join('; ')}`);
  }
  if (rivals.some(({ name }) => name === 'ai-sdk')) {
    lines.push(
      '- ai-sdk reads its own UI message stream with the same texts; all others read the same OpenCode bytes.',
    );
  }
  for (const { workload, env, rounds } of results) {
    for (const [name, samples] of rounds) {
      const requests = Math.max(...samples.map((sample) => sample.requests / sample.runs));
      if (requests > 0) lines.push(`- ${name} made ${requests} requests in each run of ${workload} in ${env}.`);
    }
  }
  return lines;
}

/** @param {Result[]} results @param {import('./rivals.mjs').Rival[]} rivals */
export function json(results, rivals) {
  const [reference, ...others] = rivals;
  const workloads = {};
  const microseconds = {};
  for (const { workload, env, rounds } of results) {
    const measured = others.filter(({ name }) => rounds.has(name));
    const ratios = measured.map(({ name }) => [name, round(ratio(rounds, name, reference.name))]);
    workloads[workload] = { ...workloads[workload], [env]: Object.fromEntries(ratios) };
    microseconds[workload] = { ...microseconds[workload], [env]: round(cost(rounds, reference.name)) };
  }
  return { workloads, reference: { name: reference.name, microseconds } };
}

/** @param {number} value */
const round = (value) => Number(value.toPrecision(4));
