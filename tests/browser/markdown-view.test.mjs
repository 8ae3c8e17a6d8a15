// The view of an answer by itself, in Chromium: whatever pieces a text comes in, what is shown of it, and what that costs.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { ANSWER, buildView, ENDLESS, ENDS, EVIL, folderIn } from './markdown.mjs';
import { startStage } from './stage.mjs';

let folder;
let stage;
let opened;
/** @type {import('playwright-core').Page} */
let page;

before(async () => {
  folder = await folderIn(tmpdir());
  await buildView(folder);
  stage = await startStage({ pages: [folder] });
  opened = await stage.open();
  page = opened.page;
  await page.evaluate(async () => {
    globalThis.markdown = await import('/page/markdown.js');
    globalThis.made = (text) => {
      const view = new markdown.MarkdownView();
      view.show(text, true);
      return view.node;
    };
    /** Shows a text in pieces that end at these places; `look` sees the view after each. */
    globalThis.inPieces = (text, ends, look = () => undefined) => {
      const view = new markdown.MarkdownView();
      for (const end of ends) {
        view.show(text.slice(0, end), false);
        look(view.node, text.slice(0, end));
      }
      view.show(text, true);
      return view.node;
    };
    /** Places to cut at, the same for each seed. */
    globalThis.cuts = (length, seed) => {
      const ends = [];
      for (let at = 0, state = seed; at < length; ends.push(at)) {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        at = Math.min(length, at + 1 + (state >> 8) % (seed % 7 === 0 ? 200 : 12));
      }
      return ends;
    };
    globalThis.shownText = (node) => {
      const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
      let text = '';
      while (walker.nextNode()) if (!walker.currentNode.parentElement.closest('.address')) text += walker.currentNode.data;
      return text;
    };
  });
});
after(async () => {
  await opened?.close();
  await stage?.close();
  if (folder) await rm(folder, { recursive: true });
});

test('a text comes to the same whatever pieces it comes in', async () => {
  const texts = [ANSWER, ...ENDS, ...ENDS.map((end) => `${ANSWER}${end}`), ...ENDS.map((end) => `${end}\n\nand after`), ...ENDS.map((end, at) => `${end}\n${ENDS.at(at - 1)}\n${ENDS.at(at - 2)}`), ...EVIL.map((text) => text.slice(0, 2_000))];
  const wrong = await page.evaluate((texts) => texts.flatMap((text) => {
    const wanted = made(text).outerHTML;
    const each = Array.from({ length: text.length }, (_, at) => at + 1);
    const ways = [each, ...[1, 2, 3, 7].map((seed) => cuts(text.length, seed))];
    return ways.flatMap((ends, way) => {
      const got = inPieces(text, ends).outerHTML;
      return got === wanted ? [] : [{ text, way, got, wanted }];
    }).slice(0, 1);
  }), texts);
  assert.deepEqual(wrong, []);
});

test('what is shown stays: no letter goes, and blocks before the last keep their elements', async () => {
  const { lost, replaced, steps } = await page.evaluate((text) => {
    const lost = [];
    const replaced = [];
    let steps = 0;
    let before = { letters: '', nodes: [] };
    inPieces(text, Array.from({ length: text.length }, (_, at) => at + 1), (node, source) => {
      const letters = shownText(node).replace(/\P{L}/gu, '');
      const nodes = [...node.children];
      if (!letters.startsWith(before.letters)) lost.push([source.slice(-40), before.letters.slice(-40), letters.slice(-40)]);
      for (const [at, each] of before.nodes.slice(0, -1).entries()) if (nodes[at] !== each) replaced.push([source.slice(-40), at, each.outerHTML.slice(0, 100)]);
      before = { letters, nodes };
      steps += 1;
    });
    return { lost, replaced, steps };
  }, ANSWER);
  assert.equal(steps, ANSWER.length);
  assert.deepEqual(lost, []);
  assert.deepEqual(replaced, []);
});

