// Records the fixtures: `node tests/support/record.mjs [version …]`. One turn with reasoning, text, a tool call and its permission.
import { mkdir, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { call, openEvents, prompt } from './events.mjs';
import { startModel } from './model.mjs';
import { startOpenCode } from './opencode.mjs';
import { waitFor } from './wait.mjs';

export const TURN = 'think 5, words 8, tool bash: echo hello from bash then say: all done 👩‍🚀 漢字 "quoted" \\ back then words 3';
const FIXTURES = new URL('./fixtures/', import.meta.url);

/** @param {string} version */
async function record(version) {
  const model = await startModel();
  const server = await startOpenCode({ version, model });
  try {
    // A warm-up turn, so that the recording holds no events of plugins that start.
    const warm = await call(server, 'POST', '/session', { title: 'Warm' });
    const before = await openEvents(`${server.url}/event`);
    await prompt(server, warm.id, 'words 1');
    await before.next(({ type }) => type === 'session.idle', { message: 'the end of the warm-up' });
    await waitFor(quiet(before), { every: 500, message: 'a quiet server' });
    before.close();

    const streams = await Promise.all(['/event', '/global/event'].map((path) => openEvents(server.url + path)));
    const [events] = streams;
    const session = await call(server, 'POST', '/session', { title: 'Recorded' });
    await prompt(server, session.id, TURN);
    const asked = await events.next(({ type }) => type === 'permission.asked', { message: 'permission.asked' });
    await call(server, 'POST', `/session/${session.id}/permissions/${asked.properties.id}`, { response: 'once' });
    await events.next(({ type }) => type === 'session.idle', { message: 'the end of the turn' });
    await waitFor(quiet(events), { every: 500, message: 'the last flush' });
    const messages = await call(server, 'GET', `/session/${session.id}/message`);
    const clean = (/** @type {string} */ text) => text.replaceAll(server.directory, '/project').replaceAll(server.home, '/home');
    await mkdir(FIXTURES, { recursive: true });
    await writeFile(new URL(`events-${version}.sse`, FIXTURES), clean(streams[0].raw()));
    await writeFile(new URL(`global-events-${version}.sse`, FIXTURES), clean(streams[1].raw()));
    await writeFile(new URL(`messages-${version}.json`, FIXTURES), clean(JSON.stringify(messages)));
    for (const stream of streams) stream.close();
  } finally {
    await server.stop();
    await model.close();
  }
}

/** True when nothing came since the last question. @param {import('./events.mjs').Events} stream */
function quiet(stream) {
  let seen = -1;
  return () => {
    const still = stream.events.length === seen;
    seen = stream.events.length;
    return still;
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const versions = process.argv.slice(2);
  for (const version of versions.length ? versions : ['1.18.33', '1.1.65']) await record(version);
}
