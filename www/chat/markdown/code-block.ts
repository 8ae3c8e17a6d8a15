import { el } from '../dom.js';

/** How a language may be named: what comes after a fence may be anything. */
const LANGUAGE = /^[\w+#.-]{1,32}$/;
/** How long a button says that it copied, milliseconds. */
const SAID = 1_500;

/** A block of code with a button that copies it, see {@link listenForCopies}. */
export function codeBlock(text: string, info: string): HTMLElement {
  const word = /^\s*(\S*)/.exec(info.slice(0, 100))?.[1] ?? '';
  const language = LANGUAGE.test(word) ? word : '';
  const label = language === '' ? 'Code' : `Code, ${language}`;
  return el('div', { class: 'code', 'data-language': language || undefined },
    // It scrolls, and so must be reached by keys.
    el('pre', { tabindex: 0, role: 'group', 'aria-label': label, dir: 'ltr' }, el('code', {}, text)),
    el('button', { type: 'button', class: 'copy', 'aria-label': 'Copy code', title: 'Copy' }));
}

/** One listener for all buttons: blocks are made anew while they grow. */
export function listenForCopies(root: HTMLElement, say: (text: string) => void): void {
  root.addEventListener('click', ({ target }) => {
    const copy = target instanceof Element ? target.closest<HTMLElement>('.copy') : null;
    const code = copy?.closest('.code')?.querySelector('code');
    if (copy && code) void copyOf(code.textContent ?? '', copy, say);
  });
}

async function copyOf(text: string, copy: HTMLElement, say: (text: string) => void): Promise<void> {
  try {
    // Only a secure page has a clipboard.
    await navigator.clipboard.writeText(text);
  } catch {
    return say('The browser did not let this page copy.');
  }
  copy.dataset['done'] = 'true';
  say('Copied');
  setTimeout(() => delete copy.dataset['done'], SAID);
}
