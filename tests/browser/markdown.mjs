// Texts for the tests of Markdown, and the view itself as a script for a page.
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Bundles the view for `/page/markdown.js`. @param {string} outdir */
export async function buildView(outdir) {
  const { build } = await import('esbuild');
  const from = (/** @type {string} */ names, /** @type {string} */ file) => `export { ${names} } from './www/chat/markdown/${file}.ts';`;
  await build({
    stdin: { contents: [from('MarkdownView, EAGER', 'markdown-view'), from('parse, NEST', 'parse'), from('COLOURED', 'highlight'), from('addressOf', 'address')].join('\n'), resolveDir: ROOT, loader: 'ts' },
    outfile: join(outdir, 'markdown.js'),
    tsconfigRaw: {},
    bundle: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  });
}

/** @param {string} parent */
export const folderIn = (parent) => mkdtemp(join(parent, 'markdown-'));

/** All that an answer is made of. */
export const ANSWER = `# The plan

Some **bold and *both* words**, \`code\`, ~~gone~~ and snake_case_names, 2 * 3 and 5*3.
A line of its own with a [label](https://example.com/a?b=c "title"), https://example.org/x and <mailto:me@example.com>.

Heading below
---

1. First, do this:
   \`\`\`bash
   npm install
   \`\`\`
2. Then *that*

   with a paragraph
   - nested
     - deeper **yes**
3. Last

- [ ] open
- [x] done

> A quote
> with two lines
>
> - and a list

| name | size |
|:-----|-----:|
| a | 1 |
| **b** | \`2\` |

\`\`\`js
const a = \`x\`;

// a comment
if (a) console.log("\\\`\\\`\\\`");
\`\`\`

***

![a picture](https://example.com/p.png)

    indented code
    goes on

### End

~~~
tildes
\`\`\`
~~~
Right after.
`;

/** Pieces that begin something. */
export const ENDS = ['**bold', '*it', '`code', '~~st', '[label](https://exa', '![alt](htt', '| a | b', '| a | b |\n|--', '| a | b |\n|--|--|\n| 1', '```', '```js\nlet a', '```\na\n``', '~~~', '- a\n-', '1. a\n2', 'para\n=', 'para\n-', '#', '>', '> > a', '- a\n\n  b', '***a** b', '&am', '&#x202e;', '\\', '\\*', '<a', '<https://a', 'a\r', 'a\r\n', '\u{1f468}\u200d', '***', 'a\n\n    code\n', '```\n\n\n', ' ', '\n\n\n', '[ ] ', '- [ ] a', '- [x', '| a |\n\ntext', '> ```\n> a', '- ```\n  a', 'a  \nb', 'a\\\nb', 'Title\n===\nafter', '- \u0645\n- a', '1. [*[*['];

/** What an evil model says: each must show no more than text, and lead nowhere but where it says. */
export const EVIL = [
  '<script>globalThis.hacked = 1</script>',
  '<img src=x onerror="globalThis.hacked = 1">',
  '<svg/onload=globalThis.hacked=1><a href="javascript:globalThis.hacked=1">click</a>',
  '<iframe srcdoc="<script>parent.hacked=1</script>"></iframe><form action=//evil.example><button>x</button></form>',
  '<style>*{display:none}</style><base href=//evil.example><meta http-equiv=refresh content="0;url=//evil.example">',
  '[click](javascript:globalThis.hacked=1)',
  '[click](JaVaScRiPt:globalThis.hacked=1)',
  '[click](&#106;avascript:globalThis.hacked=1)',
  '[click](&#x6A;&#x61;vascript&colon;globalThis.hacked=1)',
  '[click](java&Tab;script:globalThis.hacked=1) [click](java&NewLine;script:globalThis.hacked=1)',
  '[click](<java\tscript:globalThis.hacked=1>) [click](<\u0001javascript:globalThis.hacked=1>)',
  '[click]( javascript:globalThis.hacked=1) [click](\u0000javascript:globalThis.hacked=1)',
  '[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==) [click](vbscript:msgbox(1)) [click](file:///etc/passwd) [click](blob:null/1)',
  '[click](//evil.example) [click](/config.json) [click](#x) [click](config.json)',
  '[https://good.example](https://evil.example/) [click](https://good.example@evil.example/) [click](https://user:pass@evil.example/)',
  '<javascript:globalThis.hacked=1> <data:text/html,x> <https://evil.example/"onclick=globalThis.hacked=1>',
  '![x](https://evil.example/pixel.png) ![x](javascript:globalThis.hacked=1) ![x](data:image/svg+xml;base64,AAAA) [![x](https://evil.example/a.png)](https://evil.example/)',
  '[a]: javascript:globalThis.hacked=1\n\n[a] [a][a]',
  '```__proto__\nx\n```\n\n```constructor\nx\n```\n\n```toString\nx\n```\n\n```<img src=x onerror=globalThis.hacked=1>\nx\n```',
  `\`\`\`${'js'.repeat(20_000)}\nx\n\`\`\``,
  '```html\n<script>globalThis.hacked = 1</script><img src=x onerror=globalThis.hacked=1>\n```',
  '| <img src=x onerror=globalThis.hacked=1> |\n|---|\n| [x](javascript:globalThis.hacked=1) |',
  '# <img src=x onerror=globalThis.hacked=1>\n\n- <img src=x onerror=globalThis.hacked=1>\n\n> <img src=x onerror=globalThis.hacked=1>',
  'ends \u202e here &#8238; &#x2066; &rlm; &#173; &zwj; &#0; &#xFEFF; [\u202eevil](https://evil.example/\u202egpj.exe)',
  '[xss](https://evil.example/" onmouseover="globalThis.hacked=1) [xss](https://evil.example/ "\' onmouseover=globalThis.hacked=1")',
];

/** Openings without an end, over and over. */
export const ENDLESS = ['[', '![', '*', '**', '_', '>', '> ', '`', '~', '- ', '1. ', '#', '|', '<', '&', '\\', '(', '[](', '[a](', '**a ', '*a_ ', '[*', '*[', '> - ', '<!--', '&#x', 'https://a(', 'a|b\n-|-\n', '- a\n', '>\n', '\n', ' ', '\t', '~~~', '| a\n', ']('];
