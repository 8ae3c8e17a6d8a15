// Every link of every page leads somewhere: to a file of the repository, and to a heading that is there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { dirname, posix } from 'node:path';
import { test } from 'node:test';
import { anchors, links, pages, read, ROOT, userPages } from './pages.mjs';

const known = new Set(execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' }).split('\n').filter(Boolean));
/** @param {string} path */
const isThere = (path) => known.has(path) || [...known].some((file) => file.startsWith(`${path.replace(/\/$/, '')}/`));

/** What is wrong with the links of a page. @param {string} page @param {string} text @returns {string[]} */
function broken(page, text) {
  return links(text).flatMap((link) => {
    if (/^[a-z]+:/.test(link)) return /^(https?|mailto):/.test(link) ? [] : [`${link}: an odd address`];
    const [target, anchor] = link.split('#');
    const path = target === '' ? page : posix.normalize(posix.join(dirname(page), decodeURI(target)));
    if (!isThere(path)) return [`${link}: there is no ${path}`];
    if (anchor !== undefined && path.endsWith('.md') && !anchors(path === page ? text : read(path)).has(anchor)) return [`${link}: ${path} has no such heading`];
    return [];
  });
}

for (const page of pages()) {
  test(page, () => assert.deepEqual(broken(page, read(page)), []));
}

test('every page of docs/ is in its index', () => {
  const index = links(read('docs/README.md')).map((link) => `docs/${link}`);
  for (const page of userPages()) if (page.startsWith('docs/') && page !== 'docs/README.md') assert.ok(index.includes(page), `${page} is not in docs/README.md`);
});

test('a broken link is found', () => {
  const text = `# A title\n[a](README.md) [b](none.md) [c](#a-title) [d](#none) [e](errors.md#none) \`[f](none)\` [g](https://example.com)
\`\`\`\n[h](none)\n\`\`\`\n[i]: gone.md\n`;
  const found = broken('docs/README.md', text).map((each) => each.split(':')[0]);
  assert.deepEqual(found, ['none.md', '#none', 'errors.md#none', 'gone.md']);
});
