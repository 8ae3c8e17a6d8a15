// `npm run continuity -- --server V --browser B --moments N [--keeper on|off]`: all cases on one server and browser, with their figures.
import { parseArgs } from 'node:util';
import { launchEngine } from '../support/engines.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { away, pressure, reloads, secondTab } from './cases.mjs';
import { manyTabs, tooManyTabs } from './tabs.mjs';
import { NEWEST } from '../support/versions.mjs';

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: NEWEST },
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
  const jobs = { [`${values.moments} reloads`]: (where) => reloads(where, Number(values.moments)), 'second tab': secondTab, away, 'many tabs': keeper ? manyTabs : tooManyTabs };
  for (const [name, job] of Object.entries(jobs)) {
    const begin = performance.now();
    let said;
    try {
      said = `good${figures(await job({ engine, server, keeper }))}`;
    } catch (error) {
      failed += 1;
      said = `FAILED: ${error.message}`;
    }
    console.log(`keeper ${keeper ? 'on' : 'off'}, ${name}: ${said} (${((performance.now() - begin) / 1000).toFixed(1)} s, ${pressure().toFixed(1)} processes a core)`);
  }
}
await engine.close();
await server.stop();
await model.close();
process.exitCode = failed > 0 ? 1 : 0;

/** @param {{ caught?: number[], streams?: number } | undefined} seen */
function figures({ caught, streams } = {}) {
  if (caught) return `; loads had shown all words so far after ${caught.map((ms) => (Number.isFinite(ms) ? ms : '–')).join(' ')} ms`;
  return streams === undefined ? '' : `; ${streams} stream at the server`;
}
