/** `npm run faults`: what a person sees after each fault, with this package and with its rivals. See ../README.md. */
import { existsSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { launchChromium } from '../../tests/support/browser.mjs';
import { install, isBuilt } from '../install.mjs';
import { PageHost } from '../page-host.mjs';
import { bundle } from '../page-lane.mjs';
import { RIVALS } from '../rivals.mjs';
import { CASES, playCase } from './cases.mjs';
import { Lane } from './lane.mjs';
import { markdown, write } from './table.mjs';
import { World } from './world.mjs';

const USAGE = 'npm run faults -- [--only cut,reload] [--rivals a,b] [--json FILE] [--dry]';
const KEEPER = new URL('../../dist/keeper.js', import.meta.url);

/** Whose pages are judged; the bare parser is the same as the SDK without its reconnecting. */
const COLUMNS = ['opencode-session', 'assistant-ui', 'opencode-sdk', 'ai-sdk'];
const TITLES = {
  'opencode-session': 'opencode-session',
  'assistant-ui': '@assistant-ui/react-opencode, store',
  'opencode-sdk': '@opencode-ai/sdk + reducer',
  'ai-sdk': 'useChat with resume',
};

function options() {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, rivals: { type: 'string' }, json: { type: 'string' }, dry: { type: 'boolean', default: false } },
  });
  const names = values.only?.split(',') ?? CASES.map(({ name }) => name);
  const unknown = names.filter((name) => !CASES.some((each) => each.name === name));
  if (unknown.length > 0) throw new Error(`no case ${unknown}; there are ${CASES.map(({ name }) => name).join(', ')}\n${USAGE}`);
  const columns = values.rivals?.split(',') ?? COLUMNS;
  if (!columns.every((name) => COLUMNS.includes(name))) throw new Error(`--rivals takes ${COLUMNS.join(', ')}\n${USAGE}`);
  const rivals = columns.map((name) => ({ ...RIVALS.find((rival) => rival.name === name), title: TITLES[name] }));
  return { cases: CASES.filter(({ name }) => names.includes(name)), rivals, file: values.json, dry: values.dry };
}

/** All rivals meet the fault at the same time, on the same server. */
async function row(each, world, rivals, { browser, host }) {
  const off = each.answer && world.mock.on('POST', '/session/:id/prompt_async', async ({ next, params }) => {
    await next();
    void each.answer(world.mock, params.id);
  });
  // What happens to the server happens once, when all have come to it.
  let done;
  const all = new Promise((resolve) => {
    done = resolve;
  });
  let waiting = rivals.length;
  const once = (job) => {
    waiting -= 1;
    if (waiting === 0) done(job());
    return all;
  };
  const lanes = rivals.map((rival) => {
    const own = rival.name === 'opencode-session' && existsSync(KEEPER) ? { keeper: true } : {};
    return new Lane({ rival, world, host, browser, throws: each.throws, options: own });
  });
  try {
    for (const lane of lanes) await lane.open();
    const verdicts = await Promise.all(lanes.map((lane) => playCase(each, lane, once)));
    return { name: each.name, title: each.title, cells: Object.fromEntries(rivals.map(({ name }, at) => [name, verdicts[at]])) };
  } finally {
    off?.();
    for (const lane of lanes) await lane.close();
  }
}

async function main() {
  const { cases, rivals, file, dry } = options();
  if (!isBuilt()) throw new Error('dist/ is missing: run "npm run build" first');
  install();
  const scripts = new Map();
  for (const { name } of rivals) scripts.set(name, await bundle(name, `globalThis.open = (where) => watch(rival, where);`, `import { watch } from './faults/page.mjs';`));
  const host = await PageHost.listen(scripts);
  const browser = await launchChromium();
  const worlds = {};
  const rows = [];
  try {
    for (const each of cases) {
      const kind = each.answer ? 'mock' : 'real';
      worlds[kind] ??= await World[kind]();
      rows.push(await row(each, worlds[kind], rivals, { browser, host: host.origin }));
      const { cells } = rows.at(-1);
      process.stderr.write(`${each.name}: ${rivals.map(({ name }) => `${name}: ${cells[name].cell}`).join(' | ')}\n`);
    }
  } finally {
    await browser.close();
    host.close();
    for (const world of Object.values(worlds)) await world.close();
  }
  const table = markdown(rows, rivals);
  console.log(table);
  if (file) writeFileSync(file, `${JSON.stringify(rows, null, 2)}\n`);
  if (!dry && rivals.length === COLUMNS.length) write(table);
}

try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
