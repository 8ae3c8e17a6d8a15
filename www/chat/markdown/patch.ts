import { setAttribute } from '../dom.js';

/**
 * Makes the children of `parent` from the place `from` on like `fresh`, and touches only what differs: a selection, a focus and a
 * scrolled block stay, and nothing that goes on being shown is gone in between.
 */
export function patch(parent: Node, fresh: readonly Node[], from = 0): void {
  let old: Node | null = parent.childNodes[from] ?? null;
  for (const node of fresh) {
    if (old === null) {
      parent.appendChild(node);
      continue;
    }
    const following: Node | null = old.nextSibling;
    if (!merge(old, node)) parent.replaceChild(node, old);
    old = following;
  }
  while (old !== null) {
    const following: Node | null = old.nextSibling;
    parent.removeChild(old);
    old = following;
  }
}

/** Makes a node like another one, where it can be. */
function merge(old: Node, fresh: Node): boolean {
  if (old instanceof Text && fresh instanceof Text) {
    setData(old, fresh.data);
    return true;
  }
  if (!(old instanceof HTMLElement && fresh instanceof HTMLElement) || old.tagName !== fresh.tagName) return false;
  if (old.classList.contains('code') || fresh.classList.contains('code')) return mergeCode(old, fresh);
  for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const name of fresh.getAttributeNames()) setAttribute(old, name, fresh.getAttribute(name) ?? '');
  patch(old, [...fresh.childNodes]);
  return true;
}

/** Code keeps its colours while it stays the same. */
function mergeCode(old: HTMLElement, fresh: HTMLElement): boolean {
  const before = old.querySelector('code');
  const text = fresh.querySelector('code')?.textContent ?? '';
  if (before === null || old.dataset['language'] !== fresh.dataset['language']) return false;
  if (before.textContent === text) return true;
  // What was coloured is another block by now.
  if (before.firstElementChild !== null) return false;
  if (before.firstChild instanceof Text) setData(before.firstChild, text);
  else before.append(text);
  return true;
}

/** Added text is appended: a selection in what was there before stays. */
export function setData(node: Text, text: string): void {
  if (text.startsWith(node.data)) {
    if (text.length > node.data.length) node.appendData(text.slice(node.data.length));
  } else node.data = text;
}
