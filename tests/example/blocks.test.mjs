// How the example app splits Markdown while it grows.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { transform } from 'esbuild';

const source = await readFile(new URL('../../examples/next-chat/lib/blocks.ts', import.meta.url), 'utf8');
const { code } = await transform(source, { loader: 'ts', format: 'esm' });
const { blocksOf } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

const TEXT = `# One

Two words
on two lines.

- a

  more of a

- b

1. c

\`\`\`js
const d = 1;

# no heading
~~~
\`\`\`

~~~~
\`\`\`

[no]: definition
~~~~

> quoted

| e | f |
| - | - |
| 1 | 2 |

end`;

test('the pieces are the text', () => {
  assert.equal(blocksOf(TEXT).join('\n'), TEXT);
  assert.ok(blocksOf(TEXT).length > 5);
});

test('lists and code blocks stay whole', () => {
  const blocks = blocksOf(TEXT);
  for (const whole of ['- a\n\n  more of a\n\n- b', '```js\nconst d = 1;\n\n# no heading\n~~~\n```', '~~~~\n```\n\n[no]: definition\n~~~~']) {
    assert.ok(blocks.some((block) => block.includes(whole)), whole);
  }
});

test('while the text grows, all pieces but the last stay as they are', () => {
  let before = [];
  for (let length = 0; length <= TEXT.length; length++) {
    const now = blocksOf(TEXT.slice(0, length));
    for (const [at, block] of before.slice(0, -1).entries()) assert.equal(now[at], block, `piece ${at} of ${JSON.stringify(TEXT.slice(0, length))}`);
    before = now;
  }
});

test('links by name know their addresses in each piece, but in code that still grows nothing is shown that is not there', () => {
  assert.deepEqual(blocksOf('[a]: /x\n\nsee [a]\n\n```\nopen'), ['[a]: /x\n\n\n[a]: /x', 'see [a]\n\n\n[a]: /x', '```\nopen']);
  assert.deepEqual(blocksOf('one[^1]\n\n[^1]: note'), ['one[^1]\n\n[^1]: note'], 'footnotes need the whole');
});
