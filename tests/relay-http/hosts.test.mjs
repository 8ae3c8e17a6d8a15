// The relay from the packed library, in the servers that people use, before a real OpenCode server.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createClient } from '../../dist/node.js';
import { consumer, pack } from '../package/consumer.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { atExit } from '../support/temp.mjs';
import { waitFor } from '../support/wait.mjs';

let packed;
let project;
let model;
let server;
before(async () => {
  model = await startModel();
  [packed, server] = await Promise.all([pack(), startOpenCode({ model })]);
  project = await consumer(packed, 'hosts', fileURLToPath(new URL('./', import.meta.url)));
});
after(async () => {
  await Promise.all([server?.stop(), packed?.remove()]);
  await model?.close();
});

async function start(host) {
  const child = spawn(process.execPath, [join(project.path, 'main.mjs'), host, server.url], { cwd: project.path, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { said += chunk; });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  const forget = atExit(() => child.kill('SIGKILL'));
  await waitFor(() => /^http:\S+$/m.test(said), { message: () => `${host}: ${said}` });
  return { url: /^http:\S+$/m.exec(said)[0], child, ended, close: async () => {
    child.kill('SIGKILL');
    await ended;
    forget();
  } };
}

const textOf = ({ state }) => state.messages.filter(({ info }) => info.role === 'assistant').flatMap(({ parts }) => parts).map(({ type, text = '' }) => (type === 'text' ? text : '')).join('');

for (const host of ['node', 'express', 'fastify', 'hono']) {
  test(`${host}: two devices on one answer, and an end that waits for nobody`, async () => {
    const { url, child, ended, close } = await start(host);
    const clients = [];
    const client = async () => {
      const made = await createClient({ baseUrl: url });
      clients.push(made);
      return made;
    };
    try {
      const session = await (await client()).createSession();
      const release = model.hold(20);
      const sent = session.send('words 60');
      await waitFor(() => textOf(session).length > 20, { message: 'the beginning' });
      const second = (await client()).openSession(session.id);
      await second.ready;
      const first = textOf(second);
      assert.ok(first.length > 0, 'all that was said so far is there with the history');
      assert.ok(textOf(session).startsWith(first));
      assert.deepEqual([session, second].map(({ state }) => state.connection.source), ['relay', 'relay']);
      release();
      await sent.done;
      await second.settled();
      assert.equal(textOf(second), textOf(session));
      assert.equal(textOf(second).trim().split(' ').length, 60);
      child.kill('SIGTERM');
      assert.deepEqual(await ended, { code: null, signal: 'SIGTERM' });
    } finally {
      for (const each of clients) each.close();
      await close();
    }
  });
}
