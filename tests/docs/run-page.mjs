// Runs examples one after the other, as `node run-page.mjs FILE…`, and prints one line of JSON for each: what went wrong, or nothing.
import assert from 'node:assert/strict';
import { PATIENCE } from '../support/wait.mjs';

const LONGEST = 2 * PATIENCE;
let problems = [];
globalThis.assert = assert;
globalThis.until = async (probe) => {
  const end = Date.now() + PATIENCE;
  while (!(await probe())) {
    if (Date.now() > end) throw new Error(`waited for ${probe}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};
// What the examples print is theirs.
const print = console.log.bind(console);
console.log = console.warn = console.error = console.debug = () => undefined;
process.on('unhandledRejection', (error) => problems.push(`not handled: ${told(error)}`));
process.on('uncaughtException', (error) => problems.push(`not caught: ${told(error)}`));

for (const file of process.argv.slice(2)) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${LONGEST} ms`)), LONGEST);
  });
  await Promise.race([import(file), late]).catch((error) => problems.push(told(error)));
  clearTimeout(timer);
  // A rejection is called unhandled only after the microtasks.
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
  print(JSON.stringify({ file, problems }));
  problems = [];
}
process.exit(0);

function told(error) {
  const { code, hint } = error ?? {};
  return [code, error?.stack ?? String(error), hint].filter(Boolean).join('\n');
}
