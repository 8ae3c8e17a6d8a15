import type { PermissionRequest } from 'opencode-session';
import { button, el } from './dom.js';
import { fieldsOf, listOf, textOf } from './fields.js';
import { exact } from '../../src/js/visible.js';

export type PermissionReply = 'once' | 'always' | 'reject';

/** Asks whether a tool may do something. `reply` rejects when the answer did not get through. */
export function permissionCard(request: PermissionRequest, reply: (reply: PermissionReply) => Promise<boolean>): HTMLElement {
  const kind = String(request.permission ?? 'this');
  const title = el('h2', { class: 'ask-title', id: `ask-${request.id}` }, 'Allow ', el('code', {}, exact(kind)), '?');
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

/** The fields that have a place of their own on the card. */
const SHOWN = new Set(['command', 'description', 'filepath', 'url', 'diff']);

/** Nothing is left out and nothing is hidden: whoever answers answers for all of it. */
function details(request: PermissionRequest): HTMLElement[] {
  const nodes: HTMLElement[] = [];
  // A server may leave fields out, or fill them with something else; the card is there all the same.
  const patterns = listOf(request.patterns).filter((each) => each !== '');
  const metadata = fieldsOf(request.metadata);
  const always = request['always'];
  const command = metadata['command'];
  const diff = metadata['diff'];
  const lines = typeof command === 'string' ? [command] : [];
  for (const pattern of patterns.map(String)) if (!lines.includes(pattern)) lines.push(pattern);
  for (const field of ['description', 'filepath', 'url']) {
    const value = metadata[field];
    if (typeof value === 'string' && value !== '' && !lines.includes(value)) nodes.push(el('p', {}, exact(value)));
  }
  if (lines.length > 0) nodes.push(code(lines.join('\n')));
  if (typeof diff === 'string' && diff !== '') nodes.push(code(diff));
  if (metadata !== request.metadata && textOf(request.metadata) !== '') nodes.push(code(textOf(request.metadata)));
  const others = Object.entries(metadata).filter(([name, value]) => !SHOWN.has(name) || typeof value !== 'string');
  if (others.length > 0) {
    nodes.push(el('details', {}, el('summary', {}, 'All that it says'), code(JSON.stringify(Object.fromEntries(others), null, 2))));
  }
  if (Array.isArray(always) && always.length > 0) {
    nodes.push(el('p', { class: 'hint' }, '“Always” allows from now on: ', el('code', {}, exact(always.map(String).join(', ')))));
  }
  return nodes;
}

function code(text: string): HTMLElement {
  return el('pre', { tabindex: 0, dir: 'ltr', role: 'region', 'aria-label': 'What it wants to do' }, exact(text));
}
