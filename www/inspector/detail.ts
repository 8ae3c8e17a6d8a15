import type { Entry, Value } from 'opencode-session/recorder';
import type { Message, SessionState } from 'opencode-session';
import { exact } from '../../src/js/visible.js';
import { el } from '../chat/dom.js';
import { readable } from './frames.js';

/** Longest text that is put into the page at once. */
const MOST = 50_000;

/** What an entry holds. */
export function describeEntry(entry: Entry): HTMLElement[] {
  if ('log' in entry || 'end' in entry) return [block(pretty(entry))];
  const name = 'in' in entry ? entry.in : entry.out;
  const names = NAMES[name] ?? [];
  const facts: [string, string][] = [[('in' in entry ? 'came in' : 'went out'), name]];
  const bodies: HTMLElement[] = [];
  entry.a.forEach((value, at) => {
    const label = names[at] ?? `value ${at + 1}`;
    const text = shown(value);
    if (text.length > 120 || label === 'body') bodies.push(el('p', { class: 'part-kind' }, label), block(pretty(text)));
    else facts.push([label, text]);
  });
  if ('in' in entry && entry.r !== undefined) facts.push(['gave', shown(entry.r)]);
  if ('in' in entry && entry.trap !== undefined) facts.push(['trap', entry.trap]);
  return [list(facts), ...bodies];
}

/** A session's state: what a page shows of it, and all of it as JSON. */
export function describeState(id: string, state: SessionState): HTMLElement {
  const { connection, status, messages, session } = state;
  const facts: [string, string][] = [
    ['session', session ? `${session.title} (${id})` : id],
    ['connection', `${connection.phase} by ${connection.source}${connection.error ? `; ${connection.error.code}: ${connection.error.message}` : ''}`],
    ['status', status.type],
    ['continuity', state.continuity],
    ['messages', String(messages.length)],
  ];
  if (state.error) facts.push(['error', `${state.error.code}: ${state.error.message}`]);
  const json = el('details', {}, el('summary', {}, 'All of it as JSON'));
  json.addEventListener('toggle', () => {
    if (json.open && json.childElementCount === 1) json.append(block(pretty(state)));
  });
  return el('div', { 'data-testid': 'session-state', 'data-session': id }, list(facts), el('ul', { class: 'shown-messages' }, ...messages.slice(-20).map(message)), json);
}

function message({ info, parts, delivery }: Message): HTMLElement {
  const head = el('div', { class: 'part-kind' }, exact(`${info.role}${delivery ? `, ${delivery}` : ''}`));
  return el('li', { 'data-role': info.role }, head, ...parts.map((part) => {
    const text = part.text ?? (part.type === 'tool' ? `${part.tool ?? ''} ${part.state?.status ?? ''}` : '');
    const tail = part.tail === undefined ? '' : ` … ${part.tail}`;
    return el('p', { 'data-continuity': part.continuity, 'data-type': part.type }, el('span', { class: 'part-kind' }, exact(`${part.type}, ${part.continuity}: `)), short(text + tail));
  }));
}

const NAMES: Record<string, readonly string[]> = {
  open: ['session', 'page size', 'waits for the journal'],
  send: ['session', 'key', 'body', 'token stored', 'token done'],
  call: ['session', 'method', 'path', 'body', 'token'],
  command: ['session', 'kind', 'body', 'token'],
  answered: ['request', 'status', 'content type', 'cursor', 'retry after', 'body'],
  failed: ['request', 'cause'],
  streamOpened: ['stream', 'status', 'content type', 'retry after'],
  streamBytes: ['stream', 'body'],
  streamClosed: ['stream', 'cause'],
  restore: ['session', 'body', 'own'],
  resume: ['session'],
  journal: ['session', 'closing'],
  closeSession: ['session'],
  discard: ['session', 'key'],
  ready: ['session', 'token'],
  settled: ['session', 'token'],
  loadOlder: ['session', 'count', 'token'],
  drain: ['session'],
  told: ['session', 'body'],
  online: ['online'],
  visible: ['visible'],
  request: ['request', 'method', 'path', 'body', 'patience'],
  openStream: ['stream', 'path', 'way', 'position'],
  heard: ['kind', 'length of the id', 'length'],
  reply: ['token', 'kind', 'session', 'index', 'body or its length'],
  log: ['level', 'code', 'message'],
  arm: ['milliseconds'],
  dirty: ['session'],
};

function shown(value: Value): string {
  return typeof value === 'string' || (typeof value === 'object' && value !== null) ? readable(value) : String(value);
}

/** JSON on lines of its own, where it is JSON. */
function pretty(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value, null, 2);
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}

function list(facts: readonly [string, string][]): HTMLElement {
  return el('dl', {}, ...facts.flatMap(([name, text]) => [el('dt', {}, name), el('dd', {}, short(text))]));
}

function block(text: string): HTMLElement {
  return el('pre', { tabindex: 0 }, short(text));
}

function short(text: string): string {
  return exact(text.length > MOST ? `${text.slice(0, MOST)}\n… and ${text.length - MOST} more characters` : text);
}
