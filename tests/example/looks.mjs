// axe-core on each page, in both colour schemes, on a desk and on a phone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { watched } from '../browser/stage.mjs';
import { begin, on, scene } from './scene.mjs';
import { send } from './site.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const VIEWPORTS = { desk: { width: 1200, height: 800 }, phone: { width: 375, height: 720 } };

/** What axe-core finds wrong. */
async function found(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run());
  return violations.map(({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`)]);
}

for (const colorScheme of ['light', 'dark']) {
  for (const [name, viewport] of Object.entries(VIEWPORTS)) {
    const options = { colorScheme, viewport, reducedMotion: 'reduce' };
    test(`axe-core finds nothing to sign in with, ${colorScheme}, ${name}`, async () => {
      const { page, close } = await watched(scene.browser, options);
      await page.goto(`${scene.site.url}/login`);
      await page.getByLabel('Your name').waitFor();
      assert.deepEqual(await found(page), []);
      await close();
    });

    test(`axe-core finds nothing in a chat and the list, ${colorScheme}, ${name}`, () => on(`f-${colorScheme}-${name}`, async ({ page }) => {
      assert.deepEqual(await found(page), []);
      await begin(page, 'think 5 markdown');
      await page.locator('blockquote').waitFor();
      await page.locator('.reasoning summary').click();
      await page.getByLabel('Add a tag').fill('docs');
      await page.getByLabel('Add a tag').press('Enter');
      await page.getByRole('button', { name: 'Remove the tag docs' }).waitFor();
      await send(page, 'tool bash: ls');
      await page.getByRole('button', { name: 'Allow once' }).waitFor();
      await page.locator('.tool summary').click();
      assert.deepEqual(await found(page), []);
      await page.getByRole('button', { name: 'Deny' }).click();
      await page.locator('.tool[data-status=error]').waitFor();
      await send(page, 'ask Tea?: Yes | No');
      await page.getByRole('button', { name: 'Answer' }).waitFor();
      if (name === 'phone') await page.getByRole('button', { name: 'Chats', exact: true }).click();
      await page.getByRole('link', { name: /markdown/ }).waitFor();
      assert.deepEqual(await found(page), []);
      // Nothing is wider than the page.
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), viewport.width);
    }, options));
  }
}
