import type { PermissionRequest } from 'opencode-session';
import { button, el } from './dom.js';
import { plainOutput } from './visible.js';

export type PermissionReply = 'once' | 'always' | 'reject';

/** Asks whether a tool may do something. `reply` rejects when the answer did not get through. */
export function permissionCard(request: PermissionRequest, reply: (reply: PermissionReply) => Promise<boolean>): HTMLElement {
  const kind = request.permission ?? 'this';
  const title = el('h2', { class: 'ask-title', id: `ask-${request.id}` }, 'Allow ', el('code', {}, kind), '?');
  const answer = (label: string, value: PermissionReply, quiet: boolean) =>
    button(label, { 'data-testid': `permission-${value}`, class: quiet ? 'quiet' : 'primary' }, () => {
      void send(value);
    });
  const buttons = [answer('Allow once', 'once', false), answer('Always', 'always', true), answer('Reject', 'reject', true)];
  const send = async (value: PermissionReply) => {
    // A disabled button drops the focus to the page; the card keeps it.
    card.focus({ preventScroll: true });
    for (const one of buttons) one.disabled = true;
    if (await reply(value)) return;
    for (const one of buttons) one.disabled = false;
  };
  const card = el('div', { class: 'ask', role: 'group', tabindex: -1, 'aria-labelledby': title.id, 'data-testid': 'permission', 'data-id': request.id },
    title, ...details(request), el('div', { class: 'row' }, ...buttons));
  return card;
}

function details(request: PermissionRequest): HTMLElement[] {
  const nodes: HTMLElement[] = [];
  const command = request.metadata?.['command'];
  const lines = typeof command === 'string' ? [command] : [...(request.patterns ?? [])];
  for (const field of ['description', 'filepath', 'url']) {
    const value = request.metadata?.[field];
    if (typeof value === 'string' && value !== '' && !lines.includes(value)) nodes.push(el('p', {}, value));
  }
  if (lines.length > 0) nodes.push(code(lines.join('\n')));
  const diff = request.metadata?.['diff'];
  if (typeof diff === 'string' && diff !== '') nodes.push(code(diff));
  const always = request['always'];
  if (Array.isArray(always) && always.length > 0) {
    nodes.push(el('p', { class: 'hint' }, '“Always” allows from now on: ', el('code', {}, always.map(String).join(', '))));
  }
  return nodes;
}

function code(text: string): HTMLElement {
  return el('pre', { tabindex: 0, dir: 'ltr', role: 'region', 'aria-label': 'What it wants to do' }, plainOutput(text));
}
