// Projects of users, built without any configuration: each loads the wasm and streams one answer of a real server.
import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launchChromium } from '../support/browser.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { PATIENCE } from '../support/wait.mjs';
import { consumer, pack, serveFolder, startNext, startVite } from './consumer.mjs';

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

/**
 * Opens the page and judges what it shows. A development server says things of its own, and `isWhole` is false where the wasm comes
 * in a script.
 * @param {string} url
 */
async function assertStreams(url, { isWhole = true, isDev = false } = {}) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  const said = [];
  const wasm = [];
  page.on('console', (message) => {
    if (!isDev || !message.text().startsWith('[vite]')) said.push(message.text());
  });
  page.on('pageerror', (error) => said.push(String(error)));
  page.on('response', (response) => {
    if (response.url().split('?')[0].endsWith('.wasm')) wasm.push(`${response.status()} ${response.headers()['content-type']}`);
  });
  try {
    await page.goto(`${url}?${query()}`);
    const answer = page.locator('[data-testid=answer][data-end]:not([data-end=""])');
    await answer.waitFor().catch(() => assert.fail(`no end; the page said: ${said.join('\n')}`));
    assert.equal(await answer.getAttribute('data-end'), 'done');
    assert.equal((await answer.textContent()).trimEnd(), ANSWER);
    if (isWhole) {
      assert.ok(wasm.length > 0, 'no .wasm file was loaded');
      assert.deepEqual([...new Set(wasm)], ['200 application/wasm']);
    }
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

for (const vite of ['5.4.21', '6.4.6', '7.3.8', '8.3.8']) {
  test(`Vite ${vite}`, async (t) => {
    const project = await consumer(packed, 'vite', undefined, { vite });
    await t.test('built', async () => {
      await project.run(process.execPath, 'node_modules/vite/bin/vite.js', 'build');
      const site = await serveFolder(join(project.path, 'dist'));
      try {
        await assertStreams(site.url);
      } finally {
        await site.close();
      }
    });
    // Before 8 the optimizer moves the script away from the wasm, and a page is served in its place.
    await t.test('its development server', async () => {
      const site = await startVite(project.path);
      try {
        await assertStreams(site.url, { isWhole: false, isDev: true });
      } finally {
        await site.close();
      }
    });
  });
}

test('webpack, where .wasm files are modules', async (t) => {
  const project = await consumer(packed, 'webpack');
  for (const entry of ['main', 'inline']) {
    await t.test(entry, async () => {
      await project.run(process.execPath, 'node_modules/webpack-cli/bin/cli.js', '--env', `entry=${entry}`);
      await copyFile(join(project.path, 'index.html'), join(project.path, 'dist', 'index.html'));
      const site = await serveFolder(join(project.path, 'dist'));
      try {
        await assertStreams(site.url, { isWhole: entry === 'main' });
      } finally {
        await site.close();
      }
    });
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
