// The same in pages, in Chromium and Firefox: streams over origins, an end that the server sees, and what a page cannot read.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { ENGINES, launchEngine } from '../support/engines.mjs';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { config, delta, HI, say, startMock, stream } from './mock.mjs';

const TYPES = { js: 'text/javascript', wasm: 'application/wasm' };
/** @type {Awaited<ReturnType<typeof startMock>>} */
let mock;
let site;
let url;
let isOpen = true;

before(async () => {
  mock = await startMock((asked) => {
    const { response, method } = asked;
    if (isOpen) {
      response.setHeader('access-control-allow-origin', '*');
      response.setHeader('access-control-allow-headers', 'authorization, content-type, api-version');
    }
    if (method === 'OPTIONS') return void response.writeHead(204).end();
    if (asked.path === '/v1/chat/completions' && asked.body.messages[0].content === 'hang') return void stream(response).send(delta('a'));
    if (asked.path === '/v1/models') return { data: [{ id: 'starcoder2-3b' }] };
    if (method === 'GET') return {};
    say(asked);
  });
  site = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    const body = path === '/' ? '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">' : await readFile(new URL(`../../dist${path}`, import.meta.url)).catch(() => undefined);
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': TYPES[path.split('.').pop() ?? ''] ?? 'text/html' }).end(body);
  });
  url = `http://${LOOPBACK}:${await listen(site)}/`;
});
after(async () => {
  await mock?.close();
  await shut(site);
});

for (const name of ENGINES) {
  describe(name, () => {
    let engine;
    let profile;
    let tab;
    before(async () => {
      engine = await launchEngine(name);
      profile = await engine.profile();
      tab = await profile.tab(url);
    });
    after(async () => {
      await profile?.close();
      await engine?.close();
    });

    test('streams, lists and fills holes', async () => {
      isOpen = true;
      const seen = await tab.evaluate(async ([config, request]) => {
        const { createProvider } = await import('/provider.js');
        const provider = await createProvider(config);
        const chunks = [];
        for await (const { content, done } of provider.streamChat(request)) chunks.push([content, done]);
        const [model] = await provider.models();
        const hole = await provider.streamFim({ model: model.id, prefix: 'a', suffix: 'b' }).answer();
        return { chunks, fim: model.fim, hole: hole.text, stats: provider.stats().day.requests };
      }, [config(mock.url), HI]);
      assert.deepEqual(seen, { chunks: [['Hel', false], ['lo', false], ['', true]], fim: true, hole: 'Hello', stats: 2 });
    });

    test('a break ends the request at the server', async () => {
      mock.asked.length = 0;
      await tab.evaluate(async ([config, request]) => {
        const { createProvider } = await import('/provider.js');
        const provider = await createProvider(config);
        for await (const _ of provider.streamChat(request)) break;
      }, [config(mock.url), { messages: [{ role: 'user', content: 'hang' }] }]);
      await mock.asked.find(({ method }) => method === 'POST').closed;
    });

    test('a server that answers no page is told from one that is away', async () => {
      isOpen = false;
      const codes = await tab.evaluate(async ([configs, request]) => {
        const { createProvider } = await import('/provider.js');
        const codes = [];
        for (const config of configs) {
          const provider = await createProvider(config);
          codes.push(await provider.chat(request).then(() => 'none', ({ code, hint }) => [code, hint]));
        }
        return codes;
      }, [[config(mock.url, { retry: { maxTries: 1 } }), config('http://127.0.0.1:9/v1', { retry: { maxTries: 1 } })], HI]);
      assert.deepEqual(codes.map(([code]) => code), ['cors', 'unreachable']);
      assert.match(codes[0][1], /relay/);
    });
  });
}
