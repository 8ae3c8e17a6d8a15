// A relay in one of the usual servers: node main.mjs HOST UPSTREAM prints its address.
import { createServer } from 'node:http';
import { createRelay, toNodeListener } from 'opencode-session/relay';

const [host, upstream] = process.argv.slice(2);
const relay = createRelay({ upstream, authorize: () => ({ user: 'ada', sessions: 'all' }) });
const ready = ({ port }) => console.log(`http://127.0.0.1:${port}/oc`);

const hosts = {
  node: () => {
    const server = createServer(toNodeListener(relay)).listen(0, '127.0.0.1', () => ready(server.address()));
  },
  express: async () => {
    const { default: express } = await import('express');
    const app = express();
    app.use('/oc', toNodeListener(relay));
    const server = app.listen(0, '127.0.0.1', () => ready(server.address()));
  },
  fastify: async () => {
    const { default: fastify } = await import('fastify');
    const app = fastify();
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));
    const listener = toNodeListener(relay);
    app.all('/oc/*', (request, reply) => {
      reply.hijack();
      listener(request.raw, reply.raw);
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    ready(app.server.address());
  },
  hono: async () => {
    const { Hono } = await import('hono');
    const { serve } = await import('@hono/node-server');
    const app = new Hono();
    app.all('/oc/*', (context) => relay(context.req.raw));
    serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ready);
  },
};
await hosts[host]();
