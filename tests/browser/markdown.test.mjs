// Answers as Markdown on the demo page, under its policy: as they are written, as a person uses them, and from an evil model.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { before, test } from 'node:test';
import { buildPage, servePage } from '../../scripts/serve.mjs';
import { startMock } from '../support/mock.mjs';
import { waitFor } from '../support/wait.mjs';
import { ANSWER, ENDLESS, EVIL } from './markdown.mjs';
import { withStage } from './scene.mjs';
import { watched } from './stage.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shared = withStage();
before(() => buildPage());

const texts = '[data-testid=message][data-role=assistant] [data-testid=part][data-type=text]';

/**
 * A chat with a mock server.
 * @param {(given: { page: import('playwright-core').Page, mock: any, message: any, requests: import('playwright-core').Request[], said: string[] }) => Promise<void>} job
 * @param {(mock: any, message: any) => void} [fill] what it says before the page is there
 */
async function onChat(job, fill = () => undefined) {
  const mock = await startMock();
  const made = mock.store.createSession({ title: 'A chat' });
  mock.store.user(made.id, { parts: [{ type: 'text', text: '# **not** a heading\n<b>x</b>' }] });
  const message = mock.store.assistant(made.id);
  fill(mock, message);
  const site = await servePage({ upstream: mock.url });
  const { page, said, requests, close } = await watched(shared.stage.browser);
  try {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(site.url).origin });
    await page.goto(`${site.url}#${made.id}`);
    await page.locator('[data-testid=message][data-role=assistant]').waitFor({ state: 'attached' });
    await job({ page, mock, message, requests, said });
    assert.deepEqual(said, []);
  } finally {
    await close();
    await site.close();
    await mock.close();
  }
}

const whole = (/** @type {any} */ mock, /** @type {any} */ message, /** @type {string} */ text) => mock.store.putPart(message, { type: 'text', text, time: { start: 1, end: 2 } });

test('an answer is Markdown while it is written and after, and a prompt is what was written', () => onChat(async ({ page, mock, message }) => {
  const part = mock.store.begin(message);
  const at = page.locator(texts);
  mock.store.delta(part, '## The plan\n\nDo **it');
  await at.locator('h3', { hasText: 'The plan' }).waitFor();
  await at.locator('strong', { hasText: 'it' }).waitFor();
  const heading = await at.locator('h3').elementHandle();
  mock.store.delta(part, '** now.\n\n```js\nconst a = 1;\nlet b');
  await at.locator('.code[data-language=js]', { hasText: 'let b' }).waitFor();
  assert.equal(await at.locator('[class^=hljs-]').count(), 0, 'no colours before its end');
  mock.store.delta(part, ';\n```\n\n| a | b |\n|---|---|\n| 1 | 2');
  await at.locator('.hljs-keyword').first().waitFor();
  await at.locator('td', { hasText: '2' }).waitFor();
  mock.store.delta(part, ' |\n\n- [x] done\n- see https://example.com/x and [the docs](https://example.com/docs)');
  await at.locator('li').nth(1).waitFor();
  mock.store.end(part);
  await page.locator(`${texts}[data-continuity=settled]`).waitFor();
  assert.equal(await heading?.evaluate((node) => node.isConnected), true, 'the element of the heading is the same');
  assert.equal(await at.locator('.code code').textContent(), 'const a = 1;\nlet b;');
  assert.deepEqual(await at.locator('a').evaluateAll((all) => all.map((each) => [each.textContent, each.getAttribute('href'), each.rel])), [
    ['https://example.com/x', 'https://example.com/x', 'noopener noreferrer'],
    ['the docs (https://example.com/docs)', 'https://example.com/docs', 'noopener noreferrer'],
  ]);
  assert.equal(await page.locator('[data-role=user] [data-testid=part]').textContent(), '# **not** a heading\n<b>x</b>');
  await page.reload();
  await at.locator('.hljs-keyword').first().waitFor();
  assert.deepEqual(await at.locator('h3, strong, td, li').allTextContents(), ['The plan', 'it', '1', '2', '☑ done', 'see https://example.com/x and the docs (https://example.com/docs)']);
}));

