/** The store behind `useChat` of the AI SDK, fed with its own wire (see replies.mjs). */
import { Chat } from '@ai-sdk/react';
import { DefaultChatTransport } from 'ai';
import { past } from '../replies.mjs';

export const wire = 'replies';

/** @type {import('../measure.mjs').Open} */
export async function open({ fetch, baseUrl, sessionID, workload, onChange = () => {} }) {
  let broken;
  const transport = new DefaultChatTransport({
    api: `${baseUrl}/chat`,
    fetch,
    // As its documentation advises for long chats; otherwise each prompt prints the whole history.
    prepareSendMessagesRequest: ({ id, messages }) => ({ body: { id, message: messages.at(-1) } }),
  });
  const messages = workload ? past(workload.history) : await (await fetch(`${baseUrl}/chat/${sessionID}`)).json();
  const onError = (error) => {
    broken = error;
  };
  const chat = new Chat({ id: sessionID, transport, messages, onError });
  // The callback that useChat itself registers.
  const unregister = chat['~registerMessagesCallback'](onChange);
  // The wire is made here, before the clock runs.
  if (workload) workload.replies();
  // What the hook does with `resume: true` when it is mounted.
  else void chat.resumeStream();
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
    view: () => ({
      messages: chat.messages.map(({ role, parts }) => ({ role, text: shown(parts).join('') })),
      busy: chat.status === 'submitted' || chat.status === 'streaming',
      told: chat.error !== undefined,
    }),
    async send(text) {
      broken = undefined;
      await chat.sendMessage({ text });
      // An answer that breaks off later was sent all the same.
      if (broken && chat.messages.at(-1)?.role === 'user') throw broken;
    },
    close: unregister,
  };
}

const sum = (total, { length }) => total + length;

function shown(parts) {
  return parts.map((part) => (part.type === 'text' ? part.text : (part.output ?? '')));
}
