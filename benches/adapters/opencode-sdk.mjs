/** @opencode-ai/sdk for the stream and the history, the reducer of the reference for the state. */
import { createOpencodeClient } from '@opencode-ai/sdk/v2/client';
import { Thread } from '../reducer.mjs';

/** @type {import('../measure.mjs').Open} */
export async function open({ fetch, baseUrl, sessionID, onChange = () => {} }) {
  const thread = new Thread(sessionID);
  const abort = new AbortController();
  const client = createOpencodeClient({ baseUrl, fetch });
  const { stream } = await client.event.subscribe(undefined, { signal: abort.signal });
  // The generator opens its request only when it is asked for the first event.
  await stream.next();
  const { data } = await client.session.messages({ sessionID }, { throwOnError: true });
  thread.load(data);
  const pump = async () => {
    for await (const event of stream) {
      thread.apply(event);
      onChange();
    }
  };
  return {
    failed: pump(),
    read: () => thread.read(),
    text: (fromEnd) => thread.text(fromEnd),
    view: () => thread.view(),
    send: (text) => client.session.promptAsync({ sessionID, parts: [{ type: 'text', text }] }, { throwOnError: true }),
    close: () => abort.abort(),
  };
}
