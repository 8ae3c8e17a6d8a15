/** The store behind `useChat` of the AI SDK, fed with its own wire (see replies.mjs). */
import { Chat } from '@ai-sdk/react';
import { DefaultChatTransport } from 'ai';

export const wire = 'replies';

/** @type {import('../measure.mjs').Open} */
export async function open({ fetch, baseUrl, sessionID, workload }) {
  let broken;
  const transport = new DefaultChatTransport({
    api: `${baseUrl}/chat`,
    fetch,
    // As its documentation advises for long chats; otherwise each prompt prints the whole history.
    prepareSendMessagesRequest: ({ messages }) => ({ body: { message: messages.at(-1) } }),
  });
  const messages = workload.history.map(({ info, parts }) => ({
    id: info.id,
    role: info.role,
    parts: parts.filter(({ type }) => type === 'text').map(({ text }) => ({ type: 'text', text, state: 'done' })),
  }));
  const onError = (error) => {
    broken = error;
  };
  const chat = new Chat({ id: sessionID, transport, messages, onError });
  // The callback that useChat itself registers.
  const unregister = chat['~registerMessagesCallback'](() => {});
  // The wire is made here, before the clock runs.
  workload.replies();
  return {
    async play() {
      for (const text of workload.prompts) {
        await chat.sendMessage({ text });
        if (broken) throw broken;
      }
    },
    read() {
      const list = chat.messages;
      const last = list[list.length - 1];
      return {
        messages: list.length,
        length: last ? shown(last.parts).reduce(sum, 0) : 0,
        idle: chat.status === 'ready',
      };
    },
    text: (fromEnd) => shown(chat.messages.at(-1 - fromEnd)?.parts ?? []).join(''),
    close: unregister,
  };
}

const sum = (total, { length }) => total + length;

function shown(parts) {
  return parts.map((part) => (part.type === 'text' ? part.text : (part.output ?? '')));
}
