import type { Auth } from 'opencode-session';
import { button, el } from './dom.js';

/** Asks yes or no. */
export async function confirm(title: string, text: string, action: string): Promise<boolean> {
  return (await ask(title, [el('p', {}, text)], action, 'danger')) !== undefined;
}

/** Asks for one line of text; undefined when cancelled or empty. */
export async function askText(title: string, label: string, value: string): Promise<string | undefined> {
  const input = el('input', { type: 'text', required: true, autocomplete: 'off', 'data-testid': 'dialog-text' });
  input.value = value;
  const ok = await ask(title, [field(label, input)], 'Save', 'primary');
  return ok ? input.value.trim() || undefined : undefined;
}

/** Asks for the server's password. It goes nowhere but into the returned object. */
export async function askPassword(server: string, refused: boolean): Promise<Auth | undefined> {
  const username = el('input', { type: 'text', value: 'opencode', autocomplete: 'username', required: true });
  const password = el('input', { type: 'password', autocomplete: 'current-password', required: true, 'data-testid': 'password' });
  const ok = await ask('Sign in to the server', [
    refused ? el('p', { class: 'missing', role: 'alert' }, 'The server refused this name or password.') : undefined,
    el('p', {}, `${server} asks for a password. It is kept in this page's memory only, until you reload.`),
    field('User name', username),
    field('Password', password),
  ], 'Sign in', 'primary');
  const auth: Auth | undefined = ok ? { type: 'basic', username: username.value, password: password.value } : undefined;
  password.value = '';
  return auth;
}

/** Asks how a recording is to be saved; undefined when cancelled. */
export async function askRecording(note: string): Promise<{ text: 'keep' | 'mask' } | undefined> {
  const mask = el('input', { type: 'checkbox', checked: true, 'data-testid': 'mask' });
  const ok = await ask('Save a recording', [
    el('p', {}, 'All that came from the server and that this page did since it was loaded, for a bug report: the inspector plays it again. Passwords and keys are not in it.'),
    el('label', { class: 'check' }, mask, el('span', {}, 'Hide what was said: letters become “x”, also in titles, tools and names of folders')),
    note === '' ? undefined : el('p', { class: 'missing' }, note),
  ], 'Save', 'primary');
  return ok && { text: mask.checked ? 'mask' : 'keep' };
}

function field(label: string, input: HTMLInputElement): HTMLElement {
  return el('label', { class: 'field' }, el('span', {}, label), input);
}

/** A modal dialog; resolves with true on its action and with undefined on anything else. */
function ask(title: string, content: (HTMLElement | undefined)[], action: string, tone: 'primary' | 'danger'): Promise<true | undefined> {
  const heading = el('h2', { id: 'dialog-title' }, title);
  const form = el('form', { method: 'dialog' }, heading, ...content, el('div', { class: 'row end' },
    button('Cancel', { class: 'quiet', 'data-testid': 'dialog-cancel' }, () => dialog.close()),
    el('button', { type: 'submit', class: tone, 'data-testid': 'dialog-ok' }, action)));
  const dialog = el('dialog', { 'aria-labelledby': heading.id, 'data-testid': 'dialog' }, form);
  return new Promise((resolve) => {
    let answer: true | undefined;
    form.addEventListener('submit', (event) => {
      // The policy of the page allows no form to be sent anywhere.
      event.preventDefault();
      answer = true;
      dialog.close();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
    (form.querySelector<HTMLInputElement>('[type=password]') ?? form.querySelector<HTMLInputElement>('[type=text]'))?.select();
  });
}
