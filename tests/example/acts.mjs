// What a person does in a chat beside writing.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { begin, idOf, on, scene } from './scene.mjs';
import { begins, messages, send, shows, words } from './site.mjs';

test('a permission is shown whole and allowed, another one denied', () => on('ada', async ({ page }) => {
  await begin(page, 'tool bash: echo allowed-it then words 3');
  const card = page.getByRole('region', { name: 'Allow bash?' });
  await card.getByText('echo allowed-it').waitFor();
  await page.locator('.chats').getByText('waits for you').waitFor();
  await card.getByRole('button', { name: 'Allow once' }).focus();
  await page.keyboard.press('Enter');
  // The card goes, and the focus is not lost with it.
  await page.waitForFunction(() => document.activeElement?.id === 'message');
  await page.locator('.tool[data-status=completed] summary').click();
  await page.getByRole('region', { name: 'Output' }).getByText('allowed-it').waitFor();
  await shows(page, words(3));
  await send(page, 'tool bash: echo denied-it');
  await card.getByRole('button', { name: 'Deny' }).click();
  await page.locator('.tool[data-status=error]').waitFor();
  await card.waitFor({ state: 'detached' });
}));

test('the change of a file is shown before it is allowed, and after', () => on('ada', async ({ page }) => {
  const path = join(scene.server.directory, 'poem.txt');
  await begin(page, `tool edit: ${JSON.stringify({ filePath: path, oldString: '', newString: 'roses' })}`);
  await page.getByRole('region', { name: 'Allow edit?' }).locator('.diff .added', { hasText: '+roses' }).waitFor();
  await page.getByRole('button', { name: 'Allow once' }).click();
  await page.locator('.tool[data-status=completed] summary').click();
  await page.locator('.tool .diff .added', { hasText: '+roses' }).waitFor();
}));

test('a question is answered', () => on('ada', async ({ page }) => {
  await begin(page, 'ask Tea or coffee?: Tea | Coffee');
  const form = page.getByRole('form', { name: 'Question from the agent' });
  await form.getByRole('button', { name: 'Answer' }).click();
  await form.getByText('Choose an answer').waitFor();
  await form.getByLabel('Coffee').check();
  await form.getByRole('button', { name: 'Answer' }).click();
  await form.waitFor({ state: 'detached' });
  await page.locator('.message[data-role=assistant]').getByText(/Coffee/).last().waitFor();
}));

test('an answer is stopped; messages are taken back, and put back', () => on('ada', async ({ page }) => {
  const release = scene.model.hold(3);
  await begin(page, 'words 500 every 100');
  await begins(page);
  await page.getByRole('button', { name: 'Stop' }).click();
  release();
  await page.getByText('Stopped', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' });
  await send(page, 'words 4');
  await shows(page, words(4));
  await page.getByRole('button', { name: /Take this message back/ }).last().click();
  await page.getByText('Messages were taken back').waitFor();
  assert.deepEqual(await messages(page, 'user'), ['words 500 every 100']);
  await page.getByRole('button', { name: 'Put them back' }).click();
  await shows(page, words(4));
}));

test('what the model thinks is folded away', () => on('ada', async ({ page }) => {
  await begin(page, 'think 12 words 3');
  await page.locator('.reasoning summary', { hasText: 'Thought' }).click();
  await page.locator('.reasoning').getByText('t1 t2 t3').waitFor();
  await page.locator('.text', { hasText: words(3) }).last().waitFor();
}));

test('files are attached, shown before and after, and can be taken out', () => on('ada', async ({ page }) => {
  const pixel = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
  await page.getByLabel('Files', { exact: true }).setInputFiles([
    { name: 'dot.png', mimeType: 'image/png', buffer: pixel },
    { name: 'list.txt', mimeType: 'text/plain', buffer: Buffer.from('one\n') },
    { name: 'wrong.txt', mimeType: 'text/plain', buffer: Buffer.from('two\n') },
  ]);
  await page.getByRole('button', { name: 'Remove wrong.txt' }).click();
  await send(page, 'Look');
  await page.locator('.message[data-role=assistant] .text').waitFor();
  const prompt = page.locator('.message[data-role=user]');
  assert.equal(await prompt.getByRole('img', { name: 'dot.png' }).evaluate((img) => img.complete && img.naturalWidth), 1);
  assert.deepEqual(await prompt.getByRole('link').allInnerTexts(), ['dot.png', 'list.txt']);
}));

test('older messages come when they are asked for, and what is read stays in its place', () => on('ada', async ({ page }) => {
  await begin(page, 'words 1');
  await shows(page, words(1));
  for (let at = 0; at < 110; at++) {
    const body = JSON.stringify({ noReply: true, parts: [{ type: 'text', text: `old ${at}` }] });
    const answer = await fetch(`${scene.server.url}/session/${idOf(page)}/message`, { method: 'POST', headers: { 'content-type': 'application/json', ...scene.server.headers }, body });
    assert.ok(answer.ok);
    await answer.text();
  }
  await page.evaluate(() => indexedDB.databases().then((all) => Promise.all(all.map(({ name }) => indexedDB.deleteDatabase(name)))));
  await page.reload();
  await page.getByText('old 109', { exact: true }).waitFor();
  assert.equal(await page.getByText('old 3', { exact: true }).count(), 0);
  await page.getByRole('button', { name: 'Show older messages' }).click();
  await page.getByText('old 3', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Show older messages' }).waitFor({ state: 'detached' });
  assert.ok(await page.locator('#log').evaluate((log) => log.scrollTop) > 0);
}));

test('the chat of a sub-agent is one step away, and so is the way back', () => on('ada', async ({ page }) => {
  const task = JSON.stringify({ description: 'Look', prompt: 'words 3', subagent_type: 'general' });
  await begin(page, `tool task: ${task} then words 4`);
  await page.locator('.tool summary', { hasText: 'task' }).click();
  const home = idOf(page);
  await page.getByRole('link', { name: 'Open the chat of this task' }).click();
  await page.getByRole('link', { name: 'Part of another chat' }).waitFor();
  await shows(page, words(3));
  await page.getByRole('link', { name: 'Part of another chat' }).click();
  await page.waitForURL(`**/chat/${home}`);
  await shows(page, words(4));
}));

test('a draft stays with its chat', () => on('ada', async ({ page }) => {
  await begin(page, 'words 2');
  await shows(page, words(2));
  await page.getByLabel('Message', { exact: true }).fill('half a thought');
  await page.getByRole('link', { name: 'New chat' }).click();
  await page.getByRole('heading', { name: 'New chat' }).waitFor();
  assert.equal(await page.getByLabel('Message', { exact: true }).inputValue(), '');
}));

test('a chat is deleted, here and on another device', () => on('gone', async ({ page }) => {
  await begin(page, 'words 2');
  await shows(page, words(2));
  const id = idOf(page);
  await on('gone', async (second) => {
    await second.page.locator('.chats li').waitFor();
    await page.getByRole('button', { name: 'Delete this chat' }).click();
    await page.getByRole('dialog', { name: 'Delete this chat?' }).getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('heading', { name: 'New chat' }).waitFor();
    for (const each of [page, second.page]) await each.getByText('No chats yet.').waitFor();
  });
  const { url, headers } = scene.server;
  assert.equal((await fetch(`${url}/session/${id}`, { headers })).status, 404);
}));
