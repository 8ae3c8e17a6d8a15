// The tools of this folder find what they are for: each of these would fail the page that holds it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { launchChromium } from '../support/browser.mjs';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { tempDir } from '../support/temp.mjs';
import { compose } from './compose.mjs';
import { anchors, examples } from './pages.mjs';
import { visit } from './site.mjs';

const run = promisify(execFile);
const RUNNER = fileURLToPath(new URL('./run-page.mjs', import.meta.url));

describe('a page', () => {
  const text = '# One\n<!-- setup\nconst a = 1;\n-->\n```ts\nb(a);\n```\n\n<!-- check\nassert.ok(a);\n-->\n<!-- setup -->\n```js file.js\nc();\n```\n## One\n';

  test('has its examples, each with its setup and check', () => {
    const plain = examples('x.md', text).map(({ end, ...rest }) => rest);
    assert.deepEqual(plain, [
      { page: 'x.md', line: 6, kind: 'ts', file: '', code: 'b(a);\n', setup: 'const a = 1;', check: 'assert.ok(a);' },
      { page: 'x.md', line: 14, kind: 'js', file: 'file.js', code: 'c();\n', setup: '', check: '' },
    ]);
    assert.deepEqual([...anchors(text)], ['one', 'one-1']);
  });

  test('with a fence that is not closed, or a check that stands alone, is refused', () => {
    assert.throws(() => examples('x.md', '```ts\na();\n'), /not closed/);
    assert.throws(() => examples('x.md', '- a\n  ```ts\n  a();\n  ```\n'), /indented/);
    assert.throws(() => examples('x.md', '```ts\na();\n```\nWords.\n<!-- check\nb();\n-->\n'), /does not follow/);
  });

  test('gives a block its context, unless it is a whole module', () => {
    const [first] = examples('x.md', text);
    assert.match(compose(first), /createClient\(\{ baseUrl \}\);[\s\S]*const a = 1;\n\{\nb\(a\);\n\nassert\.ok\(a\);\n\}/);
    const whole = { ...first, code: "import { createClient } from 'opencode-session';\n" };
    assert.equal(compose(whole), "import { createClient } from 'opencode-session';\n\nassert.ok(a);\nexport {};\n");
  });
});

describe('in Node', () => {
  for (const [title, code, problem] of [
    ['an example that throws', 'throw new Error("broken")', /broken/],
    ['a rejection that nobody handles', 'Promise.reject(new Error("lost"))', /not handled: .*lost/],
    ['an error in a timer', 'setTimeout(() => { throw new Error("late") }, 0); await new Promise((done) => setTimeout(done, 20))', /not caught: .*late/],
    ['a check that does not hold', 'assert.equal(1, 2)', /1 !== 2/],
    ['an example that ends the process', 'process.exit(0)', undefined],
  ]) {
    test(`${title} is found`, async () => {
      const temp = tempDir('example');
      try {
        const files = [join(temp.path, 'a.mjs'), join(temp.path, 'b.mjs')];
        writeFileSync(files[0], code);
        writeFileSync(files[1], '');
        const { stdout } = await run(process.execPath, [RUNNER, ...files]);
        const told = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
        if (problem === undefined) return assert.deepEqual(told, [], 'nothing is told of it, which counts as failed');
        assert.match(told[0].problems.join('\n'), problem);
        assert.deepEqual(told[1], { file: files[1], problems: [] }, 'the next one is not blamed');
      } finally {
        await temp.remove();
      }
    });
  }
});

test('in Chromium errors, console errors and checks that do not hold are found', async () => {
  const pages = { '/throws': 'throw new Error("broken")', '/says': 'console.error("trouble")', '/rejects': 'Promise.reject(new Error("lost"))', '/good': '' };
  const server = createServer((request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(`<link rel="icon" href="data:,"><script>${pages[request.url]}</script>`));
  const [browser, port] = await Promise.all([launchChromium(), listen(server)]);
  try {
    const look = (path, check = '') => visit(browser, `http://${LOOPBACK}:${port}${path}`, check);
    await assert.rejects(look('/throws'), /broken/);
    await assert.rejects(look('/says'), /trouble/);
    await assert.rejects(look('/rejects'), /lost/);
    await assert.rejects(look('/good', 'assert(false, "not so")'), /not so/);
    await look('/good', 'assert(true)');
  } finally {
    await browser.close();
    await shut(server);
  }
});
