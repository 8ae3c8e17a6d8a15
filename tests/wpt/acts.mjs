// Originals that are a course of events, not a list of bytes. Each is named after its file.
import assert from 'node:assert/strict';
import { extname } from 'node:path';
import { freePort } from '../support/ports.mjs';
import { sleep, waitFor } from '../support/wait.mjs';
import { judge, optionsOf } from './judge.mjs';
import { playCase } from './server.mjs';

/** Longer than any wait between tries of these tests. */
const CALM = 600;
const HELLO = { chunks: ['¤data:<a>\n\n'] };

/** @typedef {Awaited<ReturnType<typeof import('../browser/stage.mjs').startStage>>} Stage */

/** A page, a played case and a client that shows it. @param {Stage} stage @param {any} expected @param {(scene: any) => Promise<void>} job */
async function onCase(stage, expected, job) {
  const played = await playCase(expected.streams, expected);
  const opened = await stage.open({ connect: [played.mock.url] });
  const scene = {
    ...opened,
    played,
    options: optionsOf(expected, played.mock.url),
    observe: (options) => opened.page.evaluate(async ([options, id]) => {
      const { observe } = await import('/page/observe.js');
      drive.observed = await observe(drive.createClient, options, id);
    }, [options, played.id]),
    seen: (streams) => opened.page.evaluate((streams) => drive.observed.seen(streams), streams),
  };
  try {
    await job(scene);
  } finally {
    await opened.close();
    await played.close();
  }
}

const live = { streams: [HELLO], text: ['a'] };

/** The server's stream ends, and no other is asked for. @param {import('./server.mjs').Played} played */
async function ends({ asked }) {
  const before = asked.length;
  await waitFor(() => asked.every(({ ended }) => ended !== undefined), { message: 'the stream to be closed by the client' });
  await sleep(CALM);
  assert.equal(asked.length, before, 'another stream was asked for');
}

/** @param {any} page @param {string} kind @param {object} message */
const inWorker = (page, kind, message) => page.evaluate(([kind, message]) => {
  drive.port ??= kind === 'shared' ? new SharedWorker('/page/worker.js', { type: 'module' }).port : new Worker('/page/worker.js', { type: 'module' });
  const { port } = drive;
  drive.token = (drive.token ?? 0) + 1;
  const token = drive.token;
  const answer = new Promise((resolve, reject) => {
    port.addEventListener('message', ({ data }) => {
      if (data.token === token) data.failed === undefined ? resolve(data.value) : reject(new Error(data.failed));
    });
  });
  port.start?.();
  port.postMessage({ ...message, token });
  return message.job === 'end' ? undefined : drive.soon(answer, `the worker to ${message.job}`);
}, [kind, message]);

/** Runs a case in a worker, then `then`. @param {string} kind @param {any} expected @param {(scene: any) => Promise<void>} [then] */
const workerRuns = (kind, expected, then) => (stage) => onCase(stage, expected, async (scene) => {
  await inWorker(scene.page, kind, { job: 'open', options: scene.options, id: scene.played.id });
  await judge(expected, scene.played, (streams) => inWorker(scene.page, kind, { job: 'seen', streams }));
  await then?.(scene);
});

const BOGUS = ['http://[/', '', 'javascript:1', 'ftp://127.0.0.1/'];
const workerRefuses = (kind) => (stage) => onCase(stage, live, async ({ page }) => {
  for (const baseUrl of BOGUS) assert.equal(await inWorker(page, kind, { job: 'refused', options: { baseUrl } }), 'bad_base_url', baseUrl);
});

/** A server that is not there. @param {(scene: any, options: object) => Promise<void>} open @param {(scene: any) => Promise<any>} look */
const nobody = (open, look) => (stage) => onCase(stage, live, async (scene) => {
  const url = `http://127.0.0.1:${await freePort()}`;
  await open(scene, optionsOf({}, url));
  // Whether the policy of the page or the network refuses it: the client sees no server.
  const seen = await waitFor(async () => {
    const now = await look(scene);
    return now.error !== null && now;
  }, { message: 'an error' });
  assert.equal(seen.error, 'unreachable');
  assert.deepEqual(seen.text, [null]);
});

const closes = (kind) => workerRuns(kind, live, async ({ page, played }) => {
  await inWorker(page, kind, { job: 'close' });
  await ends(played);
});

