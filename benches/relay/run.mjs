// `npm run bench:relay [-- --seconds N]`: what a reader of a relay costs. Starts all it needs, prints one table.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { need } from '../../scripts/lib/tools.mjs';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '20' } } });
const HERE = fileURLToPath(new URL('./', import.meta.url));
const SESSIONS = 20;
const RATE = 50;
const children = [];

await need();

/** A script whose lines are read one by one. */
async function start(script, ...args) {
  const child = spawn(process.execPath, ['--expose-gc', HERE + script, ...args.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value;
  return {
    first: await line(),
    asked: async () => {
      child.stdin.write('\n');
      return JSON.parse(await line());
    },
    stop: async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function measured(way, readers, flush) {
  const upstream = await start('upstream.mjs', SESSIONS, RATE);
  const server = await start('server.mjs', way, upstream.first, flush);
  const empty = await server.asked();
  const reading = await start('readers.mjs', server.first, '/global/event', readers, SESSIONS);
  await sleep(2_000);
  await reading.asked();
  const before = await server.asked();
  await sleep(Number(values.seconds) * 1_000);
  const [after, got] = [await server.asked(), await reading.asked()];
  await reading.stop();
  await sleep(1_500);
  const left = await server.asked();
  for (const each of [server, upstream]) await each.stop();
  const seconds = (after.at - before.at) / 1_000;
  const core = (after.cpu - before.cpu) / (seconds * 1_000);
  return {
    way, readers, flush,
    wanted: readers * RATE,
    delivered: got.deltas / seconds,
    core: `${(core * 100).toFixed(0)} %`,
    perDelta: `${((core * 1e6) / (got.deltas / seconds)).toFixed(1)} us`,
    rss: `${(after.rss / 2 ** 20).toFixed(0)} MB`,
    perReader: `${((after.rss - empty.rss) / readers / 1_024).toFixed(1)} KB`,
    late: `${got.p50} / ${got.p99} ms`,
    ended: got.ended,
    left: `${((left.rss - empty.rss) / 2 ** 20).toFixed(0)} MB`,
  };
}

try {
  const found = [];
  for (const each of [['relay', 100, 50], ['relay', 1_000, 50], ['relay', 5_000, 100], ['proxy', 100, 0], ['proxy', 300, 0]]) {
    found.push(await measured(...each));
    console.error(found.at(-1));
  }
  console.log(`\n${SESSIONS} sessions of ${RATE} deltas a second, ${values.seconds} s each; server, readers and upstream on the same machine\n`);
  console.log('| server | readers | flush, ms | deltas/s wanted | delivered | of a core | CPU of a delta | memory | of a reader | late, p50 / p99 | left after the last |');
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
  for (const { way, readers, flush, wanted, delivered, core, perDelta, rss, perReader, late, left } of found) console.log(`| ${way} | ${readers} | ${flush || ''} | ${wanted} | ${delivered.toFixed(0)} | ${core} | ${perDelta} | ${rss} | ${perReader} | ${late} | ${left} |`);
} finally {
  for (const child of children) child.kill('SIGKILL');
}
