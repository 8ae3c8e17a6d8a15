// Projects of users, built without any configuration: each loads the wasm and streams one answer of a real server.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launchChromium } from '../support/browser.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { consumer, pack, serveFolder, startNext } from './consumer.mjs';

const PROMPT = 'words 40 every 20';
const ANSWER = Array.from({ length: 40 }, (_, at) => `w${at + 1}`).join(' ');
let packed;
let model;
let server;
let browser;

before(async () => {
  [packed, model, browser] = await Promise.all([pack(), startModel(), launchChromium()]);
  server = await startOpenCode({ model });
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await model?.close();
  await packed?.remove();
});

const query = () => new URLSearchParams({ server: server.url, prompt: PROMPT }).toString();

/** Opens the built page and judges what it shows. @param {string} url */
async function assertStreams(url) {
  const page = await browser.newPage();
  const said = [];
  const wasm = [];
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(String(error)));
  page.on('response', (response) => {
    if (response.url().split('?')[0].endsWith('.wasm')) wasm.push(`${response.status()} ${response.headers()['content-type']}`);
  });
  try {
    await page.goto(`${url}?${query()}`);
    const answer = page.locator('[data-testid=answer][data-end]:not([data-end=""])');
    await answer.waitFor({ timeout: 30_000 }).catch(() => assert.fail(`no end; the page said: ${said.join('\n')}`));
    assert.equal(await answer.getAttribute('data-end'), 'done');
    assert.equal((await answer.textContent()).trimEnd(), ANSWER);
    assert.ok(wasm.length > 0, 'no .wasm file was loaded');
    assert.deepEqual([...new Set(wasm)], ['200 application/wasm']);
    assert.deepEqual(said, []);
  } finally {
    await page.close();
  }
}

test('a Node script', async () => {
  const project = await consumer(packed, 'node');
  const { text } = JSON.parse(await project.run(process.execPath, 'main.js', server.url, PROMPT));
  assert.equal(text.trimEnd(), ANSWER);
});

test('a static page', async () => {
  const { path } = await consumer(packed, 'static');
  const site = await serveFolder(path);
  try {
    await assertStreams(site.url);
  } finally {
    await site.close();
  }
});

test('Vite', async () => {
  const project = await consumer(packed, 'vite');
  await project.run(process.execPath, 'node_modules/vite/bin/vite.js', 'build');
  const site = await serveFolder(join(project.path, 'dist'));
  try {
    await assertStreams(site.url);
  } finally {
    await site.close();
  }
});

test('Next.js', async (t) => {
  const project = await consumer(packed, 'next');
  for (const [bundler, flag] of [['Turbopack', '--turbopack'], ['webpack', '--webpack']]) {
    await t.test(bundler, async () => {
      await project.run(process.execPath, 'node_modules/next/dist/bin/next', 'build', flag);
      const site = await startNext(project.path);
      try {
        await assertStreams(site.url);
        const answer = await fetch(`${site.url}answer?${query()}`);
        assert.equal(answer.status, 200);
        assert.equal((await answer.json()).text.trimEnd(), ANSWER);
      } finally {
        await site.close();
      }
    });
  }
});
