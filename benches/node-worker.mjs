/** The process of one rival and one workload. */
import { Bench } from './measure.mjs';

let bench;

process.on('message', async ({ call, rival, workload, atLeast }) => {
  try {
    if (call === 'load') bench = new Bench(await import(`./adapters/${rival}.mjs`), workload);
    process.send({ value: call === 'sample' ? await bench.sample(atLeast) : null });
  } catch (error) {
    process.send({ error: error.stack ?? String(error) });
  }
});
