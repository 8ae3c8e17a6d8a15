/** `npm run bench:long`: what a session of 20,000 messages costs beside one of 100, in Chromium. Ratios of one run. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { launchChromium } from '../../tests/support/browser.mjs';
import { isBuilt } from '../install.mjs';
import { PageHost } from '../page-host.mjs';

const SHORT = 100;
const LONG = 20_000;
/** What a ratio may be at most. Reading copies the list: its cost grows with the window, and is paid once per frame. */
const BOUNDS = { open: 1.5, delta: 1.2, 'delta, window full': 1.2, memory: 2 };

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const rounds = Number(values.rounds);
if (!isBuilt()) throw new Error('dist/ is missing: run "npm run build" first');

const { outputFiles } = await build({
  stdin: { contents: "import * as bench from './measure.mjs'; globalThis.bench = bench;", resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
  bundle: true, write: false, format: 'esm', target: 'esnext', external: ['opencode-session'], logLevel: 'error',
});
const host = await PageHost.listen(new Map([['long', outputFiles[0].text]]));
const browser = await launchChromium({ args: ['--js-flags=--expose-gc'] });
try {
  const ratios = {
    open: await compare((history) => ['opening', history]),
    delta: await compare((history) => ['streaming', history, false]),
    'delta, window full': await compare((history) => ['streaming', history, true]),
    'reading the state, window full': await compare((history) => ['reading', history]),
    memory: await memory(),
  };
  console.log(`| ${LONG} messages beside ${SHORT} | ratio | at most |\n| --- | ---: | ---: |`);
  for (const [name, ratio] of Object.entries(ratios)) console.log(`| ${name} | ${ratio.toFixed(2)}x | ${name in BOUNDS ? `${BOUNDS[name]}x` : ''} |`);
  const over = Object.entries(ratios).filter(([name, ratio]) => name in BOUNDS && !(ratio <= BOUNDS[name]));
  for (const [name] of over) console.error(`over its bound: ${name}`);
  process.exitCode = over.length > 0 ? 1 : 0;
} finally {
  await browser.close();
  host.close();
}

/** The median over rounds of long against short, both in pages of their own that stay. */
async function compare(call) {
  const lanes = [];
  for (const history of [SHORT, LONG]) lanes.push({ ...(await open()), history });
  const measure = async ({ page, devtools, history }) => {
    await devtools.send('HeapProfiler.collectGarbage');
    return page.evaluate(([name, ...rest]) => bench[name](...rest), call(history));
  };
  const found = [];
  for (let round = -2; round < rounds; round += 1) {
    // In turns, so that a machine that slows down is not always unkind to the same.
    const order = round % 2 === 0 ? lanes : lanes.toReversed();
    for (const lane of order) lane.time = await measure(lane);
    const [short, long] = lanes.map(({ time }) => time);
    if (round >= 0) found.push(long / short);
  }
  for (const { context } of lanes) await context.close();
  console.error(`${call(LONG).join(' ')}: ${lanes.map(({ history, time }) => `${history} messages ${(time * 1000).toFixed(1)} µs`).join(', ')} in the last round`);
  return found.sort((a, b) => a - b)[Math.floor(found.length / 2)];
}

/** What the page holds more with a full window than without, against the window's raw JSON. */
async function memory() {
  const { page, devtools, context } = await open();
  const used = async () => {
    for (let round = 0; round < 3; round += 1) await devtools.send('HeapProfiler.collectGarbage');
    const { usedSize, backingStorageSize = 0 } = await devtools.send('Runtime.getHeapUsage');
    return usedSize + backingStorageSize;
  };
  // The first client loads the wasm, and the server of this page prints its history once.
  await page.evaluate((history) => bench.opening(history), LONG);
  const before = await used();
  const raw = await page.evaluate((history) => bench.hold(history), LONG);
  const after = await used();
  console.error(`full window: ${raw} bytes of raw JSON, ${after - before} bytes held`);
  await page.evaluate(() => bench.drop());
  await context.close();
  return (after - before) / raw;
}

/** A page. Each holds both histories of the server: what the engine does for them is not the client's. */
async function open() {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${host.origin}/long.html`, { waitUntil: 'load' });
  for (const history of [SHORT, LONG]) await page.evaluate((history) => bench.prepare(history), history);
  return { context, page, devtools: await context.newCDPSession(page) };
}
