/** This package, as a page uses it. */
import { createClient } from 'opencode-session';
import { shownLength, shownText } from '../reducer.mjs';

const PAGE = 500;

/** @type {import('../measure.mjs').Open} */
export async function open({ fetch, baseUrl, sessionID }) {
  const client = await createClient({ baseUrl, fetch });
  const session = client.openSession(sessionID);
  const unsubscribe = session.subscribe(() => {});
  await session.ready;
  while (session.state.hasOlder) await session.loadOlder(PAGE);
  return {
    read() {
      const { messages, status } = session.state;
      const last = messages[messages.length - 1];
      return { messages: messages.length, length: last ? shownLength(last.parts) : 0, idle: status.type === 'idle' };
    },
    text: (fromEnd) => shownText(session.state.messages.at(-1 - fromEnd)?.parts ?? []),
    close() {
      unsubscribe();
      session.close();
      client.close();
    },
  };
}
