// The lab page on a real server: each fault is clicked during an answer, and our side ends whole.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startLab } from '../../scripts/lib/lab.mjs';
import { buildPage, servePage } from '../../scripts/serve.mjs';
import { waitFor } from '../support/wait.mjs';
import { numbered } from './checks.mjs';
import { NEWEST, onServers, withStage } from './scene.mjs';
import { watched } from './stage.mjs';

const shared = withStage();
before(() => buildPage());

const WORDS = 60;
const shown = (page, view = 'ours') => page.getByTestId(view).getByTestId('shown').textContent();
const verdict = (page, view = 'ours') => page.getByTestId(view).getByTestId('verdict').getAttribute('data-kind');
const points = (page, line) => page.getByTestId(`line-${line}`).getAttribute('data-points').then(Number);

onServers('the lab page', (scene) => {
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

  /** Opens the lab, asks for an answer and waits until it is shown for a good part. @param {(page: import('playwright-core').Page, said: string[]) => Promise<void>} job */
  async function onLab(job, size = { width: 1100, height: 900 }) {
    const { page, said, close } = await watched(shared.stage.browser);
    try {
      await page.setViewportSize(size);
      await page.goto(`${site.url}lab/`);
      await page.waitForURL(/#ses_/);
      await waitFor(async () => (await page.getByTestId('ours').getByTestId('phase').textContent()).includes('live'), { message: 'the live session' });
      await page.getByTestId('ask-text').fill(`words ${WORDS} every 60`);
      await page.getByTestId('ask').click();
      await grown(page);
      await job(page, said);
    } finally {
      await close();
    }
  }

  /** Waits for the middle of an answer. */
  const grown = (page) => waitFor(async () => (await shown(page)).includes('w8'), { message: 'the beginning of the answer' });

  /** Our side ends with the whole answer, and the plot has what each side showed. */
  async function whole(page, text = numbered(WORDS)) {
    await waitFor(async () => (await shown(page)).trim() === text && (await verdict(page)) === 'right', {
      message: () => 'the whole answer',
    });
    await waitFor(async () => (await points(page, 'server')) > 3 && (await points(page, 'ours')) > 3 && (await points(page, 'plain')) > 1, { message: 'the lines of the plot' });
    assert.equal(await page.getByTestId('problem').isHidden(), true);
  }

  test('without a fault both sides are the same as the server', () => onLab(async (page, said) => {
    await whole(page);
    await waitFor(async () => (await shown(page, 'plain')).trim() === numbered(WORDS), { message: 'the whole answer on the other side' });
    assert.deepEqual(said, []);
  }));

  for (const fault of ['drop', 'end', 'reload', 'tab']) {
    test(`"${fault}" in the middle of an answer`, () => onLab(async (page) => {
      const opened = fault === 'tab' ? page.context().waitForEvent('page') : undefined;
      await page.getByTestId(`fault-${fault}`).click();
      const judged = (await opened) ?? page;
      await whole(judged);
      await waitFor(async () => fault === 'tab' || (await page.getByTestId('marks').locator('li').count()) === 1, { message: 'the mark in the plot' });
    }));
  }

  for (const fault of ['reload', 'tab']) {
    test(`"${fault}" with the keeper shows the whole beginning at once, and never a gap`, () => onLab(async (page) => {
      const opened = fault === 'tab' ? page.context().waitForEvent('page') : undefined;
      assert.match(await page.getByTestId('ours').getByTestId('phase').textContent(), /keeper/);
      await page.getByTestId(`fault-${fault}`).click();
      const judged = (await opened) ?? page;
      await grown(judged);
      const seen = [];
      await waitFor(async () => {
        seen.push({ kind: await verdict(judged), text: (await shown(judged)).trim() });
        return seen.at(-1).text === numbered(WORDS);
      }, { message: 'the whole answer' });
      assert.deepEqual(seen.filter(({ kind, text }) => kind === 'gap' || kind === 'wrong' || !numbered(WORDS).startsWith(text)), []);
    }));
  }

  for (const fault of ['mute', 'beats', 'slow', 'duplicate']) {
    test(`"${fault}" switched on and off in the middle of an answer`, () => onLab(async (page) => {
      const button = page.getByTestId(`fault-${fault}`);
      await button.click();
      assert.equal(await button.getAttribute('aria-pressed'), 'true');
      // A history that is late matters only to those who ask for it.
      if (fault === 'slow') await page.getByTestId('fault-drop').click();
      await page.waitForTimeout(1500);
      await page.getByTestId('fault-calm').click();
      assert.equal(await button.getAttribute('aria-pressed'), 'false');
      await whole(page);
    }));
  }

  test('"kill" loses the answer that the server lost, and the next one is whole', () => onLab(async (page) => {
    await page.getByTestId('fault-kill').click();
    await waitFor(async () => (await page.getByTestId('ours').getByTestId('phase').textContent()).includes('live'), { message: 'the session live again' });
    await page.getByTestId('ask-text').fill('words 30 every 20');
    await page.getByTestId('ask').click();
    await waitFor(async () => (await shown(page)).trim().endsWith(numbered(30)), { message: 'the next answer' });
  }));

  test('the controls are for the lab page alone', async () => {
    const asked = (headers, path = 'fault') => fetch(`${site.url}lab/control/${path}`, { method: 'POST', headers, body: '{"drop":null}' }).then(({ status }) => status);
    assert.equal(await asked({ 'x-lab-token': lab.config.token }), 200);
    assert.equal(await asked({}), 403);
    assert.equal(await asked({}, 'restart'), 403);
    assert.equal(await asked({ 'x-lab-token': `${lab.config.token.slice(1)}x` }), 403);
    assert.equal(await asked({ 'x-lab-token': lab.config.token, origin: 'http://evil.example' }), 403);
    assert.equal(await asked({ 'x-lab-token': lab.config.token, host: 'evil.example' }), 200, 'fetch cannot set Host; what arrives is the real one');
    const { headers } = await fetch(`${site.url}config.json`);
    assert.equal(headers.get('access-control-allow-origin'), null);
  });

  test('it fits a narrow screen, and every control has a name', () => onLab(async (page) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${wide} pixels too wide`);
    const nameless = await page.locator('button, input, a').evaluateAll((nodes) => nodes.filter((node) => !node.textContent.trim() && !node.labels?.length).length);
    assert.equal(nameless, 0);
    await whole(page);
  }, { width: 400, height: 800 }));
}, { versions: [NEWEST] });