test('marks that are open are shown as closed, and marks alone are not shown', async () => {
  const shown = await page.evaluate((texts) => texts.map((text) => {
    const view = new markdown.MarkdownView();
    view.show(text, false);
    return view.node.innerHTML.replace(/ (?:class|dir|rel|target|tabindex|role|aria-label|title|type)="[^"]*"/g, '');
  }), ['**bold', '**bold*', 'a *b', '`code', 'a ~~b', '**a *b', 'see [the page](https://exa', '# T', '#', 'para\n-', '- a\n-', '| a | b', '| a | b |\n|--', '| a | b |\n|--|--|', '```js', 'two * three', '5*3 is', 'snake_case', 'x **', '![pic](https://e']);
  assert.deepEqual(shown, [
    '<p><strong>bold</strong></p>', '<p><strong>bold</strong></p>', '<p>a <em>b</em></p>', '<p><code>code</code></p>', '<p>a <s>b</s></p>', '<p><strong>a <em>b</em></strong></p>',
    '<p>see the page</p>', '<h3 data-depth="1">T</h3>', '', '<p>para</p>', '<ul><li><p>a</p></li></ul>', '', '',
    '<div><table><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead></table></div>', '', '<p>two * three</p>', '<p>5*3 is</p>', '<p>snake_case</p>', '<p>x</p>', '<p>pic</p>',
  ]);
});

test('what a model says is text, and links lead where they say', async () => {
  const requests = opened.requests.length;
  const { found, texts, limit } = await page.evaluate(async (evil) => {
    const found = [];
    const texts = [];
    for (const text of evil) {
      const node = made(text);
      document.body.append(node);
      texts.push(node.textContent);
      for (const each of node.querySelectorAll('*')) {
        const attributes = Object.fromEntries([...each.attributes].map(({ name, value }) => [name, value]));
        found.push({ tag: each.localName, attributes, text: each.textContent, from: text.slice(0, 200) });
      }
    }
    // Time for pictures and scripts to be loaded, and for colours.
    await new Promise((resolve) => { setTimeout(resolve, 300); });
    return { found, texts, limit: globalThis.hacked };
  }, EVIL);
  assert.equal(limit, undefined);
  assert.equal(opened.requests.length, requests, 'nothing is loaded');
  const tags = ['p', 'a', 'span', 'code', 'pre', 'div', 'button', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'ul', 'ol', 'li', 'blockquote', 'h3', 'em', 'strong', 's', 'hr'];
  const names = ['class', 'dir', 'href', 'rel', 'target', 'role', 'tabindex', 'aria-label', 'title', 'type', 'scope', 'data-depth', 'data-language', 'data-align', 'start'];
  for (const { tag, attributes, text, from } of found) {
    assert.ok(tags.includes(tag), `<${tag}> of ${from}`);
    for (const name of Object.keys(attributes)) assert.ok(names.includes(name), `${name} of <${tag}> of ${from}`);
    for (const value of Object.values(attributes)) assert.ok(value.length < 200, `${value.slice(0, 80)} of ${from}`);
    if (tag !== 'a') continue;
    assert.match(attributes.href, /^(?:https?:\/\/[^@]*|mailto:.*)$/);
    assert.equal(attributes.rel, 'noopener noreferrer');
    assert.ok(text.includes(attributes.href.replace(/\/$/, '')), `${attributes.href} is not in ${text}`);
  }
  assert.ok(found.filter(({ tag }) => tag === 'a').length > 3);
  assert.equal(found.filter(({ attributes }) => attributes['data-language'] !== undefined).map(({ attributes }) => attributes['data-language']).join(), '__proto__,constructor,toString,html');
  const all = texts.join('\n');
  for (const words of ['<script>globalThis.hacked = 1</script>', '<img src=x onerror="globalThis.hacked = 1">', '[click](javascript:globalThis.hacked=1)', 'data:text/html', 'vbscript:msgbox(1)', '⟨U+202E⟩']) assert.ok(all.includes(words), words);
  assert.doesNotMatch(all, /(?![\n\t])[\p{Cc}\p{Cf}]/u);
});

