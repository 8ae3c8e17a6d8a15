// What is measured: node server.mjs WAY UPSTREAM FLUSH prints its address, and on each line it reads its CPU time and memory.
import { createServer, request as ask } from 'node:http';
import { createInterface } from 'node:readline';
import { createRelay, toNodeListener } from '../../dist/relay.js';

const [way, upstream, flush] = process.argv.slice(2);
const authorize = (request) => ({ user: request.headers.get('x-user'), sessions: new Set([request.headers.get('x-session')]) });
const ways = {
  relay: () => createServer(toNodeListener(createRelay({ upstream, authorize, limits: { flush: Number(flush), readersPerUser: 10_000 } }))),
  // What people write first: a stream of the server for each reader.
  proxy: () => createServer((request, response) => {
    const own = ask(`${upstream}/global/event`, (answer) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const session = request.headers['x-session'];
      let rest = '';
      answer.setEncoding('utf8').on('data', (text) => {
        const blocks = (rest + text).split('\n\n');
        rest = blocks.pop();
        const mine = blocks.filter((block) => block.includes(session));
        if (mine.length > 0) response.write(`${mine.join('\n\n')}\n\n`);
      });
    }).on('error', () => response.end());
    own.end();
    response.on('close', () => own.destroy());
  }),
};
const server = ways[way]();
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
createInterface({ input: process.stdin }).on('line', () => {
  globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ cpu: (user + system) / 1_000, rss: process.memoryUsage().rss, at: performance.now() }));
});
