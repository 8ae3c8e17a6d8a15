// The pages build their elements from parts: no text of a model, a tool or a server is ever read as markup or as a script.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WWW = fileURLToPath(new URL('../../www/', import.meta.url));
/** What makes markup, a script or a style out of a text. */
const SINKS = /\b(?:innerHTML|outerHTML|insertAdjacentHTML|setHTML(?:Unsafe)?|parseHTMLUnsafe|createContextualFragment|DOMParser|srcdoc|document\.write(?:ln)?|eval|Function|cssText|insertRule)\b(?!`)/;
/** Attributes that a browser runs or follows. Only these places write them, and only with what they make themselves. */
const ADDRESSES = {
  'chat/session-list.ts': ["el('a', { href: `#${id}`,"],
  'chat/heading.ts': ["setAttribute(this.parent, 'href', parent === undefined ? undefined : `#${parent}`)"],
  'chat/tool-part.ts': ["setAttribute(this.child, 'href', known ? `#${id}` : undefined)"],
  // Through addressOf alone, which tests/browser/markdown.test.mjs holds.
  'chat/markdown/build.ts': ["token.attrGet('href')", "el('a', { href: address, rel: 'noopener noreferrer',", "parent.getAttribute('href')"],
  'chat/save-recording.ts': ['const href = URL.createObjectURL(', "el('a', { href, download"],
};
const files = readdirSync(WWW, { recursive: true, encoding: 'utf8' }).filter((file) => !/(^|[/\\])dist[/\\]/.test(file));
/** Without comments. @param {string} file */
const code = (file) => readFileSync(join(WWW, file), 'utf8').replace(/\/\*.*?\*\//gs, '').replace(/^\s*\/\/.*$/gm, '');

test('no page makes markup out of a text', () => {
  const scripts = files.filter((file) => file.endsWith('.ts'));
  assert.ok(scripts.length > 40, `${scripts.length} scripts`);
  for (const file of scripts) assert.doesNotMatch(code(file), SINKS, file);
  // The search would find them.
  for (const sink of ['node.innerHTML = x', "node.insertAdjacentHTML('beforeend', x)", 'new Function(x)', 'eval(x)', 'document.write(x)']) assert.match(sink, SINKS);
});

test('no page has a script, a style or a handler in its markup', () => {
  const pages = files.filter((file) => /\.(html|svg)$/.test(file));
  assert.ok(pages.length > 5);
  for (const file of pages) {
    const text = readFileSync(join(WWW, file), 'utf8').replace(/<!--.*?-->/gs, '');
    assert.doesNotMatch(text, /\son\w+\s*=|\sstyle\s*=|<style|javascript:/i, file);
    for (const [, attributes, body] of text.matchAll(/<script\b([^>]*)>(.*?)<\/script>/gis)) assert.ok(/\bsrc="(?!\w+:|\/\/)[\w./-]+"/.test(attributes) && body.trim() === '', `${file}: ${attributes}`);
  }
});

test('links lead into the page itself, or to what it made', () => {
  for (const file of files.filter((each) => each.endsWith('.ts'))) {
    let text = code(file);
    for (const known of ADDRESSES[file.replaceAll('\\', '/')] ?? []) {
      assert.ok(text.includes(known), `${file} has no ${known}`);
      text = text.replace(known, '');
    }
    assert.doesNotMatch(text, /'href'|(?<!\.)\bhref\s*[:,}]|\.href\s*=(?!=)|formaction|xlink:|\blocation\s*=(?!=)|location\.(?:assign|replace)\(/i, file);
  }
});
