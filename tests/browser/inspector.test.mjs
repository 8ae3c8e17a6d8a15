// A bug report from one end to the other: recorded in the chat page, saved, and looked at in the inspector.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildPage, servePage } from '../../scripts/serve.mjs';
import { HIDING, LOOKS } from '../doctor/hiding.mjs';
import { startProxy } from '../support/proxy.mjs';
import { tempDir } from '../support/temp.mjs';
import { waitFor } from '../support/wait.mjs';
import { numbered } from './checks.mjs';
import { NEWEST, onServers, withStage } from './scene.mjs';
import { watched } from './stage.mjs';

const shared = withStage();
before(() => buildPage());
const temp = tempDir('inspector');
after(() => temp.remove());

const answer = '[data-testid=message][data-role=assistant] [data-testid=part][data-type=text]';

onServers('a recording', (scene) => {
  let proxy;
  let site;
  before(async () => {
    proxy = await startProxy({ upstream: scene.server.url });
    site = await servePage({ upstream: proxy.url, directory: scene.server.directory });
  });
  after(async () => {
    await site?.close();
    await proxy?.close();
  });

  /** Presses "Save" in the chat; gives the path of the file. */
  async function save(page, name, { mask }) {
    await page.getByTestId('save-recording').click();
    assert.equal(await page.getByTestId('mask').isChecked(), true, 'the careful way is the default');
    await page.getByTestId('mask').setChecked(mask);
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('dialog-ok').click()]);
    assert.match(download.suggestedFilename(), /^opencode-session-[\dT-]+\.jsonl$/);
    const path = join(temp.path, name);
    await download.saveAs(path);
    return path;
  }

  /** @param {(page: import('playwright-core').Page, said: string[]) => Promise<void>} job */
  async function onInspector(job) {
    const { page, said, close } = await watched(shared.stage.browser);
    try {
      await page.goto(`${site.url}inspector/`);
      await page.getByTestId('file').waitFor();
      await job(page);
      assert.deepEqual(said, []);
    } finally {
      await close();
    }
  }

  const opened = async (page, path) => {
    await page.getByTestId('file').setInputFiles(path);
    await page.locator('[data-testid=loaded]:not([hidden])').waitFor();
  };
  const entryOf = async (page) => Number(/^Entry (\d+),/.exec(await page.getByTestId('detail-title').textContent())?.[1]);
  /** The state that belongs to the chosen entry. */
  const stateText = async (page) => {
    const entry = await entryOf(page);
    await page.locator(`[data-testid=state][data-entry="${entry}"]`).waitFor();
    return page.getByTestId('state').textContent();
  };

  test('of a chat with a break is saved, with its texts and without', async () => {
    const { page, close } = await watched(shared.stage.browser);
    try {
      await page.goto(site.url);
      await page.locator('[data-testid=connection]:not([data-phase=connecting])').waitFor();
      await page.getByTestId('new-session').click();
      await page.waitForURL(/#ses_/);
      const release = scene.model.hold(20);
      await page.getByTestId('composer').fill('words 50 every 120');
      await page.getByTestId('send').click();
      await waitFor(async () => (await page.locator(answer).allTextContents()).join('').includes('w10'), { message: 'the middle of the answer' });
      proxy.drop();
      release();
      await waitFor(async () => (await page.locator(answer).allTextContents()).join('').trim() === numbered(50), { message: 'the whole answer' });
      await page.locator('[data-testid=connection][data-phase=live]').waitFor();
      await save(page, 'kept.jsonl', { mask: false });
      await save(page, 'masked.jsonl', { mask: true });
    } finally {
      await close();
    }
    assert.match(readFileSync(join(temp.path, 'kept.jsonl'), 'utf8'), /w49/);
    assert.doesNotMatch(readFileSync(join(temp.path, 'masked.jsonl'), 'utf8'), /w49|words 50/);
  });

  test('is plotted, and shows the state at each entry', () => onInspector(async (page) => {
    await opened(page, join(temp.path, 'kept.jsonl'));
    assert.match(await page.getByTestId('summary').textContent(), /texts are kept\.Played again: all went as recorded\./);
    assert.ok(Number(await page.getByTestId('growth').getAttribute('data-points')) > 10);
    for (const [what, least] of [['.phase.live', 2], ['.phase.waiting', 1], ['.stream', 2], ['.request', 10], ['.events', 3], ['.log', 5]]) {
      const count = await page.locator(`#chart ${what}`).count();
      assert.ok(count >= least, `${count} of ${what}`);
    }
    assert.match(await stateText(page), /w50/);
    const last = await entryOf(page);
    // With the keyboard alone.
    await page.getByTestId('entries').focus();
    await page.keyboard.press('Home');
    assert.match(await stateText(page), /No session is open yet|messages0/);
    for (const key of ['PageDown', 'ArrowDown', 'ArrowUp', 'ArrowDown']) await page.keyboard.press(key);
    assert.ok((await entryOf(page)) > 10);
    await page.keyboard.press('End');
    await waitFor(async () => (await entryOf(page)) >= last - 5, { message: 'the last entry' });
    const chosen = page.locator('#entries [aria-selected=true]');
    assert.equal(await page.getByTestId('entries').getAttribute('aria-activedescendant'), await chosen.getAttribute('id'));
    // The answer that was half there when the stream broke.
    const broken = page.locator('#entries li', { hasText: /the stream \d+ (breaks|ends)/ }).first();
    await broken.click();
    const then = await stateText(page);
    assert.match(then, /w10 /);
    assert.doesNotMatch(then, /w50/);
    assert.match(await page.getByTestId('detail').textContent(), /came instreamClosed/);
    await page.getByText('All of it as JSON').click();
    assert.match(await page.locator('#state details pre').textContent(), /"phase": "waiting"/);
    // Into the time line, near its end.
    const box = await page.locator('#chart svg').boundingBox();
    await page.mouse.click(box.x + box.width - 30, box.y + box.height - 60);
    assert.ok((await entryOf(page)) > last / 2);
    await page.getByTestId('zoom-in').click();
    assert.ok((await page.locator('#chart svg').boundingBox()).width > box.width * 1.5);
    const count = () => page.locator('#entries li').count();
    const before = await count();
    await page.getByTestId('kind-inside').check();
    assert.ok((await count()) > before || before === 400);
  }));

  test('that is masked shows the same course without its words', () => onInspector(async (page) => {
    await opened(page, join(temp.path, 'masked.jsonl'));
    assert.match(await page.getByTestId('summary').textContent(), /texts are masked\.Played again: all went as recorded\./);
    const text = await stateText(page);
    assert.match(text, /x00 x00/);
    assert.doesNotMatch(text, /w50/);
  }));

  test('that is none, or another one, is told', () => onInspector(async (page) => {
    const other = join(temp.path, 'other.jsonl');
    for (const [content, said] of [
      ['<html>', /The file is no recording of opencode-session\. Choose a file/],
      ['{"format":"opencode-session-recording/9"}\n', /another form/],
      [readFileSync(join(temp.path, 'kept.jsonl'), 'utf8').replace('"in":"open"', '"in":"opens"'), /Line \d+ of the file is no entry/],
    ]) {
      writeFileSync(other, content);
      await page.getByTestId('file').setInputFiles(other);
      await waitFor(async () => said.test(await page.getByTestId('problem').textContent()), { message: String(said) });
      assert.equal(await page.getByTestId('loaded').isHidden(), true);
    }
    writeFileSync(other, readFileSync(join(temp.path, 'kept.jsonl'), 'utf8').replace('"/global/health"', '"/global/wealth"').replace(/"build":"[^"]*"/, '"build":"9.9.9+1"'));
    await opened(page, other);
    assert.match(await page.getByTestId('summary').textContent(), /diverged at entry \d+: recorded was .*health.*; now came .*wealth.*9\.9\.9/);
    await page.getByTestId('show-diverged').click();
    assert.match(await page.getByTestId('detail').textContent(), /went outrequest.*health/);
  }));

  test('is shown with each of its characters', () => onInspector(async (page) => {
    const evil = HIDING.map((char, at) => `a${at}${char}`).join('');
    const [head, ...lines] = readFileSync(join(temp.path, 'kept.jsonl'), 'utf8').split('\n');
    const log = JSON.stringify({ t: JSON.parse(lines[0]).t, log: [2, 'x', evil] });
    const content = [JSON.stringify({ ...JSON.parse(head), host: evil }), log, ...lines].join('\n');
    // A file name is text of UTF-8.
    const name = evil.replaceAll('\ud800', '').replaceAll('\0', '');
    await page.getByTestId('file').setInputFiles({ name: `${name}.jsonl`, mimeType: 'text/plain', buffer: Buffer.from(content) });
    await page.locator('[data-testid=loaded]:not([hidden])').waitFor();
    const line = page.locator('#entries li[data-kind=log]').first();
    const shown = [await page.getByTestId('summary').textContent(), await line.textContent()];
    await line.click();
    shown.push(await page.getByTestId('detail').textContent());
    for (const text of shown) {
      assert.doesNotMatch(text, LOOKS);
      assert.match(text, /a5.*a20/);
    }
    assert.match(shown[0], /on a0\u2400a1\u2407/);
    assert.doesNotMatch(await page.locator('body').evaluate((body) => body.innerHTML), /[\u202e\u3164\u2028\u009b]/);
  }));

  test('can be dropped anywhere on the page', () => onInspector(async (page) => {
    const content = readFileSync(join(temp.path, 'masked.jsonl'), 'utf8');
    await page.evaluate((text) => {
      const data = new DataTransfer();
      data.items.add(new File([text], 'dropped.jsonl'));
      document.body.dispatchEvent(new DragEvent('dragover', { dataTransfer: data, bubbles: true, cancelable: true }));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    }, content);
    await page.locator('[data-testid=loaded]:not([hidden])').waitFor();
    assert.match(await page.getByTestId('summary').textContent(), /^dropped\.jsonl/);
    assert.equal(await page.evaluate(() => document.body.classList.contains('dropping')), false);
  }));
}, { versions: [NEWEST] });
