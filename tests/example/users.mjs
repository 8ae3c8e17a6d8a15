// Users, their lists, tags and searches.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '../support/wait.mjs';
import { begin, idOf, on, scene } from './scene.mjs';
import { messages, PASSWORD, shows, signedIn, words } from './site.mjs';

/** Titles in the list, in order. */
const listed = (page) => page.locator('.chats .chat-title').allInnerTexts();
const lists = (page, wanted) => waitFor(async () => {
  const titles = await listed(page);
  return titles.length === wanted.length && wanted.every((pattern, at) => pattern.test(titles[at]));
}, { message: `the list ${wanted}` });

test('another user sees none of it', () => on('ada', async ({ page }) => {
  await begin(page, 'words 7');
  await shows(page, words(7));
  const chat = idOf(page);
  await on('ben', async (ben) => {
    await ben.page.getByText('No chats yet.').waitFor();
    assert.equal(await ben.page.locator('.chats li').count(), 0);
    const cookie = (await ben.context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
    const status = async (path, init = {}, headers = { cookie }) => (await fetch(`${scene.site.url}${path}`, { ...init, headers: { ...headers, ...init.headers } })).status;
    const mine = { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: '{"tags":["mine"]}' };
    for (const path of [`/api/opencode/session/${chat}`, `/api/opencode/session/${chat}/message`, `/api/chat?sessionId=${chat}`]) assert.equal(await status(path), 403, path);
    assert.equal(await status(`/api/chats/${chat}`, mine), 403);
    for (const path of ['/api/opencode/session', '/api/chats', '/api/chat?sessionId=x']) assert.equal(await status(path, {}, {}), 401, path);
    // A name that nobody signed for.
    for (const forged of ['chat_user=ada', `chat_user=ada.${2 ** 33}.x`, cookie.replace('ben', 'ada')]) assert.equal(await status('/api/chats', {}, { cookie: forged }), 401, forged);
  });
  // What is refused stands on the browser's console, too.
  const { page: foreign, close } = await signedIn(scene.browser, scene.site.url, 'ben');
  await foreign.goto(page.url());
  await foreign.getByText('You may not see this chat.').waitFor();
  assert.deepEqual(await messages(foreign, 'user'), []);
  await close();
}));

test('tags and search: by title, by tag, and from another device', () => on('carl', async ({ page }) => {
  for (const [prompt, tag] of [['words 2', 'invoices'], ['words 3', 'drafts'], ['words 4', undefined]]) {
    await begin(page, prompt);
    await shows(page, words(Number(prompt.at(-1))));
    if (tag === undefined) continue;
    await page.getByLabel('Add a tag').fill(tag);
    await page.getByLabel('Add a tag').press('Enter');
    await page.getByRole('button', { name: `Remove the tag ${tag}` }).waitFor();
  }
  await lists(page, [/words 4/, /words 3/, /words 2/]);
  await page.getByRole('button', { name: 'invoices', exact: true }).click();
  await lists(page, [/words 2/]);
  await page.getByRole('button', { name: 'invoices', exact: true }).click();
  await page.getByLabel('Search titles and tags').fill('DRAF');
  await lists(page, [/words 3/]);
  await page.getByLabel('Search titles and tags').fill('words 4');
  await lists(page, [/words 4/]);
  await page.getByLabel('Search titles and tags').fill('nothing like it');
  await page.getByText('Nothing was found.').waitFor();
  await page.getByLabel('Search titles and tags').fill('');
  await lists(page, [/words 4/, /words 3/, /words 2/]);
  await on('carl', async (second) => {
    await lists(second.page, [/words 4/, /words 3/, /words 2/]);
    await second.page.getByRole('link', { name: /words 3/ }).click();
    await second.page.getByRole('button', { name: 'Remove the tag drafts' }).click();
    await waitFor(async () => !(await second.page.locator('.chats').innerText()).includes('drafts'), { message: 'the list without the tag' });
  });
}));

test('signing out ends it, on this device', () => on('dora', async ({ page }) => {
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.goto(scene.site.url);
  await page.waitForURL(/\/login$/);
}));

test('browsers that ask for an icon by themselves get it', async () => {
  const answer = await fetch(`${scene.site.url}/favicon.ico`);
  assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'image/svg+xml']);
});

test('the password of the server is told to nobody', () => on('ada', async ({ page }) => {
  assert.ok(!(await page.content()).includes(PASSWORD));
  assert.ok(!scene.site.said().includes(PASSWORD));
}));
