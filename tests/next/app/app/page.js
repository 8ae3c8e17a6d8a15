'use client';
import { SessionProvider, useChatSession } from 'opencode-session/react';
import { useEffect, useState } from 'react';

function Chat() {
  const [id, setId] = useState();
  useEffect(() => setId(new URLSearchParams(location.search).get('id') ?? undefined), []);
  const chat = useChatSession(id, { onCreate: (made) => history.replaceState(null, '', `?id=${made}`) });
  useEffect(() => {
    globalThis.chat = chat;
  });
  const { messages, connection } = chat.state;
  return (
    <main data-source={connection.source} data-phase={connection.phase} data-prompts={messages.filter(({ info }) => info.role === 'user').length}>
      {messages.filter(({ info }) => info.role === 'assistant').map(({ key, parts }) => <p key={key}>{parts.map(({ type, text = '' }) => (type === 'text' ? text : '')).join('')}</p>)}
    </main>
  );
}

export default function Page() {
  return <SessionProvider options={{ baseUrl: '/api/opencode', identity: 'ada' }}><Chat /></SessionProvider>;
}
