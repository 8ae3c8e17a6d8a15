'use client';
import { useChat } from '@ai-sdk/react';
import { DefaultChatTransport } from 'ai';
import { useEffect, useState } from 'react';

function Chat({ id }) {
  const chat = useChat({ id, resume: true, transport: new DefaultChatTransport({ api: '/api/ui' }) });
  useEffect(() => {
    globalThis.chat = chat;
  });
  return (
    <main data-status={chat.status} data-error={chat.error?.message}>
      {chat.messages.filter(({ role }) => role === 'assistant').map((message) => <p key={message.id}>{message.parts.map(({ type, text = '' }) => (type === 'text' ? text : '')).join('')}</p>)}
    </main>
  );
}

export default function Page() {
  const [id, setId] = useState();
  useEffect(() => setId(new URLSearchParams(location.search).get('id')), []);
  return id && <Chat id={id} />;
}