test('code is copied with its button, which says so', () => onChat(async ({ page }) => {
  const copies = page.getByRole('button', { name: 'Copy code' });
  await copies.nth(1).waitFor({ state: 'attached' });
  assert.equal(await copies.count(), 2);
  await copies.nth(1).focus();
  await page.keyboard.press('Enter');
  await page.locator('#announcer', { hasText: /^Copied$/ }).waitFor({ state: 'attached' });
  await page.locator('.copy[data-done]').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'second\n\n  block');
  await page.locator('.copy[data-done]').waitFor({ state: 'detached' });
}, (mock, message) => whole(mock, message, '```\nfirst\n```\n\n```text\nsecond\n\n  block\n```')));

test('copying that is refused is told', () => onChat(async ({ page }) => {
  await page.getByRole('button', { name: 'Copy code' }).waitFor({ state: 'attached' });
  await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: { writeText: () => Promise.reject(new Error('no')) } }));
  await page.getByRole('button', { name: 'Copy code' }).focus();
  await page.keyboard.press('Enter');
  await page.locator('#announcer', { hasText: 'did not let this page copy' }).waitFor({ state: 'attached' });
  assert.equal(await page.locator('.copy[data-done]').count(), 0);
}, (mock, message) => whole(mock, message, '```\nx\n```')));

test('thoughts are Markdown as well', () => onChat(async ({ page }) => {
  await page.locator('.reasoning strong', { hasText: 'Looking' }).waitFor({ state: 'attached' });
}, (mock, message) => mock.store.putPart(message, { type: 'reasoning', text: '**Looking** around', time: { start: 1, end: 2 } })));

test('text that was missed is marked, and what came behind it is shown as it was written', () => onChat(async ({ page, mock, message }) => {
  const at = page.locator(texts);
  await waitFor(() => mock.streams > 0, { message: 'the stream' });
  const part = mock.store.begin(message);
  mock.store.delta(part, 'Some **bold');
  await at.locator('strong', { hasText: 'bold' }).waitFor();
  mock.dropStreams();
  mock.store.delta(part, '** words, which nobody reads');
  await waitFor(() => mock.streams > 0, { message: 'the stream again' });
  let more = 0;
  // The page may not be told of the new stream yet.
  await waitFor(async () => {
    more += 1;
    mock.store.delta(part, ` and **more** ${more}`);
    return (await page.getByTestId('gap').count()) === 1 && (await at.locator('.text').count()) === 2;
  }, { every: 200, message: 'the mark' });
  await at.locator('.text').nth(1).getByText('**more**').waitFor();
  assert.equal(await at.locator('.text').first().textContent(), 'Some **bold');
  mock.store.end(part);
  await page.getByTestId('gap').waitFor({ state: 'detached' });
  await at.locator('strong', { hasText: /^more$/ }).first().waitFor();
  assert.match(await at.textContent(), /^Some bold words, which nobody reads and more 1/);
}));

