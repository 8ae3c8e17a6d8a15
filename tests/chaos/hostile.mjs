// `npm run hostile -- --minutes N [--seed N] [--in chromium]`: a server that does everything wrong at once, for so long; then calm.
import { fork } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { sleep } from '../support/wait.mjs';
import { inPage } from './hostile-page.mjs';

/** What a client may hold, MiB; may stand still, milliseconds; and may need until it is live again, milliseconds. */
export const MOST = { memory: 200, stall: 200, live: 10_000 };

/** Runs a client against such a server. @param {number} seed @param {number} milliseconds @param {string} [place] node or chromium */
export async function hostile(seed, milliseconds, place = 'node') {
  const server = new Worker(new URL('hostile-server.mjs', import.meta.url), { workerData: { seed } });
  const word = () => new Promise((resolve, reject) => {
    server.once('message', resolve);
    server.once('error', reject);
  });
  const { url } = await word();
  let calm = false;
  const begin = performance.now();
  const isCalm = () => calm || performance.now() - begin > milliseconds;
  /** @type {Record<string, number>} */
  let done = {};
  const calmed = async () => {
    if (calm) return;
    calm = true;
    const told = word();
    server.postMessage('calm');
    ({ done } = await told);
  };
  try {
    const found = place === 'chromium' ? await inPage(url, isCalm, calmed) : await inProcess(url, milliseconds, calmed);
    return { ...found, done };
  } finally {
    server.postMessage('end');
    await server.terminate();
  }
}

/** @param {string} url @param {number} milliseconds @param {() => Promise<void>} calmed */
async function inProcess(url, milliseconds, calmed) {
  const client = fork(fileURLToPath(new URL('hostile-client.mjs', import.meta.url)), [url], { execArgv: ['--expose-gc'] });
  const over = new Promise((resolve, reject) => {
    client.once('message', resolve);
    client.once('exit', (code) => reject(new Error(`the client ended with ${code}`)));
  });
  over.catch(() => undefined);
  await Promise.race([sleep(milliseconds), over]);
  await calmed();
  if (client.connected) client.send('calm');
  return over;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' }, in: { type: 'string', default: 'node' } } });
  if (!['node', 'chromium'].includes(values.in)) throw new Error(`--in ${values.in}: there are node and chromium`);
  const found = await hostile(Number(values.seed), Number(values.minutes) * 60_000, values.in);
  console.log(JSON.stringify(found, undefined, 2));
  const wrong = Object.entries(MOST).filter(([name, most]) => found[name] > most).map(([name, most]) => `${name} ${found[name]}, more than ${most}`);
  if (found.troubles.length > 0) wrong.push(`${found.troubles.length} errors that nobody handles`);
  console.log(wrong.length === 0 ? 'hostile: good' : `hostile: ${wrong.join('; ')}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
}
