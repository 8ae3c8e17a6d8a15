// `npm run hostile -- --minutes N [--seed N]`: a server that does everything wrong at once, for so long; then calm.
import { fork } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { sleep } from '../support/wait.mjs';

/** What a client may hold, MiB; may stand still, milliseconds; and may need until it is live again, milliseconds. */
export const MOST = { memory: 200, stall: 200, live: 10_000 };

/** Runs a client against such a server. @param {number} seed @param {number} milliseconds */
export async function hostile(seed, milliseconds) {
  const server = new Worker(new URL('hostile-server.mjs', import.meta.url), { workerData: { seed } });
  const { url } = await new Promise((resolve, reject) => {
    server.once('message', resolve);
    server.once('error', reject);
  });
  const client = fork(fileURLToPath(new URL('hostile-client.mjs', import.meta.url)), [url], { execArgv: ['--expose-gc'] });
  const over = new Promise((resolve, reject) => {
    client.once('message', resolve);
    client.once('exit', (code) => reject(new Error(`the client ended with ${code}`)));
  });
  over.catch(() => undefined);
  await Promise.race([sleep(milliseconds), over]);
  const told = new Promise((resolve) => {
    server.once('message', resolve);
  });
  server.postMessage('calm');
  const { done } = await told;
  if (client.connected) client.send('calm');
  try {
    return { ...(await over), done };
  } finally {
    server.postMessage('end');
    await server.terminate();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } } });
  const found = await hostile(Number(values.seed), Number(values.minutes) * 60_000);
  console.log(JSON.stringify(found, undefined, 2));
  const wrong = Object.entries(MOST).filter(([name, most]) => found[name] > most).map(([name, most]) => `${name} ${found[name]}, more than ${most}`);
  if (found.troubles.length > 0) wrong.push(`${found.troubles.length} errors that nobody handles`);
  console.log(wrong.length === 0 ? 'hostile: good' : `hostile: ${wrong.join('; ')}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
}
