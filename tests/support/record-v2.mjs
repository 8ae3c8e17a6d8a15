// Records the fixtures of v2 sessions: `node tests/support/record-v2.mjs`. Reasoning, text, a tool with its permission, a question,
// prompts that wait for a turn, a failure and an interruption, on the stream of v1 servers; and the history that is there afterwards.
import { mkdir, writeFile } from 'node:fs/promises';
import { call, openEvents } from './events.mjs';
import { startModel } from './model.mjs';
import { startOpenCode } from './opencode.mjs';
import { waitFor } from './wait.mjs';

const VERSION = '1.18.33';
const FIXTURES = new URL('./fixtures/', import.meta.url);

const model = await startModel();
const server = await startOpenCode({ version: VERSION, model, v2: true });
try {
  const make = async () => (await call(server, 'POST', '/api/session', {})).data.id;
  const prompt = (id, text, more = {}) => call(server, 'POST', `/api/session/${id}/prompt`, { prompt: { text }, ...more });
  // An answer to the last prompt that is over, and nothing runs.
  const over = (id) => waitFor(async () => {
    const [newest] = (await call(server, 'GET', `/api/session/${id}/message?limit=1`)).data;
    return newest?.time.completed && newest.finish !== 'tool-calls' && !(await call(server, 'GET', '/api/session/active')).data[id];
  }, { message: 'the end of the turn' });
  // A warm-up turn, so that the recording holds no events of plugins that start.
  const warm = await make();
  await prompt(warm, 'words 1');
  await over(warm);

  const events = await openEvents(`${server.url}/global/event`);
  const of = (type, id) => (event) => event.type === type && event.properties?.sessionID === id;
  const id = await make();
  await prompt(id, 'think 5, words 8, tool bash: echo hello from bash then say: all done 👩‍🚀 漢字 "quoted" \\ back then words 3');
  const permission = await events.next(of('permission.v2.asked', id), { message: 'the permission' });
  await call(server, 'POST', `/api/session/${id}/permission/${permission.properties.id}/reply`, { reply: 'once' });
  await events.next(of('session.next.step.started', id), { message: 'the second step' });
  await over(id);
  await prompt(id, 'ask Tea or coffee?: Tea | Coffee then words 2');
  const question = await events.next(of('question.v2.asked', id), { message: 'the question' });
  await call(server, 'POST', `/api/session/${id}/question/${question.properties.id}/reply`, { answers: [['Tea']] });
  await over(id);
  await prompt(id, 'words 20');
  await events.next(of('session.next.text.delta', id), { message: 'the first words', from: events.events.length });
  await prompt(id, 'words 4');
  await prompt(id, 'words 5', { delivery: 'queue' });
  await events.next(({ properties }) => properties?.text === 'w1 w2 w3 w4 w5 ', { message: 'the last answer' });
  await over(id);
  await prompt(id, 'error 400: no good');
  await over(id);
  await prompt(id, 'words 200');
  await events.next(({ properties }) => properties?.delta === 'w9 ', { message: 'some words', from: events.events.length });
  await call(server, 'POST', `/api/session/${id}/interrupt`);
  await over(id);
  await events.next(of('session.next.step.failed', id), { message: 'the end' });
  const messages = await call(server, 'GET', `/api/session/${id}/message?limit=200`);
  const history = await call(server, 'GET', `/api/session/${id}/history?limit=100`);
  const clean = (text) => text.replaceAll(server.directory, '/project').replaceAll(server.home, '/home');
  await mkdir(FIXTURES, { recursive: true });
  await writeFile(new URL(`v2-global-events-${VERSION}.sse`, FIXTURES), clean(events.raw()));
  await writeFile(new URL(`v2-messages-${VERSION}.json`, FIXTURES), clean(JSON.stringify(messages)));
  await writeFile(new URL(`v2-history-${VERSION}.json`, FIXTURES), clean(JSON.stringify(history)));
  events.close();
} finally {
  await server.stop();
  await model.close();
}
