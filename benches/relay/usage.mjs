// Loaded into a server that is measured: on each line it reads, it prints its CPU time and memory.
import { createInterface } from 'node:readline';

createInterface({ input: process.stdin }).on('line', () => {
  globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  console.log(JSON.stringify({ cpu: (user + system) / 1_000, rss, heapUsed, at: performance.now() }));
});
