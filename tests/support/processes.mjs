// Ending a process that a test started, and what that process started: by id, nothing else.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { waitFor } from './wait.mjs';

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/**
 * The ids of all processes below `pid`. A server starts its shells in groups of their own, so its group alone does not hold them.
 * @param {number} [pid]
 * @returns {number[]}
 */
export function descendants(pid) {
  if (pid === undefined || process.platform === 'win32') return [];
  const parents = table();
  const found = [pid];
  for (const parent of found) for (const [child, of] of parents) if (of === parent && !found.includes(child)) found.push(child);
  return found.slice(1);
}

/** @returns {[number, number][]} pairs of process and parent */
function table() {
  try {
    if (process.platform !== 'linux') {
      const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
      return lines.map((line) => /** @type {[number, number]} */ (line.trim().split(/\s+/).map(Number)));
    }
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
      try {
        // The name in brackets may hold spaces and brackets itself; the parent is the second field after it.
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        return [/** @type {[number, number]} */ ([Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])])];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

/**
 * The ids of all processes that were started with this text in their environment; Linux only. It finds those whose parent is gone.
 * @param {string} mark such as `NAME=value`, one that only the own processes can have
 * @returns {number[]}
 */
export function marked(mark) {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').map(Number).filter((pid) => {
    if (!pid || pid === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark);
    } catch {
      return false;
    }
  });
}

/**
 * @param {ChildProcess} child started detached
 * @param {string} mark see `marked`
 * @param {NodeJS.Signals} [signal] SIGKILL follows when it is not enough
 */
export async function endAll(child, mark, signal = 'SIGTERM') {
  if (child.pid === undefined) return;
  const below = descendants(child.pid);
  if (alive(child)) {
    group(child.pid, signal);
    const quiet = await waitFor(() => !alive(child), { timeout: 3000 }).catch(() => false);
    if (!quiet) {
      group(child.pid, 'SIGKILL');
      await waitFor(() => !alive(child), { message: `the end of process ${child.pid}` });
    }
  }
  sweep(below, mark);
}

/** The same for an exit listener, which cannot wait. @param {ChildProcess} child @param {string} mark */
export function endAllNow(child, mark) {
  const below = descendants(child.pid);
  if (child.pid !== undefined && alive(child)) group(child.pid, 'SIGKILL');
  sweep(below, mark);
}

/** @param {number[]} below @param {string} mark */
function sweep(below, mark) {
  for (const pid of below) {
    // A shell leads a group of its own, with commands in it that started after the list was made.
    if (process.platform !== 'win32') send(-pid, 'SIGKILL');
    send(pid, 'SIGKILL');
  }
  for (const pid of marked(mark)) send(pid, 'SIGKILL');
}

/** @param {ChildProcess} child */
const alive = (child) => child.exitCode === null && child.signalCode === null;

/** @param {number} pid @param {NodeJS.Signals} signal */
function group(pid, signal) {
  if (process.platform !== 'win32') return send(-pid, signal);
  try {
    execFileSync('taskkill', ['/PID', String(pid), '/T', '/F'], { stdio: 'ignore' });
  } catch {
    // It ended by itself.
  }
}

/** @param {number} pid @param {NodeJS.Signals} signal */
function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}
