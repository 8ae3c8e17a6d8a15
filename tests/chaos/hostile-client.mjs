// The client of a hostile server, in a process of its own.
import * as library from '../../dist/node.js';
import { PATIENCE, sleep } from '../support/wait.mjs';
import { load } from './hostile-load.mjs';

/** @type {string[]} */
const troubles = [];
process.on('uncaughtException', (error) => troubles.push(`uncaught ${error?.stack}`));
process.on('unhandledRejection', (error) => troubles.push(`unhandled ${error?.stack ?? error}`));
const [url = ''] = process.argv.slice(2);
let calm = false;
process.on('message', () => {
  calm = true;
});
// Collected first: what is measured is what is held.
const held = () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const before = held();
const client = await load(library, url);
let most = 0;
while (!calm) {
  await sleep(500);
  most = Math.max(most, (await client.aside(held)) - before);
}
const { troubles: more, ...found } = await client.end(PATIENCE);
process.send?.({ ...found, memory: Math.round(most / (1 << 20)), troubles: [...troubles, ...more] }, () => process.exit(0));
