// Runs in a process whose wasm memory may not grow: an answer larger than it makes the wasm trap. Prints what is left.
import { createClient, SessionError } from '../../dist/node.js';
import { problemOf } from '../../dist/problem.js';
import { Mock } from '../support/mock.mjs';
import { waitFor } from '../support/wait.mjs';

const troubles = [];
process.on('uncaughtException', (error) => troubles.push(`uncaught ${error}`));
process.on('unhandledRejection', (error) => troubles.push(`unhandled ${error}`));

/** @param {Promise<unknown>} promise */
const code = (promise) => promise.then(() => 'ok', (error) => (error instanceof SessionError && error.hint !== '' ? error.code : String(error)));
/** @param {() => unknown} job */
const thrown = (job) => code((async () => job())());

const mock = await new Mock().start();
const { id } = mock.store.createSession({});
const logs = [];
const client = await createClient({ baseUrl: mock.url, onLog: (entry) => logs.push(entry.code) });
const neighbour = await createClient({ baseUrl: mock.url });
const list = await client.sessions.live();
await list.ready;
const session = client.openSession(id);
const beside = neighbour.openSession(id);
await Promise.all([session.ready, beside.ready]);
let told = 0;
session.subscribe(() => {
  told += session.state.connection.phase === 'closed' ? 1 : 0;
});
const steps = [];
const read = (async () => {
  for await (const step of session.changes()) steps.push(step);
})();
mock.on('GET', '/config/providers', ({ res }) => res.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.alloc(24 << 20, '[')));
mock.on('POST', '/session/:id/prompt_async', () => new Promise(() => undefined));
const sent = session.send('Hello');
await waitFor(() => session.state.messages.length === 1);
const opened = mock.opened;
const call = code(client.providers());
const waiting = { call: await call, stored: await code(sent.stored), done: await code(sent.done), settled: await code(session.settled()) };
await waitFor(() => told > 0);
await read;
const found = {
  waiting,
  state: session.state.connection.phase,
  error: session.state.connection.error?.code,
  problem: problemOf(session.state)?.sentence,
  kept: session.state.messages.length,
  changes: steps.at(-1)?.fields?.connection?.phase,
  beside: beside.state.connection.error?.code,
  list: list.state.error?.code,
  after: {
    health: await code(client.health()),
    send: await code(session.send('x').stored),
    older: await code(session.loadOlder()),
    reconnect: await thrown(() => session.reconnect()),
    open: await thrown(() => client.openSession('ses_2')),
    more: await code(list.loadMore()),
    subscribe: await thrown(() => session.subscribe(() => undefined)),
    close: await thrown(() => client.close()),
    again: await thrown(() => client.close()),
    neighbour: await thrown(() => neighbour.close()),
  },
  logs: logs.filter((each) => each === 'crashed').length,
};
const fresh = await createClient({ baseUrl: mock.url });
const opening = fresh.openSession(id);
await opening.ready;
found.fresh = opening.state.connection.phase;
found.streams = mock.opened - opened;
fresh.close();
// What the closed clients had set up would show by now.
await new Promise((resolve) => setTimeout(resolve, 50));
found.troubles = troubles;
console.log(JSON.stringify(found));
await mock.close();
