// Answers: as they look, and through reloads, devices and the end of the process.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { begin, on, scene, start, stored } from './scene.mjs';
import { begins, messages, shows, signedIn, words } from './site.mjs';

test('signs in, sends, and shows Markdown with highlighted code, which can be copied', () => on('ada', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await begin(page, 'markdown');
  const answer = page.locator('.message[data-role=assistant]');
  await answer.locator('blockquote').waitFor();
  await answer.getByRole('heading', { name: 'Heading' }).waitFor();
  assert.equal(await answer.getByRole('cell', { name: '1' }).count(), 1);
  assert.equal(await answer.getByRole('link', { name: 'link' }).getAttribute('href'), 'https://example.com/');
  await answer.locator('.hljs-keyword', { hasText: 'const' }).waitFor();
  await answer.getByRole('button', { name: 'Copy' }).click();
  await answer.getByRole('button', { name: 'Copied' }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'const answer = 6 * 7; // <b>not html</b>\n');
}));

test('a reload and a second device in the middle of an answer show all of it, once', () => on('ada', async (first) => {
  const release = scene.model.hold(20);
  await begin(first.page, 'words 60');
  await begins(first.page);
  await first.page.reload();
  await begins(first.page);
  await on('ada', async (second) => {
    await second.page.goto(first.page.url());
    await begins(second.page);
    release();
    for (const { page } of [first, second]) {
      await shows(page, words(60));
      assert.deepEqual(await messages(page, 'user'), ['words 60']);
      assert.equal((await messages(page, 'assistant')).length, 1);
    }
  });
}));

test('the process is killed in the middle of an answer, and started again: the page says so, and goes on by itself', async () => {
  const { page, close } = await signedIn(scene.browser, scene.site.url, 'ada');
  const prompt = 'words 100';
  const release = scene.model.hold(20);
  await begin(page, prompt);
  await begins(page);
  await scene.site.close('SIGKILL');
  await page.locator('.connection[data-phase=waiting]').waitFor();
  await page.locator('.banner[data-code=unreachable]').waitFor();
  await start();
  release();
  await shows(page, words(100));
  await page.locator('.connection[data-phase=live]').waitFor();
  await page.locator('.banner').waitFor({ state: 'detached' });
  assert.deepEqual(await messages(page, 'user'), [prompt]);
  assert.equal(await stored(page, prompt), 1);
  await close();
});
