/** This package, as a page uses it. */
import { createClient } from 'opencode-session';
import { shownLength, shownText, viewed } from '../reducer.mjs';

const PAGE = 500;

/** @type {import('../measure.mjs').Open} */
export async function open({ fetch, baseUrl, sessionID, onChange = () => {}, options = {} }) {
  const client = await createClient({ baseUrl, fetch, ...options });
  const session = client.openSession(sessionID);
  const unsubscribe = session.subscribe(onChange);
  await session.ready;
  while (session.state.hasOlder) await session.loadOlder(PAGE);
  return {
    read() {
      const { messages, status } = session.state;
      const last = messages[messages.length - 1];
      return { messages: messages.length, length: last ? shownLength(last.parts) : 0, idle: status.type === 'idle' };
    },
    text: (fromEnd) => shownText(session.state.messages.at(-1 - fromEnd)?.parts ?? []),
    view() {
      const { messages, status, error } = session.state;
      const shown = viewed(messages);
      for (const [index, { parts }] of messages.entries()) {
        shown[index].gapped = parts.some(({ continuity }) => continuity === 'gapped');
      }
      return { messages: shown, busy: status.type === 'busy' || status.type === 'retry', told: error !== undefined };
    },
    send: (text) => session.send(text).stored,
    close() {
      unsubscribe();
      session.close();
      client.close();
    },
  };
}
