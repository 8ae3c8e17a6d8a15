// The demo page as a person uses it: typing, clicking, reloading. On real servers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { buildPage, servePage } from '../../scripts/serve.mjs';
import { call } from '../support/events.mjs';
import { PATIENCE, waitFor } from '../support/wait.mjs';
import { numbered } from './checks.mjs';
import { onServers, withStage } from './scene.mjs';
import { watched } from './stage.mjs';

const shared = withStage();
before(() => buildPage());

const part = '[data-testid=message][data-role=assistant] [data-testid=part]';
const textParts = `${part}[data-type=text]`;

/** Writes a prompt and sends it with the button. */
async function say(page, text) {
  await page.getByTestId('composer').fill(text);
  await page.getByTestId('send').click();
}

const idle = (page) => page.locator('[data-testid=status][data-status=idle]').waitFor({ state: 'attached' });
const shown = (page, selector = textParts) => page.locator(selector).allInnerTexts().then((texts) => texts.map((text) => text.trim()));
/** All messages as they stand on the screen: role, key, and each part with its text. */
const screen = (page) => page.getByTestId('message').evaluateAll((nodes) => nodes.map((node) => ({
  role: node.dataset.role,
  parts: [...node.querySelectorAll('[data-testid=part]')].map((each) => ({ type: each.dataset.type, continuity: each.dataset.continuity, text: each.textContent })),
})));

