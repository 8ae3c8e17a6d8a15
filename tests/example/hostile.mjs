// Text that means harm: from a model, from a person, in titles and in what tools ask.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { begin, on, scene } from './scene.mjs';
import { send } from './site.mjs';

test('hostile text does nothing, and the policy has nothing to refuse', async () => {
  const asked = [];
  const elsewhere = createServer((request, response) => {
    asked.push(request.url);
    response.end();
  });
  const address = `http://${LOOPBACK}:${await listen(elsewhere)}`;
  const harm = [
    'Words. <script>globalThis.hit=1</script>', `<img src=${address}/a onerror=globalThis.hit=2>`, `![picture](${address}/b)`, '![run](javascript:globalThis.hit=3)',
    '[run](javascript:globalThis.hit=4)', '[upper](JaVaScRiPt:globalThis.hit=5)', '[data](data:text/html,<script>globalThis.hit=6</script>)', '[near](/login)',
    '[file](file:///etc/passwd)', '<a href="javascript:globalThis.hit=7">raw</a>', `<iframe src=${address}/c></iframe>`, `<style>@import "${address}/d"</style>`,
    `<link rel=stylesheet href=${address}/e>`, '<svg onload=globalThis.hit=8></svg>', '<form action=javascript:globalThis.hit=9><button>Sign in</button></form>',
    '[good](https://example.com/good)', '<mailto:ada@example.com>', 'end-of-it',
  ].join(' ');
  try {
    await on('eve', async ({ page, context, requests }) => {
      await context.addInitScript(() => {
        globalThis.violations = [];
        document.addEventListener('securitypolicyviolation', ({ violatedDirective }) => globalThis.violations.push(violatedDirective));
      });
      const policy = (await page.goto(scene.site.url)).headers()['content-security-policy'];
      assert.match(policy, /script-src 'self' 'nonce-[\w+/=]+' 'strict-dynamic' 'wasm-unsafe-eval';/);
      assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'|\*/);
      await begin(page, `say: ${harm}`);
      const answer = page.locator('.message[data-role=assistant]');
      await answer.getByText('end-of-it').waitFor();
      const links = await answer.locator('a').evaluateAll((all) => all.map((each) => each.getAttribute('href')));
      // Addresses in HTML, which is shown as text, are links as in any text.
      assert.deepEqual(links.filter((link) => !/^https?:\/\/|^mailto:/.test(link)), []);
      for (const link of [`${address}/b`, 'https://example.com/good', 'mailto:ada@example.com']) assert.ok(links.includes(link), link);
      assert.equal(await answer.locator('script, img, iframe, style, link, svg, form').count(), 0);
      // What cannot be seen or turns the text around is spelled out where somebody decides.
      await send(page, 'tool bash: echo a\u202eb\u200bc');
      await page.getByRole('region', { name: 'What it wants to do' }).getByText('echo a⟨U+202E⟩b⟨U+200B⟩c').waitFor();
      await page.getByRole('button', { name: 'Deny' }).click();
      await page.locator('.tool[data-status=error]').waitFor();
      await page.reload();
      await answer.getByText('end-of-it').waitFor();
      assert.deepEqual(await page.evaluate(() => [globalThis.hit, globalThis.violations]), [undefined, []]);
      assert.deepEqual(requests.map((request) => new URL(request.url()).origin).filter((origin) => origin !== scene.site.url && origin !== 'null'), []);
    });
    assert.deepEqual(asked, []);
  } finally {
    await shut(elsewhere);
  }
});
