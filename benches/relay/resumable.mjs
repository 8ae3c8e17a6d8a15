// What the field uses so far: `resumable-stream` over Redis, one stream a session, written by the process that reads the server.
import { createServer, request as ask } from 'node:http';
import { createResumableStreamContext } from 'resumable-stream';
import { createClient } from 'redis';

/** A server whose readers go on where a stream is, from its beginning. @param {string} upstream @param {string} redis */
export async function resumable(upstream, redis) {
  const [publisher, subscriber] = await Promise.all([createClient({ url: redis }).connect(), createClient({ url: redis }).connect()]);
  const context = createResumableStreamContext({ waitUntil: null, publisher, subscriber });
  /** @type {Map<string, ReadableStreamDefaultController<string>>} */
  const writers = new Map();
  /** @type {Map<string, Promise<void>>} */
  const made = new Map();
  ask(`${upstream}/global/event`, (answer) => {
    let rest = '';
    answer.setEncoding('utf8').on('data', (text) => {
      const blocks = (rest + text).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) writers.get(/"sessionID":"(\w+)"/.exec(block)?.[1] ?? '')?.enqueue(`${block}\n\n`);
    });
  }).end();
  const make = async (/** @type {string} */ session) => {
    const own = await context.createNewResumableStream(session, () => new ReadableStream({ start: (writer) => void writers.set(session, writer) }));
    void own?.pipeTo(new WritableStream());
  };
  return createServer(async (request, response) => {
    const session = String(request.headers['x-session']);
    if (!made.has(session)) made.set(session, make(session));
    await made.get(session);
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': open\n\n');
    const stream = await context.resumeExistingStream(session);
    const reader = stream?.getReader();
    response.on('close', () => void reader?.cancel().catch(() => undefined));
    for (;;) {
      const step = await reader?.read();
      if (step === undefined || step.done || response.destroyed) return void response.end();
      response.write(step.value);
    }
  });
}
