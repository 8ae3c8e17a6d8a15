// What is measured: node --import usage.mjs server.mjs WAY UPSTREAM FLUSH REDIS prints its address.
import { createServer, request as ask } from 'node:http';
import { createRelay, redisStore, toNodeListener } from '../../dist/relay.js';
import { resumable } from './resumable.mjs';

const [way, upstream, flush, redis] = process.argv.slice(2);
const authorize = (request) => ({ user: request.headers.get('x-user'), sessions: new Set([request.headers.get('x-session')]) });
const limits = { flush: Number(flush), linger: 2_000, patience: 2_000 };
const ways = {
  relay: () => createServer(toNodeListener(createRelay({ upstream, authorize, limits }))),
  'relay on Redis': () => createServer(toNodeListener(createRelay({ upstream, authorize, limits, store: redisStore({ url: redis }) }))),
  'resumable-stream': () => resumable(upstream, redis),
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
const server = await ways[way]();
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
