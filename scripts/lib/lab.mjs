// What stands behind the lab page: a fault proxy before the server, a look at what the server makes, and its restart.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { Observer } from '../../benches/faults/observer.mjs';
import { control } from '../../tests/support/proxy-control.mjs';
import { startProxy } from '../../tests/support/proxy.mjs';

/** Longest silence of a server that is started again. */
const DOWN = 1_000;

/**
 * @typedef {import('node:http').IncomingMessage} Req
 * @typedef {import('node:http').ServerResponse} Res
 *
 * @typedef {object} Lab
 * @property {string} baseUrl address of the proxy; only the lab page talks to it
 * @property {{ baseUrl: string, token: string, restart: boolean }} config for the page
 * @property {(request: Req, response: Res, path: string) => boolean} handle takes the requests below `/lab/control/`
 * @property {() => Promise<void>} close
 */

/**
 * @param {{ url: string, restart?: (options: { downtime: number }) => Promise<void> }} server `restart` only for one that this process has started
 * @returns {Promise<Lab>}
 */
export async function startLab({ url, restart }) {
  const proxy = await startProxy({ upstream: url });
  const observer = await new Observer(url).start();
  const faults = control(proxy);
  const token = randomBytes(24).toString('base64url');
  /** @type {Promise<void> | undefined} */
  let restarting;

  /** @type {Record<string, (request: Req, response: Res, query: URLSearchParams) => unknown>} */
  const routes = {
    fault: (request, response) => faults(request, response, '/__fault'),
    produced: (_, response, query) => reply(response, 200, produced(observer, query)),
    restart(request, response) {
      if (!restart) return reply(response, 404, { message: 'not my server' });
      if (request.method !== 'POST') return reply(response, 405, { message: 'POST only' });
      restarting ??= restart({ downtime: DOWN }).finally(() => {
        restarting = undefined;
      });
      restarting.then(() => reply(response, 200, {}), (error) => reply(response, 500, { message: String(error) }));
    },
  };

  return {
    baseUrl: proxy.url,
    config: { baseUrl: proxy.url, token, restart: restart !== undefined },
    handle(request, response, path) {
      const [, name] = /^\/lab\/control\/(\w+)$/.exec(path) ?? [];
      if (name === undefined || !Object.hasOwn(routes, name)) return false;
      if (!allowed(request, token)) reply(response, 403, { message: 'only for the lab page' });
      else routes[name](request, response, new URL(request.url ?? '/', 'http://lab').searchParams);
      return true;
    },
    async close() {
      await observer.close();
      await proxy.close();
    },
  };
}

/** A page of another origin can neither read the token nor send this header without being asked first. @param {Req} request @param {string} token */
function allowed({ headers }, token) {
  const { origin, host } = headers;
  if (origin !== undefined && origin !== `http://${host}`) return false;
  const given = Buffer.from(String(headers['x-lab-token'] ?? ''));
  const wanted = Buffer.from(token);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** The growth of the answers since point `from`, and their whole text. @param {Observer} observer @param {URLSearchParams} query */
function produced(observer, query) {
  const session = query.get('session') ?? '';
  if (!/^ses_\w+$/.test(session)) return { next: 0, points: [], text: '' };
  if (!observer.follows(session)) void observer.join(session);
  const moments = observer.moments(session);
  const from = Math.max(0, Number(query.get('from')) || 0);
  return { next: moments.length, points: moments.slice(from).map(({ at, text }) => [at, text.length]), text: observer.text(session), busy: observer.busy(session) };
}

/** @param {Res} response @param {number} status @param {unknown} value */
function reply(response, status, value) {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(value));
}
