// The cases of launchdarkly/sse-contract-tests without its program, through the same adapter: every vector of
// ../conformance/sse/launchdarkly.json over a real connection, and the suite's HTTP and reconnection tests in our words.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { sleep, waitFor } from '../support/wait.mjs';
import { startAdapter } from './adapter.mjs';

const { cases } = JSON.parse(readFileSync(new URL('../conformance/sse/launchdarkly.json', import.meta.url), 'utf8'));
/** @type {Awaited<ReturnType<typeof startAdapter>>} */
let adapter;
/** @type {import('node:http').Server} */
let server;
let url = '';
/** @type {Map<string, (req: import('node:http').IncomingMessage, res: import('node:http').ServerResponse) => void>} */
const routes = new Map();

before(async () => {
  adapter = await startAdapter();
  server = createServer((req, res) => routes.get(req.url?.split('/')[1] ?? '')?.(req, res));
  url = `http://${LOOPBACK}:${await listen(server)}`;
});
after(async () => {
  await adapter?.close();
  if (server) await shut(server);
});

/** A stream whose n-th connection `serve` answers, and what the adapter tells of it. @param {(res: import('node:http').ServerResponse, n: number) => unknown} serve */
async function open(serve, name = `s${routes.size}`) {
  const requests = [];
  const told = [];
  routes.set(name, (req, res) => {
    requests.push(req);
    void serve(res, requests.length);
  });
  routes.set(`${name}-told`, async (req, res) => {
    const pieces = [];
    for await (const piece of req) pieces.push(piece);
    told[Number(req.url?.split('/')[2]) - 1] = JSON.parse(Buffer.concat(pieces).toString());
    res.end();
  });
  const body = JSON.stringify({ streamUrl: `${url}/${name}`, callbackUrl: `${url}/${name}-told`, initialDelayMs: 0 });
  const made = await fetch(adapter.url, { method: 'POST', body });
  const location = made.headers.get('location') ?? '';
  return { requests, told, location, close: () => fetch(location, { method: 'DELETE' }) };
}

/** @param {import('node:http').ServerResponse} res */
function begin(res) {
  res.socket?.setNoDelay(true);
  res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).flushHeaders();
}

const events = (told) => told.filter(({ kind }) => kind === 'event').map(({ event }) => event);

/** @param {(res: any, n: number) => unknown} serve @param {(stream: Awaited<ReturnType<typeof open>>) => Promise<void>} job */
async function onStream(serve, job) {
  const stream = await open(serve);
  try {
    await job(stream);
  } finally {
    await stream.close();
  }
}

describe('vectors over a connection', () => {
  for (const { name, input, items, ends = [''] } of cases.filter(({ input }) => ![input].flat().includes(null))) {
    test(name, async () => {
      for (const end of ends) {
        const bytes = Buffer.concat([input].flat().map((piece) => raw(typeof piece === 'string' ? piece.replaceAll('¶', end) : piece.repeat.repeat(piece.times))));
        const wanted = items.filter(({ data }) => data !== undefined).map(({ event: type = 'message', data, id = '' }) => ({ type, data: raw(data).toString(), id: raw(id).toString() }));
        for (const size of [bytes.length, 2, 1]) {
          // Long ones whole and halved only: a write per byte of them takes minutes.
          const step = bytes.length > 300 ? Math.max(size, Math.ceil(bytes.length / 2)) : size;
          await onStream(async (res) => {
            begin(res);
            for (let at = 0; at < bytes.length; at += step) {
              res.write(bytes.subarray(at, at + step));
              if (step < bytes.length) await new Promise((resolve) => setImmediate(resolve));
            }
          }, async ({ told }) => {
            await waitFor(() => events(told).length >= wanted.length, { message: () => `events: ${JSON.stringify(told).slice(0, 300)}` });
            assert.deepEqual(events(told), wanted, `${JSON.stringify(end)}, ${step} bytes at a time`);
          });
        }
      }
    });
  }
});

describe('HTTP behavior', () => {
  test('default method and headers', () => onStream(begin, async ({ requests }) => {
    const { method, headers } = await waitFor(() => requests[0]);
    assert.deepEqual([method, headers.accept, headers['cache-control'], headers['last-event-id']], ['GET', 'text/event-stream', 'no-cache', undefined]);
  }));

  for (const status of [301, 307]) {
    test(`client does not follow a ${status} redirect`, async () => {
      const target = `t${status}`;
      let asked = 0;
      routes.set(target, (_, res) => {
        asked += 1;
        begin(res);
        res.write('data: hello\n\n');
      });
      await onStream((res) => res.writeHead(status, { location: `${url}/${target}` }).end(), async ({ told }) => {
        await waitFor(() => told.length > 0);
        assert.equal(told[0].kind, 'error');
        assert.equal(asked, 0);
      });
    });

    for (const [what, headers] of [['empty', { location: '' }], ['missing', {}]]) {
      test(`client handles ${what} Location header with ${status} status`, () => onStream((res) => res.writeHead(status, headers).end(), async ({ told }) => {
        await waitFor(() => told.length > 0);
        assert.equal(told[0].kind, 'error');
      }));
    }
  }
});

describe('reconnection', () => {
  test('caller can trigger a restart', () => onStream((res, n) => {
    begin(res);
    res.write(`data: ${n}\n\n`);
  }, async ({ told, location }) => {
    await waitFor(() => told.length === 1);
    await fetch(location, { method: 'POST', body: JSON.stringify({ command: 'restart' }) });
    await waitFor(() => told.length === 2);
    assert.deepEqual(events(told).map(({ data }) => data), ['1', '2']);
  }));

  test('last event ID can be explicitly overridden with an empty value', () => onStream(async (res, n) => {
    begin(res);
    if (n > 1) return;
    res.write('id: abc\ndata: Hello\n\nid: \ndata: World\n\n');
    await sleep(50);
    res.end();
  }, async ({ told, requests }) => {
    await waitFor(() => requests.length === 2);
    assert.deepEqual(events(told).map(({ data, id }) => [data, id]), [['Hello', 'abc'], ['World', '']]);
    assert.equal(requests[1].headers['last-event-id'], undefined);
  }));

  test('discards partial messages on retry', () => onStream(async (res, n) => {
    begin(res);
    if (n > 1) return res.write('data: We meet again\n\n');
    res.write('id: abc\ndata: Hello\n\nid: def\ndata: Goodbye');
    await sleep(50);
    res.socket?.destroy();
  }, async ({ told }) => {
    await waitFor(() => events(told).length === 2);
    assert.deepEqual(events(told).map(({ data, id }) => [data, id]), [['Hello', 'abc'], ['We meet again', 'abc']]);
  }));

  test('new connection established after breaking previous is functional', () => onStream(async (res, n) => {
    begin(res);
    res.write(n === 1 ? 'id: abc\ndata: Hello\n\n' : 'id: def\ndata: World\n\n');
    await sleep(50);
    if (n === 1) res.socket?.destroy();
  }, async ({ told }) => {
    await waitFor(() => events(told).length === 2);
    assert.deepEqual(events(told).map(({ data, id }) => [data, id]), [['Hello', 'abc'], ['World', 'def']]);
  }));
});

/** @param {string} text `\xHH` is a byte */
function raw(text) {
  return Buffer.concat(text.split(/(\\x[0-9a-f]{2})/).map((piece, at) => (at % 2 === 1 ? Buffer.from(piece.slice(2), 'hex') : Buffer.from(piece))));
}
