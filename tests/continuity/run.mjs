// `npm run continuity -- --server V --browser B --moments N [--keeper on|off]`: all cases on one server and browser, with their figures.
import { parseArgs } from 'node:util';
import { launchEngine } from '../support/engines.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { away, reloads, secondTab } from './cases.mjs';

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: '1.18.33' },
    browser: { type: 'string', default: 'chromium' },
    moments: { type: 'string', default: '20' },
    keeper: { type: 'string', default: 'both' },
  },
});
const model = await startModel();
const server = await startOpenCode({ model, version: values.server });
const engine = await launchEngine(values.browser);
console.log(`server ${server.version}, ${engine.name} ${engine.version}`);
let failed = 0;
for (const keeper of values.keeper === 'both' ? [true, false] : [values.keeper === 'on']) {
  for (const [name, job] of Object.entries({ [`${values.moments} reloads`]: (where) => reloads(where, Number(values.moments)), 'second tab': secondTab, away })) {
    const begin = performance.now();
    const told = await job({ engine, server, keeper }).then(({ cases, caught }) => `good, ${cases} loads; all words shown after ${caught.map(shown).join(' ')} ms`, (error) => {
      failed += 1;
      return `FAILED: ${error.message}`;
    });
    console.log(`keeper ${keeper ? 'on' : 'off'}, ${name}: ${told} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
  }
}
await engine.close();
await server.stop();
await model.close();
process.exitCode = failed > 0 ? 1 : 0;

/** @param {number} ms */
function shown(ms) {
  return Number.isFinite(ms) ? ms : '–';
}
