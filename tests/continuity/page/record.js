// A page that shows one session and writes down every state it is told, with the time since its first script.
import { createClient } from '/lib/index.js';

const query = new URLSearchParams(location.search);
const record = { load: crypto.randomUUID(), first: first.at, parts: [], texts: [], states: [], logs: [] };
const parts = new Map();
const last = {};

const ms = () => Math.round(performance.now() - first.now);
const shared = (before, now) => {
  let at = 0;
  while (at < before.length && before[at] === now[at]) at += 1;
  return at;
};

/** What changed, as the length that stays and what is added: a whole answer in every line would be too much to send. */
function look(state) {
  const { connection, continuity, status, messages } = state;
  const line = [connection.phase, connection.source, connection.attempt, continuity, status.type, connection.error?.code ?? '', state.error?.code ?? ''];
  const ids = messages.flatMap((message) => message.parts.map((part) => part.id));
  if (JSON.stringify([line, ids.length]) !== JSON.stringify(last.state)) {
    last.state = [line, ids.length];
    record.states.push([ms(), ...line, ids.length]);
  }
  for (const { info, parts: list } of messages) {
    for (const part of list) {
      if (typeof part.text !== 'string') continue;
      let known = parts.get(part.id);
      if (known?.part === part) continue;
      if (known === undefined) {
        known = { index: record.parts.length, text: '', tail: '' };
        parts.set(part.id, known);
        record.parts.push([part.id, info.role, part.type]);
      }
      const tail = part.tail ?? '';
      const keep = shared(known.text, part.text);
      const keepTail = shared(known.tail, tail);
      record.texts.push([ms(), known.index, part.continuity, keep, part.text.slice(keep), part.gap?.at ?? -1, keepTail, tail.slice(keepTail)]);
      Object.assign(known, { part, text: part.text, tail });
    }
  }
  const shown = new Set(ids);
  for (const [id, { index }] of parts) {
    if (shown.has(id)) continue;
    record.texts.push([ms(), index, 'gone', 0, '', -1, 0, '']);
    parts.delete(id);
  }
}

/** The record as it stands. */
function report() {
  if (recorder.session !== undefined) look(recorder.session.state);
  return { ...record, end: ms() };
}

const recorder = { report };
globalThis.recorder = recorder;
addEventListener('pagehide', () => navigator.sendBeacon('/records', JSON.stringify(report())));

try {
  const options = JSON.parse(query.get('options') ?? '{}');
  recorder.client = await createClient({ ...options, onLog: ({ level, code, message }) => record.logs.push([ms(), level, code, message]) });
  recorder.session = recorder.client.openSession(query.get('session'));
  const draw = () => {
    look(recorder.session.state);
    document.body.textContent = [...parts.values()].map(({ text }) => text).join('\n').slice(-2000);
  };
  recorder.session.subscribe(draw);
  draw();
} catch (error) {
  recorder.failed = `${error.code ?? error.name}: ${error.message}`;
}
