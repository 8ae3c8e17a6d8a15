/** `npm run interop`: every feature on every version, and the table of it in README.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startStage } from '../browser/stage.mjs';
import { FEATURES, featuresOf, play } from './features.mjs';
import { openWorld, VERSIONS } from './world.mjs';

const README = new URL('../../README.md', import.meta.url);
const MARKS = ['<!-- interop: begin -->', '<!-- interop: end -->'];

const { values } = parseArgs({ options: { versions: { type: 'string' }, only: { type: 'string' }, dry: { type: 'boolean', default: false } } });
const versions = values.versions?.split(',') ?? VERSIONS.map(({ version }) => version);
const wanted = ({ name }) => values.only === undefined || values.only.split(',').includes(name);
const features = FEATURES.filter(wanted);
if (features.length === 0) throw new Error(`no feature ${values.only}; there are ${FEATURES.map(({ name }) => name).join(', ')}`);

/** @type {Map<string, Map<string, string>>} */
const cells = new Map();
let failed = 0;
let played = 0;
const stage = await startStage();
try {
  for (const version of versions) {
    const world = await openWorld(version);
    const column = new Map();
    cells.set(version, column);
    for (const feature of featuresOf(version).filter(wanted)) {
      const outcome = await play({ ...world, stage }, feature).then(() => 'yes', (error) => error);
      played += 1;
      if (outcome !== 'yes') {
        failed += 1;
        console.error(outcome);
      }
      column.set(feature.name, outcome === 'yes' ? 'yes' : '**no**');
      console.log(`${version}  ${outcome === 'yes' ? 'yes' : 'NO '}  ${feature.name}`);
    }
    await world.close();
  }
} finally {
  await stage.close();
}

const whole = values.versions === undefined && values.only === undefined;
if (whole && !values.dry) writeFileSync(README, replaced(readFileSync(README, 'utf8'), table()));
console.log(`${table()}\n\n${failed} of ${played} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function table() {
  const row = (cells) => `| ${cells.join(' | ')} |`;
  return [
    row(['', ...versions]),
    row(['---', ...versions.map(() => ':---:')]),
    ...features.map(({ name }) => row([name, ...versions.map((version) => cells.get(version)?.get(name) ?? '–')])),
  ].join('\n');
}

function replaced(text, table) {
  const [begin, end] = MARKS.map((mark) => text.indexOf(mark));
  if (begin < 0 || end < begin) throw new Error(`README.md has no ${MARKS.join(' … ')}`);
  return `${text.slice(0, begin + MARKS[0].length)}\n${table}\n${text.slice(end)}`;
}
