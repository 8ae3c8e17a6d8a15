// A balancer on loopback: all that comes goes to one of several instances, the one that it was last told.
import { createServer, request as ask } from 'node:http';
import { listen, LOOPBACK, shut } from './ports.mjs';

/** @param {number} first the port of the instance to begin with */
export async function startBalancer(first) {
  let port = first;
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    const onward = ask({ host: LOOPBACK, port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.once('close', () => answer.complete || response.destroy());
    });
    onward.once('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    response.once('close', () => onward.destroy());
    request.pipe(onward);
  });
  const own = await listen(server);
  return {
    url: `http://${LOOPBACK}:${own}`,
    /** Sends everybody to another instance, those on it already too. @param {number} next */
    move(next) {
      port = next;
      server.closeAllConnections();
    },
    close: () => shut(server),
  };
}
