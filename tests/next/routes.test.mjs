// The routes of a Next.js app, from the packed library, in each way to build and run it, before a real server with a password.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from '../support/browser.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { PATIENCE } from '../support/wait.mjs';
import { pack } from '../package/consumer.mjs';
import { build, PASSWORD, project, start, WAYS } from './site.mjs';

const COOKIE = { cookie: 'user=ada' };
let packed;
let app;
let browser;
let model;
let server;
before(async () => {
  model = await startModel();
  [packed, browser, server] = await Promise.all([pack(), launchChromium(), startOpenCode({ model, password: PASSWORD })]);
  app = await project(packed);
});
after(async () => {
  await Promise.all([browser?.close(), server?.stop(), packed?.remove()]);
  await model?.close();
});

/** The whole text of an answer of a scripted `words N`. */
const words = (count) => Array.from({ length: count }, (_, n) => `w${n + 1}`).join(' ');

/** Reads an event stream until it ends, or `until` says so. */
async function events(response, until = () => false) {
  const found = [];
  let text = '';
  const decoder = new TextDecoder();
  for await (const piece of response.body) {
    text += decoder.decode(piece, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data === undefined) continue;
      found.push(data === '[DONE]' ? { type: data } : { position: /^id: (.*)$/m.exec(block)?.[1], ...JSON.parse(data) });
      if (until(found)) return found;
    }
  }
  return found;
}

const said = (found) => found.filter(({ type }) => type === 'delta').map(({ content }) => content).join('');
const post = (site, path, body, headers = {}) => fetch(`${site.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...COOKIE, ...headers }, body: JSON.stringify(body) });

async function visit(site, path, user = 'ada') {
  const context = await browser.newContext();
  await context.addCookies([{ name: 'user', value: user, url: site.url }]);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(`${site.url}${path}`);
  await page.waitForFunction(() => globalThis.chat !== undefined);
  return { page, context };
}
const shows = (page, text) => page.waitForFunction((wanted) => document.querySelector('main').innerText.trim() === wanted, text);
const begins = (page) => page.waitForFunction(() => /^w1 w2 w3/.test(document.querySelector('main').innerText));

for (const [name, way] of Object.entries(WAYS)) {
  test(`Next.js, ${name}`, async (t) => {
    await build(app, way);
    let site = await start(app, way, server.url);
    try {
      await t.test('a prompt, its answer, its history; and further from a position', async () => {
        const response = await post(site, '/api/chat', { message: 'words 20' });
        assert.equal(response.status, 200);
        const found = await events(response);
        assert.equal(said(found).trim(), words(20));
        const { sessionId, promptId } = found[0];
        assert.deepEqual([found[0].type, found.at(-1).type, found.at(-1).finish], ['session', 'done', 'stop']);
        assert.ok(found.every(({ position }) => position?.startsWith(promptId)));
        const history = await (await fetch(`${site.url}/api/chat?sessionId=${sessionId}`, { headers: COOKIE })).json();
        assert.deepEqual([history.session.id, history.messages.length, history.running], [sessionId, 2, undefined]);
        const deltas = found.filter(({ type }) => type === 'delta');
        const half = deltas.slice(0, Math.ceil(deltas.length / 2));
        const rest = await events(await fetch(`${site.url}/api/chat?sessionId=${sessionId}`, { headers: { ...COOKIE, 'last-event-id': half.at(-1).position } }));
        assert.equal(`${said(half)}${said(rest)}`.trim(), words(20));
        assert.equal((await fetch(`${site.url}/api/chat?sessionId=${sessionId}`, { headers: { ...COOKIE, accept: 'text/event-stream' } })).status, 204, 'nothing runs');
        const whole = await (await post(site, '/api/chat', { message: 'words 3', sessionId, stream: false })).json();
        assert.deepEqual([whole.sessionId, whole.text.trim()], [sessionId, words(3)]);
      });

      await t.test('nobody, and somebody else, get nothing', async () => {
        const { sessionId } = await (await post(site, '/api/chat', { message: 'words 2', stream: false })).json();
        assert.equal((await post(site, '/api/chat', { message: 'x', sessionId }, { cookie: '' })).status, 401);
        for (const foreign of [sessionId, 'ses_none']) {
          const refused = await post(site, '/api/chat', { message: 'x', sessionId: foreign }, { cookie: 'user=eve' });
          assert.equal(refused.status, 403, foreign);
          assert.equal((await fetch(`${site.url}/api/chat?sessionId=${foreign}`, { headers: { cookie: 'user=eve' } })).status, 403);
          assert.equal((await fetch(`${site.url}/api/opencode/session/${foreign}`, { headers: { cookie: 'user=eve' } })).status, 403);
        }
        assert.equal((await post(site, '/api/chat', { message: 'x' }, { origin: 'http://evil.example' })).status, 403);
      });

      await t.test('a page on the relay: a reload and a second device in the middle of an answer', async () => {
        const { page, context } = await visit(site, '/');
        const release = model.hold(20);
        await page.evaluate(() => void chat.send('words 60'));
        await begins(page);
        await page.reload();
        await begins(page);
        const address = await page.evaluate(() => location.search);
        const second = await visit(site, `/${address}`);
        await begins(second.page);
        release();
        await Promise.all([shows(page, words(60)), shows(second.page, words(60))]);
        for (const each of [page, second.page]) {
          assert.deepEqual(await each.evaluate(() => ({ ...document.querySelector('main').dataset })), { source: 'relay', phase: 'live', prompts: '1' });
        }
        await Promise.all([context.close(), second.context.close()]);
      });

      await t.test('useChat: an answer, and a reload in the middle of one', async () => {
        const { page, context } = await visit(site, `/ui?id=chat-${name}`);
        const release = model.hold(20);
        await page.evaluate(() => void chat.sendMessage({ text: 'words 60' }));
        await begins(page);
        await page.reload();
        await begins(page);
        release();
        await shows(page, words(60));
        await page.waitForFunction(() => document.querySelector('main').dataset.status === 'ready');
        await context.close();
      });

      if (way.build === undefined) return;
      await t.test('the process ends in the middle of an answer, and another one goes on', async () => {
        const { page, context } = await visit(site, '/');
        const release = model.hold(20);
        await page.evaluate(() => void chat.send('words 80'));
        await begins(page);
        // Open streams do not keep it.
        await site.close('SIGTERM');
        site = await start(app, way, server.url, site.port);
        release();
        await shows(page, words(80));
        assert.equal(await page.evaluate(() => document.querySelector('main').dataset.prompts), '1');
        await context.close();
        const go = model.hold(20);
        const response = await post(site, '/api/chat', { message: 'words 40' });
        const half = await events(response, (found) => said(found).length > 20);
        await site.close('SIGKILL');
        site = await start(app, way, server.url, site.port);
        go();
        const rest = await events(await fetch(`${site.url}/api/chat?sessionId=${half[0].sessionId}`, { headers: { ...COOKIE, 'last-event-id': half.at(-1).position } }));
        assert.equal(`${said(half)}${said(rest)}`.trim(), words(40));
      });
      assert.ok(!site.said().includes(PASSWORD));
    } finally {
      await site.close();
    }
  });
}
