// Commands side by side: the output of each is kept and shown whole when it ends, so that two never mix.
import { spawn } from 'node:child_process';
import { root } from './tools.mjs';

/** How much output of one command is kept: its end tells why it failed. */
const KEPT = 1 << 20;
/** What is told to end may put its things away for so long, milliseconds. */
const GRACE = 2_000;

/**
 * @typedef {object} Job
 * @property {string} name
 * @property {[string, string[]][]} commands run one after the other
 */

/**
 * Runs lanes beside each other. A lane's workers take its jobs in order. The first failure ends all, and is thrown.
 * @param {{ jobs: Job[], workers: number }[]} lanes
 * @param {(job: Job, output: string, seconds: number) => void} ended
 */
export async function runLanes(lanes, ended) {
  /** @type {Set<import('node:child_process').ChildProcess>} */
  const running = new Set();
  /** @type {Error | undefined} */
  let failure;
  /** @type {import('node:child_process').ChildProcess[]} */
  const stopped = [];
  const stop = () => {
    for (const child of running) {
      stopped.push(child);
      end(child, 'SIGTERM');
    }
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const worker = async (/** @type {Job[]} */ jobs) => {
    for (let job = jobs.shift(); job !== undefined && failure === undefined; job = jobs.shift()) {
      const begin = performance.now();
      const { output, problem } = await runJob(job, running);
      // What was ended because another failed says nothing.
      if (failure !== undefined) return;
      ended(job, output, (performance.now() - begin) / 1000);
      if (problem !== undefined) {
        failure = new Error(`${job.name}: ${problem}`);
        stop();
      }
    }
  };
  await Promise.all(lanes.flatMap(({ jobs, workers }) => {
    const queue = [...jobs];
    return Array.from({ length: workers }, () => worker(queue));
  }));
  if (failure !== undefined) {
    await new Promise((resolve) => setTimeout(resolve, GRACE));
    for (const child of stopped) end(child, 'SIGKILL');
    throw failure;
  }
}

/** @param {Job} job @param {Set<import('node:child_process').ChildProcess>} running */
async function runJob({ commands }, running) {
  let output = '';
  for (const [command, args] of commands) {
    const problem = await new Promise((resolve) => {
      // A group of its own, so that its browsers and servers end with it.
      const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      running.add(child);
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text) => {
          output = (output + text).slice(-KEPT);
        });
      }
      child.on('error', (error) => resolve(`${command} could not be started: install it first (${/** @type {any} */ (error).code})`));
      child.on('close', (code) => {
        running.delete(child);
        resolve(code === 0 ? undefined : `${command} ${args.slice(0, 4).join(' ')} failed`);
      });
    });
    if (problem !== undefined) return { output, problem };
  }
  return { output, problem: undefined };
}

/** Ends all that it started, too. @param {import('node:child_process').ChildProcess} child @param {NodeJS.Signals} signal */
function end(child, signal) {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // It has ended.
  }
}