/** @type {Record<string, (stage: Stage) => Promise<void>>} */
export const ACTS = {
  'eventsource-close.window.js': (stage) => onCase(stage, live, async ({ page, played, options, observe, seen }) => {
    await observe(options);
    await judge(live, played, seen);
    const told = await page.evaluate(() => {
      drive.observed.client.close();
      return drive.observed.seen(1).told;
    });
    await ends(played);
    assert.equal((await seen(1)).told, told, 'a listener was told after the end');
  }),

  'eventsource-eventtarget.any.js': (stage) => onCase(stage, { streams: [{ chunks: ['¤', 'data:<a>\n\n'] }] }, async ({ page, options, observe, seen }) => {
    await observe(options);
    await waitFor(async () => (await seen(1)).text[0] === 'a');
    const told = await page.evaluate(() => {
      drive.observed.stop();
      drive.observed.session.reconnect();
      return drive.observed.seen(1).told;
    });
    await sleep(CALM);
    assert.equal((await seen(1)).told, told, 'a listener that left was told');
  }),

  'eventsource-request-cancellation.window.js': async (stage) => {
    // Leaving the page ends the stream, and nothing asks again.
    await onCase(stage, live, async ({ page, played, options, observe, seen }) => {
      await observe(options);
      await judge(live, played, seen);
      await page.goto('about:blank');
      await ends(played);
    });
    // Unlike EventSource, a chat goes on after window.stop(): only close() ends it.
    const again = { streams: [HELLO, HELLO], text: ['a', 'a'], requests: 2 };
    await onCase(stage, again, async ({ page, played, options, observe, seen }) => {
      await observe(options);
      await waitFor(async () => (await seen(1)).text[0] === 'a');
      await page.evaluate(() => window.stop());
      await judge(again, played, seen);
    });
  },

  'eventsource-constructor-url-bogus.any.js': (stage) => onCase(stage, live, async ({ page }) => {
    for (const baseUrl of BOGUS) {
      const { code } = await page.evaluate((baseUrl) => drive.problem(drive.createClient({ baseUrl })), baseUrl);
      assert.equal(code, 'bad_base_url', baseUrl);
    }
  }),

  'eventsource-constructor-non-same-origin.window.js': nobody(({ observe }, options) => observe(options), ({ seen }) => seen(1)),

  'eventsource-url.any.js': (stage) => onCase(stage, live, async ({ page, played, options, asked }) => {
    // A path, its slash at the end and dots are taken as URLs take them.
    for (const [path, wanted] of [['', '/event'], ['/', '/event'], ['/some/../base/', '/base/event']]) {
      await page.evaluate(async ([options, id]) => {
        const client = await drive.createClient(options);
        client.openSession(id);
        drive.client = client;
      }, [{ ...options, baseUrl: played.mock.url + path }, played.id]);
      await waitFor(() => asked(wanted).length > 0, { message: wanted });
      await page.evaluate(() => drive.client.close());
    }
  }),

  'request-credentials.window.js': async (stage) => {
    const cookie = { name: 'canary', value: 'c00kie', domain: '127.0.0.1', path: '/' };
    // Another origin gets none.
    await onCase(stage, live, async ({ page, played, options, observe, seen }) => {
      await page.context().addCookies([cookie]);
      await observe(options);
      await judge({ ...live, never: ['cookie'] }, played, seen);
    });
    // Unless the caller's own fetch sends them, and the server allows it.
    await onCase(stage, live, async ({ page, played, options, seen }) => {
      await page.context().addCookies([cookie]);
      played.mock.on('*', '*', ({ res, next }) => {
        res.setHeader('access-control-allow-credentials', 'true');
        return next();
      });
      await page.evaluate(async ([options, id]) => {
        const { observe } = await import('/page/observe.js');
        const withCookies = (input, init) => fetch(input, { ...init, credentials: 'include' });
        drive.observed = await observe(drive.createClient, { ...options, fetch: withCookies }, id);
      }, [options, played.id]);
      await judge({ ...live, sent: { cookie: 'canary=c00kie' } }, played, seen);
    });
    // The page's own origin gets them, when the client says who it is.
    await onCase(stage, live, async ({ page, played, options, seen }) => {
      const types = { '.js': 'text/javascript', '.wasm': 'application/wasm' };
      for (const [path, body] of stage.files) played.mock.on('GET', path, ({ reply }) => reply(200, body, { 'content-type': types[extname(path)] }));
      played.mock.on('GET', '/', ({ reply }) => reply(200, '<!doctype html><script type="module" src="/page/drive.js"></script>', { 'content-type': 'text/html' }));
      await page.context().addCookies([cookie]);
      await page.goto(played.mock.url);
      await waitFor(() => page.evaluate(() => 'drive' in globalThis), { message: 'the page module' });
      await page.evaluate(async ([options, id]) => {
        const { observe } = await import('/page/observe.js');
        drive.observed = await observe(drive.createClient, { ...options, identity: 'one' }, id);
      }, [options, played.id]);
      await judge({ ...live, sent: { cookie: 'canary=c00kie' } }, played, seen);
    });
  },

  'dedicated-worker/eventsource-onopen.js': workerRuns('dedicated', { streams: [{ chunks: ['¤'] }], text: [''], phases: ['live'] }),
  'dedicated-worker/eventsource-onmesage.js': workerRuns('dedicated', live),
  'dedicated-worker/eventsource-close.js': closes('dedicated'),
  'dedicated-worker/eventsource-close2.js': workerRuns('dedicated', live, async ({ page, played }) => {
    await inWorker(page, 'dedicated', { job: 'end' });
    await ends(played);
  }),
  'dedicated-worker/eventsource-constructor-url-bogus.js': workerRefuses('dedicated'),
  'dedicated-worker/eventsource-constructor-non-same-origin.js': nobody(
    ({ page, played }, options) => inWorker(page, 'dedicated', { job: 'open', options, id: played.id }),
    ({ page }) => inWorker(page, 'dedicated', { job: 'seen', streams: 1 }),
  ),

  'shared-worker/eventsource-onopen.js': workerRuns('shared', { streams: [{ chunks: ['¤'] }], text: [''], phases: ['live'] }),
  'shared-worker/eventsource-onmesage.js': workerRuns('shared', live),
  'shared-worker/eventsource-close.js': closes('shared'),
  'shared-worker/eventsource-constructor-url-bogus.js': workerRefuses('shared'),
  'shared-worker/eventsource-constructor-non-same-origin.js': nobody(
    ({ page, played }, options) => inWorker(page, 'shared', { job: 'open', options, id: played.id }),
    ({ page }) => inWorker(page, 'shared', { job: 'seen', streams: 1 }),
  ),
};
