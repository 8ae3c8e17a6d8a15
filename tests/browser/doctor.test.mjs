// The doctor's page in Chromium: the same checks from where CORS and proxies bite.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { after, before, test } from 'node:test';
import { buildPage, servePage } from '../../scripts/serve.mjs';
import { HIDING, LOOKS } from '../doctor/hiding.mjs';
import { launchChromium } from '../support/browser.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { freePort, listen, LOOPBACK, shut } from '../support/ports.mjs';
import { PATIENCE } from '../support/wait.mjs';

/** @type {Awaited<ReturnType<typeof startModel>>} */
let model;
/** @type {Awaited<ReturnType<typeof launchChromium>>} */
let browser;

before(async () => {
  model = await startModel();
  browser = await launchChromium();
  await buildPage();
});

after(async () => {
  await browser.close();
  await model.close();
});

/** Looks at a server from a page; gives the states of the checks. */
async function look(server, fill = {}) {
  const site = await servePage({ upstream: server.url, passwordRequired: false });
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  try {
    await page.goto(`${site.url}doctor/`);
    await page.getByTestId('address').and(page.locator(`[name=address]`)).waitFor();
    await page.waitForFunction(() => /** @type {HTMLInputElement} */ (document.querySelector('#address')).value !== '');
    for (const [name, text] of Object.entries({ model: 'scripted/words', ...fill })) await page.getByTestId(name).fill(text);
    await page.getByTestId('run').click();
    await page.getByTestId('copy').waitFor({ timeout: 2 * PATIENCE });
    const items = await page.getByTestId('results').locator('li').all();
    const states = await Promise.all(items.map(async (item) => [
      await item.getAttribute('data-testid'), await item.getAttribute('data-status'), await item.textContent(),
    ]));
    return { states, summary: await page.getByTestId('summary').textContent() };
  } finally {
    await page.close();
    await site.close();
  }
}

test('against a good server all is well, from a page too', async () => {
  const server = await startOpenCode({ model });
  const { states, summary } = await look(server);
  assert.deepEqual(states.filter(([, status]) => status !== 'passed'), []);
  assert.match(summary, /^15 passed, 0 failed, 0 skipped/);
  await server.stop();
});

test('a wrong password is called so, with what to do', async () => {
  const server = await startOpenCode({ model, password: 'secret' });
  const { states } = await look(server, { password: 'wrong' });
  const bad = states.filter(([, status]) => status === 'failed');
  assert.equal(bad.length, 1);
  assert.match(bad[0].join(' '), /check-auth failed .*refuses these credentials.*OPENCODE_SERVER_PASSWORD/);
  await server.stop();
});

test('a front that does not let pages read where older messages begin', async () => {
  const server = await startOpenCode({ model });
  const front = createServer((req, res) => {
    const up = request(server.url + req.url, { method: req.method, headers: req.headers }, (answer) => {
      // A front with CORS headers of its own: the others stay, those of the server go.
      const headers = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => name !== 'access-control-expose-headers'));
      res.writeHead(answer.statusCode ?? 502, headers);
      answer.pipe(res);
    });
    up.on('error', () => res.destroy());
    req.pipe(up);
  });
  const port = await listen(front);
  const { states } = await look({ url: `http://${LOOPBACK}:${port}` });
  const bad = states.filter(([, status]) => status === 'failed');
  assert.equal(bad.length, 1, JSON.stringify(bad));
  assert.match(bad[0].join(' '), /check-older failed .*X-Next-Cursor.*Access-Control-Expose-Headers/);
  await shut(front);
  await server.stop();
});

test('a server that pages may not read is told from one that is not there', async () => {
  const closed = createServer((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"healthy":true,"version":"1.18.33"}'));
  const port = await listen(closed);
  const { states } = await look({ url: `http://${LOOPBACK}:${port}` });
  assert.match(states[0].join(' '), /check-server failed .*may not read it.*--cors http:/);
  await shut(closed);
  const gone = await look({ url: `http://${LOOPBACK}:${await freePort()}` });
  assert.match(gone.states[0].join(' '), /check-server failed .*Nothing answers/);
});

test('what a server says of itself is shown with each of its characters', async () => {
  const evil = HIDING.filter((char) => char !== '\ud800').map((char, at) => `a${at}${char}`).join('');
  const odd = createServer((req, res) => {
    const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*', 'content-type': 'application/json' };
    if (req.url?.startsWith('/global/health')) return void res.writeHead(200, headers).end(JSON.stringify({ healthy: true, version: `1.18.33${evil}\n✓ PASS` }));
    return void res.writeHead(req.method === 'OPTIONS' ? 204 : 500, headers).end();
  });
  const port = await listen(odd);
  const { states } = await look({ url: `http://${LOOPBACK}:${port}` });
  const text = states[0].join(' ');
  assert.match(text, /^check-server passed /);
  assert.doesNotMatch(text, LOOKS);
  assert.equal(text.match(/\u27e8U\+[0-9A-F]{4,6}\u27e9|[\u2400-\u2421]/gu)?.length, HIDING.length, 'each of them, and the line end');
  await shut(odd);
});
