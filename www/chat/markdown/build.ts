import { visible } from '../../../src/js/visible.js';
import { el } from '../dom.js';
import { addressOf } from './address.js';
import { codeBlock } from './code-block.js';
import type { Token } from './parse.js';

/** Emphasis inside of emphasis: what is deeper is shown without. */
const EMPHASIS = 16;
/** A message has a heading of the second level. */
const TOP = 2;

/** What is laid out to one side. Text itself takes its direction by style, and code has its own. */
const directed: ReadonlySet<string> = new Set(['blockquote_open', 'bullet_list_open', 'ordered_list_open', 'table_open']);
const RTL = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/** One block of the text itself, not of a list or a quote. */
export interface Block {
  readonly type: string;
  /** Its first line. */
  readonly line: number;
  readonly tokens: Token[];
}

/** Takes the blocks apart. */
export function blocksOf(tokens: readonly Token[]): Block[] {
  const blocks: Block[] = [];
  for (const token of tokens) {
    if (token.level === 0 && token.nesting >= 0 && token.type !== 'inline') blocks.push({ type: token.type, line: token.map?.[0] ?? 0, tokens: [] });
    blocks.at(-1)?.tokens.push(token);
  }
  return blocks;
}

/** Makes elements of blocks. There is no way from a text to markup. */
export class Builder {
  private before = '';

  /** `headings`: the headings around this place, as the text counts them; grows with what is built. */
  constructor(readonly headings: number[]) {}

  build({ tokens }: Block): Node[] {
    const root = document.createDocumentFragment();
    const open: Node[] = [root];
    for (const [at, token] of tokens.entries()) {
      const parent = open.at(-1) ?? root;
      if (token.type === 'inline') {
        const isItem = tokens[at - 2]?.type === 'list_item_open';
        this.inline(token.children ?? [], parent, isItem);
      } else if (token.nesting < 0) open.pop();
      else if (token.nesting === 0) parent.appendChild(this.leaf(token));
      else {
        const node = this.container(token, directed.has(token.type) ? directionOf(tokens.slice(at + 1, at + 6)) : undefined);
        parent.appendChild(token.type === 'table_open' ? el('div', { class: 'table', tabindex: 0, role: 'group', 'aria-label': 'Table' }, node) : node);
        open.push(node);
      }
    }
    return [...root.childNodes];
  }

  /** Goes past a heading without building it. */
  passHeading(token: Token): void {
    if (token.type === 'heading_open') this.heading(Number(token.tag.slice(1)));
  }

  private leaf(token: Token): Node {
    if (token.type === 'fence' || token.type === 'code_block') return codeBlock(token.content.replace(/\n$/, ''), token.info);
    if (token.type === 'hr') return el('hr');
    return el('p', { class: 'prose' }, token.content);
  }

  private container(token: Token, dir: 'rtl' | undefined): HTMLElement {
    switch (token.type) {
      case 'paragraph_open':
        return el('p', { class: token.hidden ? 'prose tight' : 'prose' });
      case 'heading_open':
        return el(this.heading(Number(token.tag.slice(1))), { class: 'prose', 'data-depth': token.tag.slice(1) });
      case 'blockquote_open':
        return el('blockquote', { dir });
      case 'bullet_list_open':
        return el('ul', { dir });
      case 'ordered_list_open':
        return el('ol', { dir, start: token.attrGet('start') ?? undefined });
      case 'list_item_open':
        return el('li');
      case 'table_open':
        return el('table', { dir });
      case 'thead_open':
        return el('thead');
      case 'tbody_open':
        return el('tbody');
      case 'tr_open':
        return el('tr');
      case 'th_open':
        return el('th', { class: 'prose', scope: 'col', 'data-align': alignOf(token) });
      case 'td_open':
        return el('td', { class: 'prose', 'data-align': alignOf(token) });
      default:
        return el('div');
    }
  }

