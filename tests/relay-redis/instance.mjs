// One instance of a relay, in a process of its own. Arguments: upstream, Redis.
import { createServer } from 'node:http';
import { createRelay, redisStore, toNodeListener } from '../../dist/relay.js';

const [upstream, url] = process.argv.slice(2);
// Who has the upstream's stream leads.
const real = globalThis.fetch;
globalThis.fetch = (input, init) => {
  if (/\/event(\?|$)/.test(String(input))) process.send?.({ leads: true });
  return real(input, init);
};
const relay = createRelay({
  upstream,
  authorize: () => ({ user: 'ada', sessions: 'all' }),
  store: redisStore({ url }, { patience: 500 }),
  limits: { flush: 10, lease: 1_000, storePatience: 500 },
});
const server = createServer(toNodeListener(relay));
server.listen(0, '127.0.0.1', () => process.send?.({ port: server.address().port }));
// Nobody is left behind when the test is gone.
process.on('disconnect', () => process.exit());
