/** A process of its own: streams chunks whose text is the moment at which they were sent. */
import { createServer } from 'node:http';

const CHUNKS = 500;
const EVERY = 2;

const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let sent = 0;
  const timer = setInterval(() => {
    if (sent === CHUNKS) {
      clearInterval(timer);
      response.end(`data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`);
      return;
    }
    sent += 1;
    response.write(`data: ${JSON.stringify({ model: 'm-1', choices: [{ index: 0, delta: { content: (performance.timeOrigin + performance.now()).toFixed(4) } }] })}\n\n`);
  }, EVERY);
  response.on('close', () => clearInterval(timer));
}).listen(0, '127.0.0.1', () => process.send?.(`http://127.0.0.1:${server.address().port}/v1`));