onServers('the chat page', (scene) => {
  let site;
  before(async () => {
    site = await servePage({ upstream: scene.server.url, directory: scene.server.directory });
  });
  after(() => site?.close());

  /** @param {(opened: Awaited<ReturnType<typeof watched>>) => Promise<void>} job */
  async function onChat(job) {
    const opened = await watched(shared.stage.browser);
    try {
      await opened.page.goto(site.url);
      await opened.page.locator('[data-testid=connection]:not([data-phase=connecting])').waitFor();
      await opened.page.getByTestId('new-session').click();
      await opened.page.waitForURL(/#ses_/);
      await job(opened);
      assert.deepEqual(opened.said, []);
    } finally {
      await opened.close();
    }
  }

  test('an answer grows on the screen, is whole, and is the same after a reload', () => onChat(async ({ page }) => {
    await say(page, 'words 40 every 100');
    const steps = await page.evaluate(([selector, patience]) => new Promise((resolve) => {
      const steps = [];
      const look = () => {
        const text = document.querySelector(selector)?.textContent.trim() ?? '';
        if (text !== (steps.at(-1) ?? '')) steps.push(text);
        if (/\bw40$/.test(text)) {
          watcher.disconnect();
          resolve(steps);
        }
      };
      const watcher = new MutationObserver(look);
      watcher.observe(document.body, { subtree: true, childList: true, characterData: true });
      setTimeout(() => { watcher.disconnect(); resolve(steps); }, patience);
      look();
    }), [textParts, PATIENCE]);
    assert.equal(steps.at(-1), numbered(40));
    assert.ok(steps.length > 1, `${steps.length} steps`);
    for (const [at, text] of steps.entries()) assert.ok(numbered(40).startsWith(text) && text.length >= (steps[at - 1] ?? '').length, `step ${at}: "${text}"`);
    await idle(page);
    const before = await screen(page);
    await page.reload();
    await waitFor(async () => (await shown(page)).length === 1, { message: 'the messages after the reload' });
    await idle(page);
    await waitFor(async () => isDeepStrictEqual(await screen(page), before), { message: 'the same screen' }).catch(() => undefined);
    assert.deepEqual(await screen(page), before);
    assert.deepEqual(before.map(({ role }) => role), ['user', 'assistant']);
  }));

  test('what is typed while a new chat is being made stays in the field', () => onChat(async ({ page }) => {
    const first = page.url();
    await say(page, 'words 1');
    await idle(page);
    await waitFor(async () => (await shown(page)).length === 1, { message: 'the first answer' });
    let go = () => undefined;
    const gate = new Promise((resolve) => { go = resolve; });
    await page.route(/\/session(\?.*)?$/, async (route) => {
      if (route.request().method() === 'POST') await gate;
      await route.continue();
    });
    await page.getByTestId('new-session').click();
    await page.getByTestId('composer').fill('typed early');
    go();
    await page.waitForURL((url) => url.href !== first);
    assert.equal(await page.getByTestId('composer').inputValue(), 'typed early');
  }));

  test('prompts that are not stored yet say what they wait for', () => onChat(async ({ page }) => {
    let go = () => undefined;
    const gate = new Promise((resolve) => { go = resolve; });
    await page.route(/\/prompt_async(\?.*)?$/, async (route) => {
      await gate;
      await route.continue();
    });
    await say(page, 'words 1');
    await say(page, 'words 2');
    const waits = () => page.getByTestId('wait').allInnerTexts();
    const wanted = ['Sending…', 'Waits for the message before it.'];
    await waitFor(async () => isDeepStrictEqual(await waits(), wanted), { message: 'what they wait for' });
    go();
    // The answers are not waited for: 1.1.65 may leave a prompt unanswered that it stores just as the turn before it ends.
    await waitFor(async () => (await waits()).length === 0, { message: 'nothing waits' });
    await idle(page);
  }));

  test('a permission is allowed with a click, and the tool runs', () => onChat(async ({ page }) => {
    await say(page, 'tool bash: echo from-the-tool then words 5');
    await page.getByTestId('permission').waitFor();
    await page.getByTestId('permission-once').click();
    await page.getByTestId('permission').waitFor({ state: 'detached' });
    await waitFor(async () => (await shown(page)).at(-1) === numbered(5), { message: () => 'the answer after the tool' });
    await idle(page);
    const tool = page.locator(`${part}[data-type=tool]`);
    assert.equal(await tool.count(), 1);
    assert.match(await tool.textContent(), /from-the-tool/);
  }));

  test('a permission is rejected with a click', () => onChat(async ({ page }) => {
    await say(page, 'tool bash: touch rejected-file');
    await page.getByTestId('permission-reject').click();
    await page.getByTestId('permission').waitFor({ state: 'detached' });
    await idle(page);
    const id = new URL(page.url()).hash.slice(1);
    const tool = async () => (await call(scene.server, 'GET', `/session/${id}/message`)).flatMap(({ parts }) => parts).find(({ type }) => type === 'tool');
    const ended = await waitFor(async () => {
      const now = await tool();
      return now.state.status !== 'running' && now;
    }, { message: 'the end of the tool' });
    assert.equal(ended.state.status, 'error');
  }));

  test('stop ends a long answer', () => onChat(async ({ page }) => {
    await say(page, 'words 2000 every 20');
    await waitFor(async () => (await shown(page)).join('').includes('w3'), { message: 'the first words' });
    await page.getByTestId('stop').click();
    await page.getByTestId('stop').waitFor({ state: 'hidden' });
    const [text] = await shown(page);
    assert.ok(numbered(2000).startsWith(text) && text.length < numbered(2000).length, text.slice(-50));
    // The next prompt is answered as ever.
    await say(page, 'words 3');
    await waitFor(async () => (await shown(page)).at(-1) === numbered(3), { message: 'the next answer' });
  }));

  test('a question is answered with clicks', () => onChat(async ({ page }) => {
    await say(page, 'ask Tea or coffee?: Tea | Coffee');
    const question = page.getByTestId('question');
    await question.waitFor();
    await question.locator('[data-label=Coffee]').check();
    await question.getByTestId('question-answer').click();
    await question.waitFor({ state: 'detached' });
    await idle(page);
    await waitFor(async () => /Coffee/.test(await page.locator(`${part}[data-type=tool]`).textContent()), { message: 'the answer in the tool' });
  }));

  test('the list of chats shows what happens elsewhere, searches, and loads more', () => onChat(async ({ page }) => {
    const item = (id) => page.locator(`[data-testid=session-item][data-id=${id}]`);
    const rename = (id, title) => call(scene.server, 'PATCH', `/session/${id}`, { title });
    const made = await call(scene.server, 'POST', '/session', { title: 'From elsewhere' });
    await item(made.id).getByText('From elsewhere').waitFor();
    await rename(made.id, 'Named anew');
    await item(made.id).getByText('Named anew').waitFor();
    await call(scene.server, 'POST', `/session/${made.id}/prompt_async`, { parts: [{ type: 'text', text: 'words 5 then tool bash: echo hi' }], model: { providerID: 'scripted', modelID: 'words' } });
    await item(made.id).and(page.locator('[data-status=busy]')).waitFor();
    await item(made.id).and(page.locator('[data-status=waiting]')).getByText('Waits for you').waitFor();
    await call(scene.server, 'POST', `/session/${made.id}/abort`);
    await item(made.id).and(page.locator('[data-status=idle]')).waitFor();
    for (let at = 0; at < 60; at += 1) await call(scene.server, 'POST', '/session', { title: `Many ${at}` });
    await page.reload();
    await page.locator('[data-testid=sessions][data-status=live]').waitFor();
    assert.equal(await page.getByTestId('session-item').count(), 50);
    await page.getByTestId('sessions-more').click();
    await item(made.id).waitFor();
    await page.getByTestId('search').fill('named ANEW');
    await waitFor(async () => (await page.getByTestId('session-item').count()) === 1, { message: 'the one that is searched for' });
    await page.getByTestId('search').fill('Many');
    await waitFor(async () => (await page.getByTestId('session-item').count()) === 50, { message: 'a page of those that are searched for' });
    await page.getByTestId('search').fill('');
    // Servers go on listing what a deleted session asked.
    for (const { id, sessionID } of await call(scene.server, 'GET', '/permission')) {
      if (sessionID === made.id) await call(scene.server, 'POST', `/session/${made.id}/permissions/${id}`, { response: 'reject' });
    }
    await call(scene.server, 'DELETE', `/session/${made.id}`);
    await item(made.id).waitFor({ state: 'detached' });
  }));

  test('markup in an answer stays text', () => onChat(async ({ page }) => {
    await say(page, 'say: <img src=x onerror=document.title=1> <script>document.title=2</script>');
    await waitFor(async () => (await shown(page)).join('').includes('</script>'), { message: 'the answer' });
    await idle(page);
    assert.equal(await page.locator(`${part} img, ${part} script`).count(), 0);
  }));
});

test('a server that is not there is told in a banner', async () => {
  const site = await servePage({ upstream: 'http://127.0.0.1:9' });
  const { page, close } = await watched(shared.stage.browser);
  try {
    await page.goto(site.url);
    await page.locator('[data-testid=banner][data-code=unreachable]').first().waitFor();
  } finally {
    await close();
    await site.close();
  }
});
