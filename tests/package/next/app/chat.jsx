'use client';
import { createClient } from 'opencode-session';
import { useEffect, useState } from 'react';

export function Chat() {
  const [answer, setAnswer] = useState('');
  const [end, setEnd] = useState('');
  useEffect(() => {
    const query = new URLSearchParams(location.search);
    const job = createClient({ baseUrl: query.get('server') }).then(async (client) => {
      const session = await client.createSession({ title: 'Next' });
      session.subscribe(() => setAnswer(session.state.messages.filter(({ info }) => info.role === 'assistant').flatMap(({ parts }) => parts).map(({ text }) => text ?? '').join('')));
      await session.send(query.get('prompt')).done;
      await session.settled();
      setEnd('done');
      return client;
    });
    job.catch((error) => setEnd(`${error.code}: ${error.message}`));
    return () => void job.then((client) => client.close(), () => undefined);
  }, []);
  return <pre data-testid="answer" data-end={end}>{answer}</pre>;
}
