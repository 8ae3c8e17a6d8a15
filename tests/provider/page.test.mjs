// The page of models: connects, filters, streams, stops, and keeps a key in the vault.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { buildPage, servePage } from '../../scripts/serve.mjs';
import { launchChromium } from '../support/browser.mjs';
import { PATIENCE } from '../support/wait.mjs';
import { delta, say, startMock, stream } from './mock.mjs';

/** @type {Awaited<ReturnType<typeof startMock>>} */
let mock;
let browser;
let site;

before(async () => {
  mock = await startMock((asked) => {
    const { response, method, path, body, headers } = asked;
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-headers', 'authorization, content-type');
    if (method === 'OPTIONS') return void response.writeHead(204).end();
    if (headers.authorization !== 'Bearer sk-page') return void response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":{"message":"bad <b>key</b>"}}');
    if (path === '/v1/models') return { data: [{ id: 'm-1', context_length: 4_096 }, { id: 'starcoder2-3b', pricing: { prompt: '0.000001', completion: '0.000002' } }, { id: '<img src=x>' }] };
    if (body?.messages?.[0].content === 'hang') return void stream(response).send(delta('begun'));
    say(asked);
  });
  browser = await launchChromium();
  await buildPage();
  site = await servePage({ upstream: mock.url.replace('/v1', ''), passwordRequired: false });
});
after(async () => {
  await browser?.close();
  await site?.close();
  await mock?.close();
});

test('the whole way', async () => {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  const said = [];
  page.on('pageerror', (error) => said.push(String(error)));
  try {
    await page.goto(`${site.url}provider/`);
    const at = (id) => page.getByTestId(id);
    await at('endpoint').fill(mock.url);
    await at('open').click();
    await at('problem').filter({ hasText: 'bad <b>key</b>' }).waitFor();
    await at('key').fill('sk-page');
    await at('keep').check();
    await at('open').click();
    await at('row').nth(2).waitFor();
    assert.deepEqual(await at('row').allTextContents(), ['m-14,096', 'starcoder2-3bstarcoder216,384holes1 in, 2 outBigCode-OpenRAIL-M', '<img src=x>']);
    await at('only-fim').check();
    assert.equal(await at('row').count(), 1);
    await at('only-fim').uncheck();
    await at('search').fill('M-1');
    assert.equal(await at('row').count(), 1);

    await at('prefix').fill('Hi');
    await at('send').click();
    await at('told').filter({ hasText: 'stop, 5 + 3 tokens' }).waitFor();
    assert.equal(await at('answer').textContent(), 'Hello');
    await at('plot-requests').filter({ hasText: '1 of 60' }).waitFor();

    await at('model').selectOption('starcoder2-3b');
    await at('kind').selectOption('fim');
    await at('suffix').fill('end');
    await at('send').click();
    await at('told').filter({ hasText: 'stop' }).waitFor();
    assert.match(mock.asked.at(-1).body.prompt, /<fim_prefix>Hi<fim_suffix>end<fim_middle>/);

    await at('kind').selectOption('chat');
    await at('prefix').fill('hang');
    await at('send').click();
    await at('answer').filter({ hasText: 'begun' }).waitFor();
    await at('stop').click();
    await mock.asked.at(-1).closed;
    await page.locator('#send:not([disabled])').waitFor();

    await page.reload();
    await page.waitForFunction(() => /** @type {HTMLInputElement} */ (document.querySelector('#key')).value === 'sk-page');
    assert.deepEqual(await page.evaluate(() => Object.values(localStorage)), [mock.url]);
    assert.deepEqual(said, []);
  } finally {
    await page.close();
  }
});
