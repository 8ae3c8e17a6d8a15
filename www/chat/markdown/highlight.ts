import bash from 'highlight.js/lib/languages/bash';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import dockerfile from 'highlight.js/lib/languages/dockerfile';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import kotlin from 'highlight.js/lib/languages/kotlin';
import php from 'highlight.js/lib/languages/php';
import python from 'highlight.js/lib/languages/python';
import ruby from 'highlight.js/lib/languages/ruby';
import rust from 'highlight.js/lib/languages/rust';
import shell from 'highlight.js/lib/languages/shell';
import sql from 'highlight.js/lib/languages/sql';
import swift from 'highlight.js/lib/languages/swift';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { createLowlight } from 'lowlight';
import { el } from '../dom.js';

/**
 * Longest block that is coloured, and longest line of one, in characters. Grammars search by patterns whose time grows with the square
 * of the text: what is longer is shown plain, and languages whose grammars are the slowest (C, C++, C#, INI) are left out.
 */
export const COLOURED = 12_000;
const LINE = 400;
const LONG_LINE = new RegExp(`[^\\n]{${LINE + 1}}`);
/** Colours inside of colours: what is deeper keeps the outer one. */
const DEEP = 16;

const lowlight = createLowlight({ bash, css, diff, dockerfile, go, java, javascript, json, kotlin, php, python, ruby, rust, shell, sql, swift, typescript, xml, yaml });

/** Blocks that wait for their colours. */
const waiting: HTMLElement[] = [];
/** What was in them when they were put there. */
const seen = new WeakMap<HTMLElement, string>();

/** Colours a block of code that is whole, a while later: many at once are done one after the other, with the page free in between. */
export function colourSoon(block: HTMLElement): void {
  const text = block.textContent ?? '';
  if (seen.get(block) === text) return;
  seen.set(block, text);
  waiting.push(block);
  if (waiting.length === 1) setTimeout(next);
}

function next(): void {
  const at = waiting.findIndex(isColoured);
  const [block] = waiting.splice(0, at < 0 ? waiting.length : at + 1).slice(at);
  if (waiting.length > 0) setTimeout(next);
  if (at >= 0 && block) colour(block);
}

/** Whether a block is still there, and in a known language. */
function isColoured(block: HTMLElement): boolean {
  const { language = '' } = block.dataset;
  const text = block.textContent ?? '';
  return block.isConnected && language !== '' && text.length <= COLOURED && !LONG_LINE.test(text) && lowlight.registered(language);
}

function colour(block: HTMLElement): void {
  const code = block.querySelector('code');
  code?.replaceChildren(coloured(block.dataset['language'] ?? '', code.textContent ?? ''));
}

type Nodes = ReturnType<typeof lowlight.highlight>['children'];

function coloured(language: string, text: string): Node {
  const root = document.createDocumentFragment();
  const open: { nodes: Nodes; at: number; parent: Node }[] = [{ nodes: lowlight.highlight(language, text).children, at: 0, parent: root }];
  for (let top = open.at(-1); top; top = open.at(-1)) {
    const node = top.nodes[top.at++];
    if (node === undefined) open.pop();
    // The text stood in the page: what hides was spelled out before.
    else if (node.type === 'text') top.parent.appendChild(document.createTextNode(node.value));
    else if (node.type === 'element') {
      const names = node.properties['className'];
      const parent = open.length > DEEP ? top.parent : top.parent.appendChild(el('span', { class: Array.isArray(names) ? names.join(' ') : '' }));
      open.push({ nodes: node.children, at: 0, parent });
    }
  }
  return root;
}
