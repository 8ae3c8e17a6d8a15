import { createClient } from 'opencode-session/inline';

const query = new URLSearchParams(location.search);
const answer = document.querySelector('pre');

async function show() {
  try {
    const client = await createClient({ baseUrl: query.get('server') });
    const session = await client.createSession({ title: 'Page' });
    session.subscribe(() => {
      answer.textContent = session.state.messages.filter(({ info }) => info.role === 'assistant').flatMap(({ parts }) => parts).map(({ text }) => text ?? '').join('');
    });
    await session.send(query.get('prompt')).done;
    await session.settled();
    answer.dataset.end = 'done';
  } catch (error) {
    answer.dataset.end = `${error.code}: ${error.message}`;
  }
}

// Targets of older bundlers have no await outside of functions.
show();
