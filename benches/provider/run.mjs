/** `npm run bench:provider`: what a small chunk of an answer costs in this package's provider and in other clients, in one run. */
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { launchChromium } from '../../tests/support/browser.mjs';
import { install, isBuilt } from '../install.mjs';
import { PageHost } from '../page-host.mjs';
import { bundle } from '../page-lane.mjs';
import { CHUNKS, WORKLOADS } from './measure.mjs';

const RIVALS = ['opencode-session', 'opencode-session-ai', 'openai', 'openai-compatible'];
const OWN = 'opencode-session';
const OTHERS = ['openai', 'openai-compatible'];
const SAMPLE = 300;
const START = 'globalThis.load = async (workload) => { globalThis.bench = await Bench.load(rival, workload); };';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' }, env: { type: 'string', default: 'both' } } });
const envs = { node: ['node'], chromium: ['chromium'], both: ['node', 'chromium'] }[values.env];
if (envs === undefined || !(Number(values.rounds) >= 1)) throw new Error('npm run bench:provider -- [--rounds 7] [--env node|chromium|both]');
if (!isBuilt()) throw new Error('dist/ is missing: run "npm run build" first');
install();

/** @typedef {{ sample(atLeast: number): Promise<number>, close(): unknown }} Lane */

/** @param {string} rival @param {string} workload @returns {Promise<Lane>} */
async function inNode(rival, workload) {
  const child = fork(new URL('worker.mjs', import.meta.url), [], { execArgv: ['--expose-gc', '--no-warnings'], env: { ...process.env, NODE_ENV: 'production' } });
  const ask = (message) => new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the process ended with ${code}`)));
    child.once('message', ({ value, error }) => (error ? reject(new Error(error)) : resolve(value)));
    child.send(message);
  });
  await ask({ rival, workload });
  return { sample: (atLeast) => ask({ atLeast }), close: () => child.kill() };
}

async function pages() {
  const scripts = new Map();
  for (const rival of RIVALS) scripts.set(`provider/${rival}`, await bundle(`provider/${rival}`, START, "import { Bench } from './provider/measure.mjs';"));
  const host = await PageHost.listen(scripts);
  const browser = await launchChromium({ args: ['--js-flags=--expose-gc'] });
  return {
    /** @param {string} rival @param {string} workload @returns {Promise<Lane>} */
    async open(rival, workload) {
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.goto(`${host.origin}/provider/${rival}.html`, { waitUntil: 'load' });
      await page.evaluate((name) => globalThis.load(name), workload);
      return { sample: (atLeast) => page.evaluate((least) => globalThis.bench.sample(least), atLeast), close: () => context.close() };
    },
    async close() {
      await browser.close();
      host.close();
    },
  };
}

/** @param {number[]} all */
const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];

const lines = [`| ${CHUNKS} chunks | ${RIVALS.join(' | ')} | of the better other |`, `| --- |${' ---: |'.repeat(RIVALS.length + 1)}`];
const browser = envs.includes('chromium') ? await pages() : undefined;
try {
  for (const env of envs) {
    for (const [workload, title] of Object.entries(WORKLOADS)) {
      process.stderr.write(`${env} ${workload}\n`);
      const lanes = new Map();
      try {
        for (const rival of RIVALS) lanes.set(rival, env === 'node' ? await inNode(rival, workload) : await browser.open(rival, workload));
        for (const lane of lanes.values()) await lane.sample(SAMPLE);
        const samples = new Map(RIVALS.map((rival) => [rival, []]));
        for (let round = 0; round < Number(values.rounds); round += 1) {
          // The first place moves on: a machine that slows down is not always unkind to the same.
          for (let place = 0; place < RIVALS.length; place += 1) {
            const rival = RIVALS[(place + round) % RIVALS.length];
            samples.get(rival).push(await lanes.get(rival).sample(SAMPLE));
          }
        }
        const ratios = samples.get(OWN).map((own, round) => own / Math.min(...OTHERS.map((other) => samples.get(other)[round])));
        lines.push(`| ${env}, ${title} | ${RIVALS.map((rival) => `${median(samples.get(rival)).toFixed(2)} µs`).join(' | ')} | **${median(ratios).toFixed(2)}** |`);
      } finally {
        for (const lane of lanes.values()) await lane.close();
      }
    }
  }
} finally {
  await browser?.close();
}
console.log(lines.join('\n'));
