// Files that go with a prompt: by content and by address, too large ones, and those that are pasted and dropped on the chat page.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { buildPage, servePage } from '../../scripts/serve.mjs';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';
import { assertProblem, assertSettled, history } from './checks.mjs';
import { onPage, onServers, withStage } from './scene.mjs';
import { watched } from './stage.mjs';
import { TESTED } from '../support/versions.mjs';

const shared = withStage();
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const DATA = `data:image/png;base64,${PIXEL}`;
const filesOf = (messages) => messages.flatMap(({ parts }) => parts).filter(({ type }) => type === 'file');

onServers('attachments', (scene) => {
  describe('of the library', () => {
    /** A host of pictures that any page may read, but one. */
    let host;
    let url;
    before(async () => {
      host = createServer((request, response) => {
        if (!request.url?.startsWith('/closed')) response.setHeader('access-control-allow-origin', '*');
        response.setHeader('content-type', 'image/png');
        response.end(Buffer.from(PIXEL, 'base64'));
      });
      url = `http://${LOOPBACK}:${await listen(host)}`;
    });
    after(() => shut(host));

    test('by file, blob, data, blob: and http: address; the history holds them all', () => onPage(shared, [scene.server.url, url, 'blob:'], async ({ page }) => {
      const seen = await page.evaluate(async ([baseUrl, data, url]) => {
        const session = await drive.open({ baseUrl });
        const blob = await (await fetch(`${url}/dot.png`)).blob();
        const held = URL.createObjectURL(blob);
        const parts = [
          { type: 'file', file: new File([blob], 'a.png', { type: 'image/png' }) },
          { type: 'file', file: blob, filename: 'b.png' },
          { type: 'file', url: data, mime: 'image/png', filename: 'c.png' },
          { type: 'file', url: held, filename: 'd.png' },
          { type: 'file', url: new URL(`${url}/e.png?size=1`) },
        ];
        await drive.turn(session, { text: 'words 2', parts });
        const shown = session.state.messages[0].parts.filter(({ type }) => type === 'file').map(({ url }) => url);
        return { id: session.id, shown, plain: drive.plain(session.state.messages) };
      }, [scene.server.url, DATA, url]);
      const stored = await assertSettled(seen.plain, scene.server, seen.id);
      const files = filesOf(stored);
      assert.deepEqual(files.map(({ filename }) => filename).sort(), ['a.png', 'b.png', 'c.png', 'd.png', 'e.png']);
      assert.ok(files.every(({ url, mime }) => url === DATA && mime === 'image/png'), 'each is the picture itself');
      assert.deepEqual(seen.shown, Array(5).fill(DATA), 'and can be shown from the state');
    }));

    test('too large, or not readable: refused before anything is sent, and the next prompt goes', () => onPage(shared, [scene.server.url, url], async ({ page }) => {
      const seen = await page.evaluate(async ([baseUrl, data, url]) => {
        const session = await drive.open({ baseUrl, limits: { attachments: 1000 } });
        const file = (size) => ({ type: 'file', file: new Blob([new Uint8Array(size)], { type: 'application/pdf' }) });
        const refused = [
          [file(1001)],
          [file(500), file(501)],
          [{ type: 'file', mime: 'image/png', url: `${data}${'A'.repeat(1400)}` }],
          [{ type: 'file', url: `${url}/closed.png` }],
          [{ type: 'file', url: 'blob:null/nothing' }],
        ];
        const problems = [];
        for (const parts of refused) {
          const sent = session.send({ text: 'no', parts });
          problems.push([await drive.problem(sent.stored), await drive.problem(sent.done)]);
        }
        await drive.turn(session, { text: 'words 2', parts: [file(1000)] });
        return { id: session.id, problems };
      }, [scene.server.url, DATA, url]);
      const codes = ['limit_reached', 'limit_reached', 'limit_reached', 'bad_prompt', 'bad_prompt'];
      for (const [at, pair] of seen.problems.entries()) for (const problem of pair) assertProblem(problem, codes[at]);
      assert.match(seen.problems[0][0].message, /limits\.attachments/);
      const stored = await history(scene.server, seen.id);
      assert.equal(stored.filter(({ info }) => info.role === 'user').length, 1);
    }));
  });

  describe('of the chat page', () => {
    let site;
    before(async () => {
      await buildPage();
      site = await servePage({ upstream: scene.server.url, directory: scene.server.directory });
    });
    after(() => site?.close());

    test('pasted and dropped files are previewed, can be taken out, and are sent and shown; too large ones are refused', async () => {
      const opened = await watched(shared.stage.browser);
      const { page } = opened;
      try {
        await page.goto(site.url);
        await page.locator('[data-testid=connection]:not([data-phase=connecting])').waitFor();
        await page.getByTestId('new-session').click();
        await page.waitForURL(/#ses_/);
        await page.evaluate((pixel) => {
          const bytes = Uint8Array.from(atob(pixel), (letter) => letter.charCodeAt(0));
          const transfer = (...files) => {
            const data = new DataTransfer();
            for (const file of files) data.items.add(file);
            return data;
          };
          const picture = (name) => new File([bytes], name, { type: 'image/png' });
          const field = document.querySelector('[data-testid=composer]');
          field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer(picture('pasted.png')), bubbles: true, cancelable: true }));
          const drop = (...files) => document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer(...files), bubbles: true, cancelable: true }));
          drop(picture('dropped.png'), picture('unwanted.png'), new File(['notes'], 'notes.txt', { type: 'text/plain' }));
          drop(new File([new Uint8Array(17 << 20)], 'giant.bin'));
        }, PIXEL);
        const items = page.getByTestId('attachment');
        await items.nth(3).waitFor();
        assert.deepEqual(await items.locator('span').allInnerTexts(), ['pasted.png', 'dropped.png', 'unwanted.png', 'notes.txt']);
        assert.equal(await items.locator('img.preview').count(), 3);
        const wide = () => items.locator('img.preview').evaluateAll((pictures) => pictures.every((picture) => picture.naturalWidth === 1));
        await page.waitForFunction(() => [...document.querySelectorAll('img.preview')].every((picture) => picture.complete));
        assert.ok(await wide(), 'the previews are pictures');
        await page.getByText('giant.bin').first().waitFor();
        await page.getByLabel('Remove unwanted.png').click();
        assert.equal(await items.count(), 3);
        await page.getByTestId('composer').fill('words 3');
        await page.getByTestId('send').click();
        await page.locator('[data-testid=message][data-role=user] img.picture').nth(1).waitFor();
        await page.locator('[data-testid=status][data-status=idle]').waitFor({ state: 'attached' });
        const id = new URL(page.url()).hash.slice(1);
        const stored = await waitFor(async () => {
          const files = filesOf(await history(scene.server, id));
          // The server stores them one by one.
          return files.length > 2 && files.map(({ filename }) => filename).sort();
        }, { message: 'the stored files' });
        assert.deepEqual(stored, ['dropped.png', 'notes.txt', 'pasted.png']);
        assert.deepEqual(opened.said, []);
      } finally {
        await opened.close();
      }
    });
  });
}, { versions: TESTED });
