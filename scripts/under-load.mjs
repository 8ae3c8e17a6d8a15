// `npm run under-load -- [--runs 5] [STEP…]`: the tests while every core is kept busy by something else. None may depend on speed.
import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { root } from './lib/tools.mjs';

const { values, positionals } = parseArgs({ options: { runs: { type: 'string', default: '5' } }, allowPositionals: true });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs takes a number of 1 or more');

const busy = Array.from({ length: availableParallelism() }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
const rows = [];
try {
  for (let run = 1; run <= runs; run += 1) {
    const begin = performance.now();
    const { status } = spawnSync(process.execPath, ['scripts/test.mjs', ...positionals], { cwd: root, stdio: 'inherit' });
    rows.push(`run ${run}: ${status === 0 ? 'green' : 'RED'}, ${((performance.now() - begin) / 1000).toFixed(0)} s`);
    if (status !== 0) process.exitCode = 1;
  }
} finally {
  for (const child of busy) child.kill();
}
console.log(`\n${positionals.join(' ') || 'all steps'}, ${busy.length} cores kept busy:\n${rows.join('\n')}`);
