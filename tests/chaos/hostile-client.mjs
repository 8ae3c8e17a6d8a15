// The client of a hostile server, in a process of its own: it reads all there is, and says what it cost.
import { createClient, SessionError } from '../../dist/node.js';
import { sleep, waitFor } from '../support/wait.mjs';

const MiB = 1 << 20;
/** @type {string[]} */
const troubles = [];
process.on('uncaughtException', (error) => troubles.push(`uncaught ${error?.stack}`));
process.on('unhandledRejection', (error) => troubles.push(`unhandled ${error?.stack ?? error}`));
const [url = ''] = process.argv.slice(2);
let calm = false;
process.on('message', () => {
  calm = true;
});

let [stall, beat] = [0, performance.now()];
const watch = setInterval(() => {
  stall = Math.max(stall, performance.now() - beat - 5);
  beat = performance.now();
}, 5);
const held = () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const client = await createClient({ baseUrl: url, limits: { answer: 8 * MiB, event: 4 * MiB, line: 4 * MiB, requestTimeout: 2_000 } });
const before = held();
/** @type {Record<string, number>} */
const codes = {};
const note = (error) => {
  if (!(error instanceof SessionError)) troubles.push(`no SessionError: ${error?.stack ?? error}`);
  codes[error?.code] = (codes[error?.code] ?? 0) + 1;
};
const sessions = [0, 1, 2].map((n) => client.openSession(`ses_${n}`));
for (const session of sessions) {
  session.subscribe(() => session.state.messages.length);
  session.ready.catch(note);
}
const list = await client.sessions.live();
list.subscribe(() => list.state.sessions.length);
list.ready.catch(note);
let most = 0;
while (!calm) {
  const [session] = sessions;
  const calls = [client.health(), client.models(), client.sessions.list(), client.sessions.get('ses_1'), list.loadMore(1), session?.loadOlder(), session?.todo(), session?.send('Hello').stored];
  for (const call of calls) call?.catch(note);
  await sleep(100);
  // Collected first: what is measured is what is held.
  most = Math.max(most, held() - before);
  beat = performance.now();
}
const end = performance.now();
// What was refused for good is asked for again by who uses it.
for (const session of sessions) session.reconnect();
await waitFor(() => sessions.every(({ state }) => state.connection.phase === 'live') && list.state.status === 'live');
const live = performance.now() - end;
clearInterval(watch);
client.close();
await sleep(200);
process.send?.({ stall: Math.round(stall), memory: Math.round(most / MiB), live: Math.round(live), troubles, codes }, () => process.exit(0));
