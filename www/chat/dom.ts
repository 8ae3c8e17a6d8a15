import { visible } from '../../src/js/visible.js';
import { textOf } from './fields.js';

type Attributes = { readonly [name: string]: string | number | boolean | undefined };
type Child = Node | string | undefined;

/** Builds an element. All text in it is made {@link visible}; there is no way to pass markup. */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  for (const child of children) {
    if (child !== undefined) node.append(typeof child === 'string' ? visible(child) : child);
  }
  return node;
}

/** A button that does one thing. */
export function button(label: string, attributes: Attributes, onClick: () => void): HTMLButtonElement {
  const node = el('button', { type: 'button', ...attributes }, label);
  node.addEventListener('click', onClick);
  return node;
}

/** Sets an attribute, or takes it away for `undefined` and `false`. Touches the DOM only on a change. */
export function setAttribute(node: Element, name: string, value: string | number | boolean | undefined): void {
  if (value === undefined || value === false) return node.removeAttribute(name);
  const text = value === true ? '' : visible(String(value));
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

/** Sets the whole text of an element. Touches the DOM only on a change. */
export function setText(node: Element, text: unknown): void {
  const shown = visible(textOf(text));
  if (node.textContent !== shown) node.textContent = shown;
}

/** Makes `nodes` the children of `parent`, moving only what is out of place, so that focus and selection stay. */
export function place(parent: Element, nodes: readonly Node[]): void {
  const keep = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!keep.has(child)) child.remove();
  let at = parent.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
}

/** An element of index.html. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const node = document.getElementById(id);
  if (node instanceof type) return node;
  throw new Error(`index.html has no ${type.name} with the id "${id}"`);
}