test('an evil model shows text and nothing else, whole and piece by piece', () => onChat(async ({ page, mock, message, requests }) => {
  await waitFor(async () => (await page.locator(texts).count()) === EVIL.length, { message: 'all of it' });
  const growing = mock.store.begin(message);
  const all = EVIL.join('\n\n');
  for (let at = 0; at < all.length; at += 64) mock.store.delta(growing, all.slice(at, at + 64));
  mock.store.delta(growing, '\n\nthe end of it');
  await page.locator(`${texts} p`, { hasText: /^the end of it$/ }).waitFor();
  mock.store.end(growing);
  await page.locator(`${texts}:not([data-continuity=settled])`).waitFor({ state: 'detached' });
  await page.locator('.hljs-tag').first().waitFor();
  assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
  assert.equal(await page.locator('.messages :is(img, script, style, iframe, form, svg, meta, base, input)').count(), 0);
  const links = await page.locator('.messages a').evaluateAll((nodes) => nodes.map((node) => [node.getAttribute('href'), node.rel, node.textContent]));
  assert.ok(links.length > 3);
  for (const [href, rel, text] of links) assert.ok(/^(?:https?|mailto):/.test(href) && rel === 'noopener noreferrer' && text.includes(href.replace(/\/$/, '')), JSON.stringify([href, rel, text]));
  assert.deepEqual(requests.map((request) => request.url()).filter((url) => url.includes('evil')), []);
}, (mock, message) => {
  for (const text of EVIL) whole(mock, message, text);
}));

test('openings without an end leave the page at work', () => onChat(async ({ page, mock, message }) => {
  const growing = mock.store.begin(message);
  for (const piece of ENDLESS) mock.store.delta(growing, `${piece.repeat(Math.ceil(5_000 / piece.length))}\n\n`);
  mock.store.delta(growing, '\n~~~\n\nthe end of it');
  await page.locator(texts, { hasText: 'the end of it' }).waitFor();
  mock.store.end(growing);
  await page.locator(`${texts}[data-continuity=settled]`).waitFor();
}));

test('on a phone wide tables and code scroll by themselves', () => onChat(async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 640 });
  await page.locator('.markdown table').waitFor();
  const sizes = await page.evaluate(() => Object.fromEntries([['page', document.documentElement], ['log', document.querySelector('#log')], ['table', document.querySelector('.table')], ['code', document.querySelector('.code pre')]].map(([name, node]) => [name, node.scrollWidth > node.clientWidth])));
  assert.deepEqual(sizes, { page: false, log: false, table: true, code: true });
  for (const name of ['Table', 'Code, js']) {
    await page.getByRole('group', { name }).focus();
    await page.keyboard.press('ArrowRight');
    await waitFor(() => page.getByRole('group', { name }).evaluate((node) => node.scrollLeft > 0), { message: `${name} scrolled by a key` });
  }
}, (mock, message) => whole(mock, message, `| ${'a column | '.repeat(12)}\n|${'---|'.repeat(12)}\n| ${'some words | '.repeat(12)}\n\n\`\`\`js\n${'const long = 1; '.repeat(40)}\n\`\`\`\n`)));

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  test(`axe-core finds nothing in an answer, ${colorScheme}`, () => onChat(async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.locator('.hljs-keyword').first().waitFor();
    await page.locator('.hljs-deletion').first().waitFor();
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => axe.run());
    assert.deepEqual(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`)]), []);
  }, (mock, message) => whole(mock, message, `${ANSWER}\n${CODES}`)));
}

/** Words of all colours. */
const CODES = [
  ['ts', `// a comment\ninterface A<T> { readonly a: string }\nconst f = (b: number): void => { console.log(\`\${b} x\`, /re/g, null); };\nclass B extends C {}`],
  ['python', '@decorator\ndef f(self, a=1.5):\n    """doc"""\n    return None'],
  ['rust', '#[derive(Debug)]\nfn main() -> Result<(), Box<dyn Error>> { println!("{}", 1u8); }'],
  ['html', '<!doctype html>\n<a href="x" class=y>z</a><style>.a:hover > b { color: #fff !important }</style>'],
  ['diff', '--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new'],
  ['json', '{ "a": [1, true, null, "x"] }'],
  ['yaml', 'a: &b\n  - "x"\n  - *b'],
  ['bash', `for i in "$@"; do echo \${i} | grep -v x; done`],
  ['sql', "select count(*) from t where a = 'b'"],
  ['go', 'package main\nfunc main() { var x int = 1 }'],
].map(([language, code]) => `\`\`\`${language}\n${code}\n\`\`\`\n`).join('\n');