  /** Levels follow one another without a gap, whichever the text uses. */
  private heading(depth: number): 'h3' | 'h4' | 'h5' | 'h6' {
    while ((this.headings.at(-1) ?? 0) >= depth) this.headings.pop();
    this.headings.push(depth);
    return `h${Math.min(6, TOP + this.headings.length)}` as 'h3' | 'h4' | 'h5' | 'h6';
  }

  private inline(tokens: readonly Token[], root: Node, isItem: boolean): void {
    const open = [root];
    for (const [at, token] of tokens.entries()) {
      const parent = open.at(-1) ?? root;
      const content = at === 0 && isItem ? this.task(token.content, root) : token.content;
      switch (token.type) {
        case 'text':
          this.text(content, parent);
          break;
        case 'softbreak':
        case 'hardbreak':
          this.text('\n', parent);
          break;
        case 'code_inline':
          parent.appendChild(el('code', {}, content));
          break;
        case 'image':
          // A picture is loaded from where the model says, and tells that somebody reads: only its address is shown.
          this.picture(token, parent, open.some((node) => node instanceof HTMLAnchorElement));
          break;
        case 'link_open':
          open.push(parent.appendChild(linkTo(addressOf(String(token.attrGet('href') ?? '')))));
          break;
        case 'link_close':
          if (parent instanceof HTMLAnchorElement) showAddress(parent, parent.getAttribute('href') ?? '');
          open.pop();
          break;
        case 'strong_open':
        case 'em_open':
        case 's_open':
          open.push(open.length > EMPHASIS ? parent : parent.appendChild(el(token.tag as 'strong' | 'em' | 's')));
          break;
        default:
          if (token.nesting < 0) open.pop();
          else this.text(content, parent);
      }
    }
  }

  /** The box of a task, and the rest of its text. */
  private task(text: string, parent: Node): string {
    const [box = '', sign] = /^\[([ xX])\] /.exec(text) ?? [];
    if (sign === undefined) return text;
    const isDone = sign !== ' ';
    parent.appendChild(el('span', { class: 'task', role: 'img', 'aria-label': isDone ? 'Done' : 'To do' }, isDone ? '☑' : '☐'));
    this.text(' ', parent);
    return text.slice(box.length);
  }

  private picture(token: Token, parent: Node, isLinked: boolean): void {
    const address = addressOf(String(token.attrGet('src') ?? ''));
    const node = isLinked ? el('span') : linkTo(address);
    this.text(token.content === '' ? 'Picture' : token.content, node);
    showAddress(node, address ?? '');
    parent.appendChild(node);
  }

  private text(content: string, parent: Node): void {
    // References to characters by number are resolved by now.
    const shown = visible(content, this.before);
    this.before = (this.before + content).slice(-4);
    const last = parent.lastChild;
    if (last instanceof Text) last.appendData(shown);
    else parent.appendChild(document.createTextNode(shown));
  }
}

function linkTo(address: string | undefined): HTMLElement {
  return address === undefined ? el('span') : el('a', { href: address, rel: 'noopener noreferrer', target: '_blank' });
}

/** Says where a link leads, unless its text is just that. */
function showAddress(link: HTMLElement, address: string): void {
  const label = link.textContent ?? '';
  if (address === '' || [label, `${label}/`, `mailto:${label}`].includes(address)) return;
  link.append(el('span', { class: 'address' }, ` (${address})`));
}

/** The direction of the first letter. `dir=auto` looks through all children again for each one that is added. */
function directionOf(tokens: readonly Token[]): 'rtl' | undefined {
  const letter = /\p{L}/u.exec(tokens.find(({ type }) => type === 'inline')?.content.slice(0, 200) ?? '')?.[0];
  return letter !== undefined && RTL.test(letter) ? 'rtl' : undefined;
}

function alignOf(token: Token): string | undefined {
  return /text-align:(left|right|center)/.exec(String(token.attrGet('style') ?? ''))?.[1];
}
