/** The process of one client and one workload. */
import { Bench } from './measure.mjs';

let bench;

process.on('message', async ({ rival, workload, atLeast }) => {
  try {
    if (rival !== undefined) bench = await Bench.load(await import(`../adapters/provider/${rival}.mjs`), workload);
    process.send({ value: rival === undefined ? await bench.sample(atLeast) : null });
  } catch (error) {
    process.send({ error: error.stack ?? String(error) });
  }
});
