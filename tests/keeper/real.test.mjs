// The keeper against a real server: a reload in the middle of an answer, and the whole text after it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, prompt } from '../support/events.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { spoken } from '../support/script.mjs';
import { sleep } from '../support/wait.mjs';
import { read, ready, startStage, until } from './stage.mjs';
import { NEWEST } from '../support/versions.mjs';

const SCRIPT = 'words 60 every 10';

for (const path of ['/event', '/global/event']) {
  test(`a reload in the middle of an answer of ${NEWEST} over ${path}`, async () => {
    const stage = await startStage();
    const model = await startModel();
    const server = await startOpenCode({ model, version: NEWEST, password: 'secret', cors: [stage.url.slice(0, -1)] });
    try {
      const profile = await stage.profile([server.url]);
      const auth = { name: 'authorization', value: server.headers.authorization ?? server.headers.Authorization };
      const session = await call(server, 'POST', '/session', { title: 'Test' });
      const where = path === '/event' ? `/event?directory=${encodeURIComponent(server.directory)}` : path;
      const text = (seen) => seen.events.filter(({ type }) => type === 'message.part.delta').map(({ properties }) => properties.delta).join('');
      const page = await profile.open();
      await read(page, 'port', '/keeper.js', server.url, { path: where, auth });
      await until(page, ({ events }) => events.length > 0, 'the opening frame');
      const release = model.hold(20);
      await prompt(server, session.id, SCRIPT);
      await until(page, (seen) => text(seen).includes('w10 '), 'ten words');
      await page.reload();
      await ready(page);
      await sleep(200);
      await read(page, 'port', '/keeper.js', server.url, { path: where, auth });
      const early = await until(page, (seen) => text(seen).length > 0, 'the text so far');
      assert.ok(text(early).startsWith('w1 w2 '), text(early));
      assert.deepEqual(early.events[0].properties, { continuity: 'kept' });
      release();
      const late = await until(page, ({ events }) => events.some(({ type }) => type === 'session.idle'), 'the end');
      assert.equal(text(late), spoken(SCRIPT));
    } finally {
      await server.stop();
      await model.close();
      await stage.close();
    }
  });
}