test('openings without an end do not stop the page, and lie no deeper than the limit', async () => {
  for (const piece of ENDLESS) {
    const { depth, letters, nodes } = await page.evaluate(([piece]) => {
      const text = `${piece.repeat(Math.ceil(100_000 / piece.length))}x`;
      const node = inPieces(text, [50_000, 99_000, 99_001]);
      let depth = 0;
      const walk = document.createTreeWalker(node);
      let nodes = 0;
      for (let at = walk.nextNode(); at; at = walk.nextNode()) {
        nodes += 1;
        let level = 0;
        for (let up = at; up !== node; up = up.parentNode) level += 1;
        depth = Math.max(depth, level);
        if (nodes > 20_000) break;
      }
      return { depth, letters: node.textContent.includes('x') || node.querySelector('[data-language=x]') !== null, nodes };
    }, [piece]);
    // A level of the text is at most one element, and a paragraph, a cell or a block adds a few.
    assert.ok(depth <= 24 + 24, `${JSON.stringify(piece)}: ${depth} levels, ${nodes} nodes`);
    assert.ok(letters, `${JSON.stringify(piece)}: the end is shown`);
  }
});

test('emphasis inside of emphasis is bounded, and its text is all there', async () => {
  const { depth, text } = await page.evaluate(() => {
    const node = made(`${'**a '.repeat(5_000)}x${' b**'.repeat(5_000)} ${'*c _'.repeat(5_000)}`);
    let depth = 0;
    for (let at = node; at; at = at.querySelector('strong, em, p')) depth += 1;
    return { depth, text: node.textContent };
  });
  assert.ok(depth < 24, `${depth}`);
  assert.equal(text.match(/a /g)?.length, 5_000);
});

test('what is read grows with the text, not with its square', async () => {
  const kinds = {
    paragraphs: 'Some words of a paragraph that is an answer, and goes on for a while.\n\n',
    'one paragraph': 'Some words of a paragraph that never ends, ',
    'one list': '- an item of a list that never ends, with **bold** words\n',
    'one table': '| a | b |\n|---|---|\n',
    quote: '> and they said\n',
    code: '```js\nconst a = 1;\n\n',
    'code and words': '```js\nconst a = 1;\n```\n\nAnd words.\n\n',
  };
  for (const [kind, piece] of Object.entries(kinds)) {
    const { small, large, most, eager } = await page.evaluate(([piece]) => {
      let most = 0;
      const cost = (length) => {
        const text = piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
        let read = 0;
        const view = new markdown.MarkdownView((source) => {
          read += source.length;
          most = Math.max(most, source.length);
          return markdown.parse(source);
        });
        for (let end = 512; end <= length; end += 512) view.show(text.slice(0, end), false);
        return read;
      };
      return { small: cost(32_768), large: cost(131_072), most, eager: markdown.EAGER };
    }, [piece]);
    assert.ok(small > 0, kind);
    assert.ok(large < 5 * small, `${kind}: ${small} characters were read of 32,768, ${large} of 131,072`);
    // Each addition up to the limit, and from there on in steps that grow.
    assert.ok(large < eager * eager / 512 + 20 * 131_072, `${kind}: ${large}`);
    if (['paragraphs', 'code', 'code and words'].includes(kind)) assert.ok(most < 1_000, `${kind}: ${most} at once`);
  }
});

test('a selection stays while the answer grows, in the last block as well', async () => {
  const kept = await page.evaluate(() => {
    const view = new markdown.MarkdownView();
    document.body.append(view.node);
    const beginning = 'First **paragraph**.\n\n- one\n- two `x` and';
    view.show(beginning, false);
    const selected = [];
    for (const node of [view.node.querySelector('strong').firstChild, view.node.querySelector('li p').firstChild]) {
      const range = document.createRange();
      range.selectNodeContents(node);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      const before = getSelection().toString();
      for (let at = 1; at < 40; at += 1) {
        const more = beginning + ' more\n- three\n- four\n\nand on'.repeat(at);
        view.show(more.slice(0, beginning.length + at * 5), false);
      }
      selected.push([before, getSelection().toString()]);
    }
    return selected;
  });
  assert.deepEqual(kept, [['paragraph', 'paragraph'], ['one', 'one']]);
});

