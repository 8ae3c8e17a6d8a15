// Free loopback ports: the operating system picks, so that runs side by side never meet.
import { createServer } from 'node:net';

export const LOOPBACK = '127.0.0.1';

/** @returns {Promise<number>} a port that nobody listens on at this moment */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, LOOPBACK, () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address());
      probe.close(() => resolve(port));
    });
  });
}

/**
 * Starts an HTTP server on loopback.
 * @param {import('node:http').Server} server
 * @param {number} [port] 0 or absent: the system's choice
 * @returns {Promise<number>} the port
 */
export function listen(server, port = 0) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => {
      server.off('error', reject);
      resolve(/** @type {import('node:net').AddressInfo} */ (server.address()).port);
    });
  });
}

/**
 * Closes an HTTP server at once, open streams included.
 * @param {import('node:http').Server} server
 * @returns {Promise<void>}
 */
export function shut(server) {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
