/** `npm run bench`: all rivals on the same bytes in one run. See README.md. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { install, isBuilt } from './install.mjs';
import { choose } from './rivals.mjs';
import { json, markdown } from './table.mjs';
import { TITLES } from './workloads.mjs';

const USAGE = `npm run bench -- [--rounds 5] [--json FILE] [--only A,B] [--env node|chromium|both] [--rivals a,b]`;

/** Milliseconds that a sample measures at the least; a shorter workload is repeated. */
const SAMPLE = 200;
const WARM_UP = 250;
/** A rival that takes longer than this for one sample gets fewer rounds: its noise is small beside its time. */
const LONG = 2000;
const LONG_ROUNDS = 2;

function options() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      json: { type: 'string' },
      only: { type: 'string' },
      env: { type: 'string', default: 'both' },
      rivals: { type: 'string' },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a number of 1 or more\n${USAGE}`);
  const envs = { node: ['node'], chromium: ['chromium'], both: ['node', 'chromium'] }[values.env];
  if (!envs) throw new Error(`--env takes node, chromium or both\n${USAGE}`);
  const names = values.only?.split(',') ?? Object.keys(TITLES);
  const unknown = names.filter((name) => !TITLES[name]);
  if (unknown.length > 0) throw new Error(`no workload named ${unknown}\n${USAGE}`);
  return { rounds, envs, names, rivals: choose(values.rivals?.split(',')), file: values.json };
}

async function lanesOf(env) {
  if (env === 'node') return new (await import('./node-lane.mjs')).NodeLanes();
  return (await import('./page-lane.mjs')).PageLanes.launch();
}

/**
 * One workload. Each rival has one process (or page) for all rounds: in a shared one the engine would tune shared code
 * to whoever came first, and in a fresh one per round it would measure its own warming-up.
 */
async function compare(lanes, workload, rivals, rounds) {
  const able = rivals.filter(({ missing }) => !missing[workload]);
  const open = [];
  try {
    for (const { name } of able) {
      open.push({ name, ...(await named(name, workload, () => lanes.open(name, workload))), samples: [], long: false });
    }
    for (const lane of open) {
      const { milliseconds, runs } = await named(lane.name, workload, () => lane.sample(WARM_UP));
      lane.long = milliseconds / runs > LONG;
    }
    for (let round = 0; round < rounds; round++) {
      // The first place moves on, so that a machine that slows down within a round is not always unkind to the same.
      for (let place = 0; place < open.length; place++) {
        const lane = open[(place + round) % open.length];
        if (lane.long && round >= LONG_ROUNDS) continue;
        lane.samples.push(await named(lane.name, workload, () => lane.sample(SAMPLE)));
      }
    }
  } finally {
    for (const lane of open) await lane.close();
  }
  return new Map(open.map(({ name, samples }) => [name, samples]));
}

async function named(rival, workload, action) {
  try {
    return await action();
  } catch (error) {
    throw new Error(`${rival} failed in ${workload}: ${error.message}`, { cause: error });
  }
}

async function main() {
  const { rounds, envs, names, rivals, file } = options();
  if (rivals.some(({ name }) => name === 'opencode-session') && !isBuilt()) {
    throw new Error('dist/ is missing: run "npm run build" first, or leave opencode-session out with --rivals');
  }
  install();
  const results = [];
  for (const env of envs) {
    const lanes = await lanesOf(env);
    try {
      for (const workload of names) {
        process.stderr.write(`${env} ${workload}\n`);
        results.push({ workload, env, rounds: await compare(lanes, workload, rivals, rounds) });
      }
    } finally {
      await lanes.close();
    }
  }
  results.sort((left, right) => names.indexOf(left.workload) - names.indexOf(right.workload));
  console.log(markdown(results, rivals));
  if (file) writeFileSync(file, `${JSON.stringify(json(results, rivals), null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
