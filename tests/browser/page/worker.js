// The library in a module worker: streams one answer and tells what it saw.
import { createClient } from '/lib/index.js';

addEventListener('message', async ({ data: { baseUrl, words } }) => {
  try {
    const client = await createClient({ baseUrl });
    const session = await client.createSession({ title: 'Worker' });
    const shown = {};
    session.subscribe(() => {
      for (const part of session.state.messages.flatMap(({ parts }) => parts)) {
        if (part.text === undefined) continue;
        const texts = (shown[part.id] ??= []);
        if (texts.at(-1) !== part.text) texts.push(part.text);
      }
    });
    await session.ready;
    const answer = await session.send(words).done;
    await session.settled();
    // The last listener call comes with the next timer.
    const told = new Promise((resolve) => session.subscribe(resolve));
    await Promise.race([told, new Promise((resolve) => setTimeout(resolve, 100))]);
    const plain = session.state.messages.map(({ info, parts }) => ({ info, parts: parts.map(({ continuity, gap, tail, ...part }) => part) }));
    const text = answer.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
    client.close();
    postMessage({ id: session.id, shown, text, plain });
  } catch (error) {
    postMessage({ failed: `${error.code ?? error.name}: ${error.message}` });
  }
});