test('a text that is another one than before takes its place', async () => {
  const same = await page.evaluate((answer) => {
    const view = new markdown.MarkdownView();
    const results = [];
    for (const [text, ended] of [[answer.slice(0, 300), false], [answer, false], ['# other', false], ['```js\nlet a', false], ['```js\nlet a = 1;\n```\n', true], [answer, true], ['', true], ['again', false], ['again **and', false], ['again **and**', true]]) {
      view.show(text, ended);
      results.push([text.slice(0, 20), !ended || view.node.outerHTML === made(text).outerHTML]);
    }
    return results;
  }, ANSWER);
  for (const [text, isSame] of same) assert.ok(isSame, text);
});

test('code gets colours when it is whole, unless it is long', async () => {
  const seen = await page.evaluate(async () => {
    const view = new markdown.MarkdownView();
    document.body.append(view.node);
    const rest = () => new Promise((resolve) => { setTimeout(resolve, 50); });
    const colours = () => [...view.node.querySelectorAll('.code')].map((code) => code.querySelectorAll('[class^=hljs-]').length > 0);
    const steps = [];
    view.show('```js\nconst a = 1;', false);
    await rest();
    steps.push(colours());
    const first = '```js\nconst a = 1;\n```\n';
    view.show(first, false);
    await rest();
    steps.push(colours());
    const coloured = view.node.querySelector('.hljs-keyword');
    const list = `${first}\n- x\n  \`\`\`rust\n  fn main() {}\n  \`\`\`\n- y`;
    view.show(`${list}\n  \`\`\`rust\n  fn main`, false);
    await rest();
    steps.push(colours());
    const long = `${list}\n\n\`\`\`js\n${'const a = 1;\n'.repeat(Math.ceil(markdown.COLOURED / 12))}\n\`\`\`\n\n\`\`\`js\nconst b = '${'b'.repeat(400)}';\n\`\`\``;
    view.show(long, true);
    await rest();
    steps.push(colours());
    return { steps, isSame: view.node.querySelector('.hljs-keyword') === coloured, text: view.node.querySelector('code').textContent };
  });
  assert.deepEqual(seen.steps, [[false], [true], [true, true, false], [true, true, false, false]]);
  assert.ok(seen.isSame, 'what is coloured stays');
  assert.equal(seen.text, 'const a = 1;');
});

test('lists, quotes and tables go in the direction of their first letter', async () => {
  const directions = await page.evaluate(() => {
    const of = (node) => [...node.querySelectorAll('ul, ol, blockquote, table')].map(({ localName, dir }) => `${localName} ${dir}`);
    const text = '- \u0645\u0631\u062d\u0628\u0627\n- two\n\n1. **\u05e9**\n\n> \u05e9\n\n| \u05e9 | b |\n|---|---|\n\n- one\n- \u05e9\n\n> 12 a \u05e9';
    return [of(made(text)), of(inPieces(text, cuts(text.length, 2)))];
  });
  const wanted = ['ul rtl', 'ol rtl', 'blockquote rtl', 'table rtl', 'ul ', 'blockquote '];
  assert.deepEqual(directions, [wanted, wanted]);
});

test('headings follow one another without a gap', async () => {
  const levels = await page.evaluate(() => {
    const text = '### a\n\n# b\n\n### c\n\n## d\n\n#### e\n\n###### f\n\n> # g\n\n# h';
    const of = (node) => [...node.querySelectorAll('h3, h4, h5, h6')].map(({ localName, dataset }) => `${localName} ${dataset.depth}`);
    return [of(made(text)), of(inPieces(text, cuts(text.length, 1)))];
  });
  const wanted = ['h3 3', 'h3 1', 'h4 3', 'h4 2', 'h5 4', 'h6 6', 'h3 1', 'h3 1'];
  assert.deepEqual(levels, [wanted, wanted]);
});

test('nothing was said on the console', () => {
  assert.deepEqual(opened.said, []);
});
