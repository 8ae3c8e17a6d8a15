/** Rivals in Node: one process for each. */
import { fork } from 'node:child_process';

const WORKER = new URL('./node-worker.mjs', import.meta.url);

export class NodeLanes {
  #children = new Set();

  /** @param {string} rival @param {string} workload */
  async open(rival, workload) {
    // React and its stores check more in development; nobody ships that.
    const env = { ...process.env, NODE_ENV: 'production' };
    const child = fork(WORKER, [], { execArgv: ['--expose-gc', '--no-warnings'], env });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    const ask = (message) =>
      new Promise((resolve, reject) => {
        const stop = (code) => reject(new Error(`the process ended with ${code}`));
        child.once('exit', stop);
        child.once('message', ({ value, error }) => {
          child.off('exit', stop);
          if (error) reject(new Error(error));
          else resolve(value);
        });
        child.send(message);
      });
    await ask({ call: 'load', rival, workload });
    return {
      sample: (atLeast) => ask({ call: 'sample', atLeast }),
      close: () => child.kill(),
    };
  }

  /** Also those that failed before they were handed out: a living child would keep this process alive. */
  close() {
    for (const child of this.#children) child.kill();
  }
}
