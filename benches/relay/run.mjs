// `npm run bench:relay [-- --seconds N] [--only TEXT]`: what a reader of a relay costs, beside others. Starts all it needs, prints its tables.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createClient } from 'redis';
import { need } from '../../scripts/lib/tools.mjs';
import { consumer, pack } from '../../tests/package/consumer.mjs';
import { freePort, LOOPBACK } from '../../tests/support/ports.mjs';
import { startRedis } from '../../tests/support/redis.mjs';
import { waitFor } from '../../tests/support/wait.mjs';
import { install } from '../install.mjs';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '20' }, only: { type: 'string', default: '' } } });
const HERE = fileURLToPath(new URL('./', import.meta.url));
const SESSIONS = 20;
const RATE = 50;
/** Readers that come and go while one stays. */
const CYCLES = 1_000;
/** What is measured: way, readers, flush in ms. */
const ROWS = [['relay', 100, 50], ['relay', 1_000, 50], ['relay', 5_000, 100], ['relay on Redis', 1_000, 50], ['Next.js', 100, 50], ['Next.js', 1_000, 50], ['resumable-stream', 100, 0], ['resumable-stream', 1_000, 0], ['proxy', 100, 0], ['proxy', 300, 0]];
const children = [];

await need();
install();

/** A process whose lines of JSON are read one by one. */
function run(words, options = {}) {
  const child = spawn(process.execPath, ['--expose-gc', ...words], { stdio: ['pipe', 'pipe', 'inherit'], ...options });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value;
  return {
    line,
    asked: async (word = '') => {
      child.stdin.write(`${word}\n`);
      for (;;) {
        const said = await line();
        if (said === undefined) throw new Error(`${words.join(' ')} ended`);
        if (said.startsWith('{')) return JSON.parse(said);
      }
    },
    stop: async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

async function start(script, ...args) {
  const child = run([...(script === 'server.mjs' ? ['--import', `${HERE}usage.mjs`] : []), HERE + script, ...args.map(String)]);
  return { ...child, address: await child.line() };
}

/** The app is built once. */
let app;

async function startNext(upstream, flush) {
  app ??= (async () => {
    const made = await consumer(await pack(), 'next', HERE);
    await made.run(process.execPath, 'node_modules/next/dist/bin/next', 'build');
    return made.path;
  })();
  const port = await freePort();
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', PORT: String(port), HOSTNAME: LOOPBACK, UPSTREAM: upstream, FLUSH: String(flush) };
  const child = run(['--import', `${HERE}usage.mjs`, '.next/standalone/server.js'], { cwd: await app, env });
  const address = `http://${LOOPBACK}:${port}`;
  await waitFor(async () => (await fetch(address)).ok, { message: 'Next.js' });
  return { ...child, address };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const mega = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MB`;

/** Starts upstream, server and readers; `job` measures them. */
async function withServer(way, flush, count, job) {
  const started = [];
  const add = async (promise) => {
    started.unshift(await promise);
    return started[0];
  };
  try {
    const redis = /Redis|resumable/.test(way) ? await add(startRedis()) : undefined;
    const upstream = await add(start('upstream.mjs', SESSIONS, RATE));
    const server = await add(way === 'Next.js' ? startNext(upstream.address, flush) : start('server.mjs', way, upstream.address, flush, redis?.url ?? ''));
    const empty = await server.asked();
    const readers = await add(start('readers.mjs', server.address, way === 'Next.js' ? '/api/opencode/global/event' : '/global/event', count, SESSIONS));
    return await job({ upstream, server, readers, empty, redis });
  } finally {
    for (const each of started) await each.stop();
  }
}

/** What Redis had to do so far. */
async function worked(url) {
  const client = await createClient({ url }).connect();
  const said = await client.info();
  client.destroy();
  const number = (name) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(said)[1]);
  return { cpu: number('used_cpu_user') + number('used_cpu_sys'), into: number('total_net_input_bytes'), out: number('total_net_output_bytes'), commands: number('total_commands_processed') };
}

/** Rows of what Redis did. */
const stores = [];

const measured = (way, count, flush) => withServer(way, flush, count, async ({ server, readers, empty, redis }) => {
  await sleep(2_000);
  await readers.asked();
  const before = await server.asked();
  const idle = redis && (await worked(redis.url));
  await sleep(Number(values.seconds) * 1_000);
  const [after, got] = [await server.asked(), await readers.asked()];
  if (redis) {
    const busy = await worked(redis.url);
    const each = (name) => (busy[name] - idle[name]) / Number(values.seconds);
    stores.push([way, count, `${(each('cpu') * 100).toFixed(1)} %`, each('commands').toFixed(0), `${(each('into') / 1_024).toFixed(0)} KB/s`, `${(each('out') / 1_024).toFixed(0)} KB/s`]);
  }
  await readers.stop();
  await sleep(1_500);
  const left = await server.asked();
  const seconds = (after.at - before.at) / 1_000;
  const core = (after.cpu - before.cpu) / (seconds * 1_000);
  const delivered = got.deltas / seconds;
  return [
    way, count, flush || '', count * RATE, delivered.toFixed(0), `${(core * 100).toFixed(0)} %`, `${((core * 1e6) / delivered).toFixed(1)} us`,
    mega(after.rss), `${((after.rss - empty.rss) / count / 1_024).toFixed(1)} KB`, `${got.p50} / ${got.p99} ms`, `${(got.bytes / seconds / count / 1_024).toFixed(1)} KB/s`, got.ended, mega(left.rss - empty.rss),
  ];
});

/** Memory after readers came and went, of which the first ones warmed it up; and what is open at the server when the last one left. */
const cycled = (way) => withServer(way, 50, 1, async ({ upstream, server, readers }) => {
  await readers.asked(`cycle ${CYCLES / 2}`);
  await sleep(1_500);
  const before = await server.asked();
  await readers.asked(`cycle ${CYCLES}`);
  await sleep(1_500);
  const after = await server.asked();
  const during = (await upstream.asked()).streams;
  await readers.stop();
  const end = await waitFor(async () => {
    const { streams } = await upstream.asked();
    return streams === 0 && { streams };
  }, { message: 'the end of the stream of the server' });
  return [way, CYCLES, mega(before.heapUsed), mega(after.heapUsed), mega(before.rss), mega(after.rss), during, end.streams];
});

async function table(heads, rows, job) {
  const lines = [];
  for (const row of rows.filter((row) => row.join(' ').includes(values.only))) {
    lines.push(`| ${(await job(...row)).join(' | ')} |`);
    console.error(lines.at(-1));
  }
  if (lines.length > 0) console.log(['', `| ${heads.join(' | ')} |`, `| --- |${' ---: |'.repeat(heads.length - 1)}`, ...lines].join('\n'));
}

try {
  console.log(`${SESSIONS} sessions of ${RATE} deltas a second, ${values.seconds} s each; server, readers and upstream on the same machine`);
  await table(['server', 'readers', 'flush, ms', 'deltas/s wanted', 'delivered', 'of a core', 'CPU of a delta', 'memory', 'of a reader', 'late, p50 / p99', 'network of a reader', 'ended', 'left after the last'], ROWS, measured);
  await table(['what Redis does', 'readers', 'of a core', 'commands/s', 'in', 'out'], stores, (...row) => row);
  await table(['server', 'opened and closed', 'heap before', 'after', 'memory before', 'after', 'streams of the server then', 'after the last reader'], [['relay', 'cycles'], ['Next.js', 'cycles']], cycled);
} finally {
  for (const child of children) child.kill('SIGKILL');
}
