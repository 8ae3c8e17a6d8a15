// axe-core on every page, in both colour schemes, with an answer on it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { startLab } from '../../scripts/lib/lab.mjs';
import { buildPage, servePage } from '../../scripts/serve.mjs';
import { NEWEST, onServers, withStage } from './scene.mjs';
import { watched } from './stage.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shared = withStage();
before(() => buildPage());

/** What brings each page into the state that is looked at. */
const PAGES = {
  '': async (page) => {
    await page.getByTestId('composer').fill('words 20 every 10');
    await page.getByTestId('send').click();
    await page.locator('[data-testid=message][data-role=assistant] .meta').waitFor();
  },
  'lab/': async (page) => {
    await page.waitForURL(/#ses_/);
    await page.getByTestId('ask-text').fill('words 20 every 10');
    await page.keyboard.press('Enter');
    await page.getByTestId('ours').locator('[data-testid=verdict][data-kind=right]').waitFor();
  },
  'doctor/': async (page) => void await page.locator('h1').waitFor(),
  'provider/': async (page) => void await page.getByTestId('plots').locator('figure').first().waitFor(),
  'inspector/': async (page) => void await page.locator('h1').waitFor(),
};

onServers('axe-core', (scene) => {
  let site;
  let lab;
  before(async () => {
    lab = await startLab({ url: scene.server.url, restart: (options) => scene.server.restart(options) });
    site = await servePage({ upstream: scene.server.url, directory: scene.server.directory, lab });
  });
  after(async () => {
    await site?.close();
    await lab?.close();
  });

  for (const colorScheme of ['light', 'dark']) {
    for (const [path, prepare] of Object.entries(PAGES)) {
      test(`finds nothing on /${path}, ${colorScheme}`, async () => {
        const { page, close } = await watched(shared.stage.browser);
        page.setDefaultTimeout(30_000);
        try {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          await page.goto(`${site.url}${path}`);
          await prepare(page);
          await page.evaluate(AXE);
          const { violations } = await page.evaluate(() => axe.run());
          assert.deepEqual(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`)]), []);
        } finally {
          await close();
        }
      });
    }
  }
}, { versions: [NEWEST] });
