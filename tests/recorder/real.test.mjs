// Recordings of runs on real servers with faults in between: each replay gives the final state bit by bit.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { startProxy } from '../support/proxy.mjs';
import { tempDir } from '../support/temp.mjs';
import { waitFor } from '../support/wait.mjs';
import { MIDDLE, NEWEST } from '../support/versions.mjs';

const dist = new URL('../../dist/', import.meta.url);
const { createClient } = await import(new URL('node.js', dist).href);
const { replay } = await import(new URL('recorder-node.js', dist).href);
const run = promisify(execFile);
const cli = fileURLToPath(new URL('cli.js', dist));

const plain = (state) => JSON.stringify(state);
const shown = (session) => session.state.messages.at(-1)?.parts.find(({ type }) => type === 'text')?.text ?? '';

for (const version of [NEWEST, MIDDLE]) {
  describe(`on ${version}`, () => {
    let model;
    let server;
    let proxy;
    let client;
    const logs = [];

    before(async () => {
      model = await startModel();
      server = await startOpenCode({ model, version, password: 'open sesame' });
      proxy = await startProxy({ upstream: server.url });
      client = await createClient({
        baseUrl: proxy.url, record: true, auth: { type: 'basic', password: 'open sesame' }, retry: { min: 50, max: 200 }, onLog: (entry) => logs.push(entry),
      });
    });
    after(async () => {
      client.close();
      await proxy.close();
      await server.stop();
      await model.close();
    });

    test('a turn whose stream is cut, whose post is lost, with a question in between', async () => {
      const session = await client.createSession({ title: 'Faults' });
      await session.ready;
      const sent = session.send('words 60 every 20', { model: 'scripted/words' });
      await waitFor(() => shown(session).length > 60, { message: 'some words' });
      proxy.drop();
      await sent.done;
      await session.settled();
      assert.equal(shown(session).trim(), Array.from({ length: 60 }, (_, at) => `w${at + 1}`).join(' '));
      proxy.lose({ match: 'prompt', when: 'before', times: 1 });
      const second = session.send('tool bash: echo secret-word-in-a-tool');
      const asked = await waitFor(() => session.state.permissions[0], { message: 'the permission' });
      proxy.cutStreamAfter(100);
      await session.replyPermission(asked.id, 'once');
      await second.done;
      await session.settled();

      const recording = await client.record();
      const final = plain(session.state);
      const file = await recording.file();
      const text = await file.text();
      for (const secret of ['open sesame', Buffer.from('opencode:open sesame').toString('base64'), 'Basic ']) assert.ok(!text.includes(secret), secret);
      const [first, again] = [await replay(file), await replay(text)];
      assert.equal(first.diverged, undefined);
      assert.equal(plain(first.sessions[session.id]), final);
      assert.equal(plain(again.sessions[session.id]), final);

      const masked = await recording.file({ text: 'mask' });
      const hidden = await masked.text();
      for (const word of ['secret-word-in-a-tool', 'Faults', server.directory, server.home]) assert.ok(!hidden.includes(word), word);
      const out = await replay(masked);
      assert.equal(out.diverged, undefined);
      const sizes = (state) => state.messages.map(({ key, parts }) => [key, parts.map(({ id, text, continuity }) => [id, text?.length, continuity])]);
      assert.deepEqual(sizes(out.sessions[session.id]), sizes(session.state));

      const temp = tempDir('recording');
      try {
        const path = join(temp.path, recording.name);
        writeFileSync(path, hidden);
        const { stdout } = await run(process.execPath, [cli, 'replay', path]);
        assert.match(stdout, new RegExp(`${session.id}  \\d+ messages, \\d+ characters; idle, live`));
        assert.match(stdout, /All went as recorded\./);
        const { stdout: json } = await run(process.execPath, [cli, 'replay', path, '--json', '--until', '50'], { maxBuffer: 1 << 26 });
        assert.ok(JSON.parse(json).entries >= 50);
        writeFileSync(path, hidden.replace('/prompt_async', '/prompt_other'));
        const other = await run(process.execPath, [cli, 'replay', path]).catch((error) => error);
        assert.equal(other.code, 1);
        assert.match(other.stdout, /Diverged at entry \d+:\n {2}recorded: .*prompt_other.*\n {2}now: {6}.*prompt_async/);
      } finally {
        await temp.remove();
      }
    });

    test('its log tells of the connection, with cause and wait, and of no secret', () => {
      const all = JSON.stringify(logs);
      for (const secret of ['open sesame', 'secret-word', 'http://', server.directory]) assert.ok(!all.includes(secret), secret);
      const connections = logs.filter(({ code }) => code === 'connection');
      const waits = connections.filter(({ connection }) => connection.phase === 'waiting');
      assert.ok(waits.length >= 1);
      for (const { level, message, connection, time } of waits) {
        assert.equal(level, 'warn');
        assert.ok(connection.error.code && connection.retryAt > 0 && connection.attempt >= 1);
        assert.match(message, /^waiting \(event|global\): /);
        assert.ok(connection.retryAt - time < 1_000);
      }
      assert.deepEqual([...new Set(connections.slice(0, 3).map(({ connection }) => connection.phase))], ['connecting', 'syncing', 'live']);
      assert.ok(logs.some(({ code }) => code === 'prompt_unclear'), JSON.stringify(logs.map(({ code }) => code)));
    });
  });
}

test('the command says what is wrong with its file or its words', async () => {
  const temp = tempDir('recording');
  try {
    const path = join(temp.path, 'other.jsonl');
    writeFileSync(path, '{"not":"a recording"}\n');
    for (const [args, said] of [[[], /name one file/], [[path], /no recording/], [[join(temp.path, 'none')], /could not be read \(ENOENT\)/], [[path, '--until', 'x'], /--until/], [[path, '--nonsense'], /usage/]]) {
      const { code, stderr } = await run(process.execPath, [cli, 'replay', ...args]).catch((error) => error);
      assert.equal(code, 2, args.join(' '));
      assert.match(stderr, said);
    }
  } finally {
    await temp.remove();
  }
});
