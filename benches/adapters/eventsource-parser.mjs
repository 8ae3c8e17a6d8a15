/** The reference: eventsource-parser, `JSON.parse` and an in-place reducer. */
import { createParser } from 'eventsource-parser';
import { Thread } from '../reducer.mjs';

/** @type {import('../measure.mjs').Open} */
export async function open({ fetch, baseUrl, sessionID, onChange = () => {} }) {
  const thread = new Thread(sessionID);
  const response = await fetch(`${baseUrl}/event`);
  thread.load(await (await fetch(`${baseUrl}/session/${sessionID}/message`)).json());
  const apply = (event) => {
    thread.apply(event);
    onChange();
  };
  const parser = createParser({ onEvent: ({ data }) => apply(JSON.parse(data)) });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  const pump = async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
    }
  };
  return {
    failed: pump(),
    read: () => thread.read(),
    text: (fromEnd) => thread.text(fromEnd),
    view: () => thread.view(),
    async send(text) {
      const body = JSON.stringify({ parts: [{ type: 'text', text }] });
      const headers = { 'content-type': 'application/json' };
      const { ok } = await fetch(`${baseUrl}/session/${sessionID}/prompt_async`, { method: 'POST', headers, body });
      if (!ok) throw new Error('not sent');
    },
    close: () => reader.cancel(),
  };
}
