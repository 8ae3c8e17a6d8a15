// Sessions side by side, keys, identities and the change stream, on real servers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../support/events.mjs';
import { spoken } from '../support/script.mjs';
import { assertPrefixes, assertSettled, numbered } from './checks.mjs';
import { NEWEST, onPage, onServers, withStage } from './scene.mjs';

const shared = withStage();

onServers('sessions', (scene) => {
  test('two sessions stream at once over one stream and are not mixed up', () => onPage(shared, [scene.server.url], async ({ page, asked }) => {
    const seen = await page.evaluate(async (baseUrl) => {
      const client = await drive.connect({ baseUrl });
      const [one, two] = await Promise.all([client.createSession({ title: 'One' }), client.createSession({ title: 'Two' })]);
      await drive.soon(Promise.all([one.ready, two.ready]), 'ready');
      // A first turn takes its time to start; the second ones start together.
      await Promise.all([drive.turn(one, 'words 1'), drive.turn(two, 'words 1')]);
      const shown = [drive.watch(one), drive.watch(two)];
      const sent = [one.send('words 40 every 100'), two.send('think 3 long 6000 every 60')];
      // Both at the same time: neither is whole when both have begun.
      await Promise.all([one, two].map((session) => drive.until(session, ({ messages }) => drive.textOf({ messages: messages.slice(2) }) !== '')));
      const together = [one, two].every(({ state }) => state.status.type === 'busy');
      await drive.soon(Promise.all(sent.map(({ done }) => done)), 'both answers');
      await Promise.all([drive.settle(one), drive.settle(two)]);
      return { together, shown, ids: [one.id, two.id], texts: [one, two].map(({ state }) => drive.textOf({ messages: state.messages.slice(2) })), plain: [one, two].map(({ state }) => drive.plain(state.messages)) };
    }, scene.server.url);
    assert.ok(seen.together, 'the answers were not given at the same time');
    assert.equal(seen.texts[0].trimEnd(), numbered(40));
    assert.equal(seen.texts[1].trimEnd(), spoken('long 6000').trimEnd());
    for (const at of [0, 1]) assertPrefixes(seen.shown[at], await assertSettled(seen.plain[at], scene.server, seen.ids[at]));
    assert.equal(asked('/event').length + asked('/global/event').length, 1, 'streams opened');
  }));

  test('a prompt keeps its key from sending to sent', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const seen = await page.evaluate(async (baseUrl) => {
      const session = await drive.open({ baseUrl });
      const steps = [];
      const look = () => {
        const users = session.state.messages.filter(({ info }) => info.role === 'user');
        const step = JSON.stringify(users.map(({ key, delivery, parts }) => ({ key, delivery, text: parts[0]?.text })));
        if (steps.at(-1) !== step) steps.push(step);
      };
      session.subscribe(look);
      const sent = session.send('words 5');
      look();
      await drive.soon(sent.stored, 'stored');
      await drive.soon(sent.done, 'done');
      await drive.settle(session);
      look();
      const keys = session.state.messages.map(({ key }) => key);
      return { id: sent.id, steps: steps.map((step) => JSON.parse(step)), keys };
    }, scene.server.url);
    assert.deepEqual(seen.steps.map((users) => users.map(({ delivery }) => delivery)), [['sending'], ['sent']]);
    assert.ok(seen.steps.flat().every(({ key, text }) => key === seen.id && text === 'words 5'), JSON.stringify(seen.steps));
    assert.equal(new Set(seen.keys).size, 2);
    assert.equal(seen.keys[0], seen.id);
  }));

  test('unchanged messages and parts keep their identity while another streams', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const seen = await page.evaluate(async (baseUrl) => {
      const session = await drive.open({ baseUrl });
      await drive.turn(session, 'think 2 words 5');
      const first = session.state.messages.slice();
      const parts = first.map((message) => message.parts.slice());
      const states = [];
      let broken = 0;
      let question;
      let early;
      session.subscribe(() => {
        const { state } = session;
        if (state !== session.getSnapshot() || states.includes(state)) broken += 1;
        states.push(state);
        early ??= JSON.stringify(state);
        for (const [at, message] of first.entries()) {
          if (state.messages[at] !== message) broken += 1;
          if (parts[at].some((part, index) => state.messages[at].parts[index] !== part)) broken += 1;
        }
        // From the first word on, nothing but the answer changes.
        if (drive.textOf({ messages: state.messages.slice(3) }).includes('w1 ') && state.status.type === 'busy') {
          question ??= state.messages[2];
          if (state.messages[2] !== question && state.messages[2].info.summary === question.info.summary) broken += 1;
        }
      });
      await drive.turn(session, 'words 40 every 80');
      return { broken, states: states.length, frozen: JSON.stringify(states[0]) === early, streamed: question !== undefined };
    }, scene.server.url);
    assert.equal(seen.broken, 0);
    assert.ok(seen.states > 10, `${seen.states} states`);
    assert.ok(seen.frozen, 'an old state was changed afterwards');
    assert.ok(seen.streamed);
  }));

  test('changes() applied by hand passes through every state', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const seen = await page.evaluate(async (baseUrl) => {
      const { replay } = await import('/page/replay.js');
      const session = await drive.open({ baseUrl });
      const reader = replay(session.changes());
      const states = [session.state];
      session.subscribe(() => states.push(session.state));
      const sent = session.send('think 5 words 40 every 80 tool bash: echo hi then words 5');
      const request = await drive.until(session, ({ permissions }) => permissions[0]);
      await session.replyPermission(request.id, 'once');
      await drive.soon(sent.done, 'done');
      await drive.settle(session);
      session.close();
      const steps = await drive.soon(reader, 'the end of changes()');
      // The steps of one frame come one by one: between two states there are more, but none may be left out.
      let at = 0;
      const missing = states.filter((state) => {
        const found = steps.seen.indexOf(JSON.stringify(state), at);
        if (found < 0) return true;
        at = found;
        return false;
      });
      return { kinds: steps.kinds, states: states.length, missing: missing.map((state) => JSON.stringify(state)), last: steps.seen.at(-1), final: JSON.stringify(states.at(-1)) };
    }, scene.server.url);
    assert.deepEqual(seen.missing, []);
    assert.equal(seen.last, seen.final);
    assert.ok(seen.states > 10, `${seen.states} states`);
    // Old servers send whole parts only.
    const growth = scene.version === NEWEST ? 'append' : 'update-part';
    for (const kind of ['reset', 'insert-message', 'insert-part', growth, 'patch']) assert.ok(seen.kinds.includes(kind), `no ${kind} in ${seen.kinds}`);
  }));

  test('a second prompt while the first is answered', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const seen = await page.evaluate(async (baseUrl) => {
      const session = await drive.open({ baseUrl });
      const shown = drive.watch(session);
      const first = session.send('words 60 every 80');
      await drive.until(session, (state) => drive.textOf(state).includes('w3 '));
      const second = session.send('say: steered well');
      await drive.soon(second.stored, 'stored');
      const stillBusy = session.state.status.type === 'busy';
      await drive.soon(first.done, 'the first answer');
      const answer = await drive.soon(second.done, 'the second answer');
      await drive.settle(session);
      return { id: session.id, stillBusy, shown, last: answer.parts.map(({ text = '' }) => text).join(''), plain: drive.plain(session.state.messages) };
    }, scene.server.url);
    assert.ok(seen.stillBusy, 'the first answer was over before the second prompt');
    assert.equal(seen.last.trimEnd(), 'steered well');
    const stored = await assertSettled(seen.plain, scene.server, seen.id);
    assertPrefixes(seen.shown, stored);
    assert.equal(stored.filter(({ info }) => info.role === 'user').length, 2);
  }));

  test('older messages come page by page, in order, none twice', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const { id } = await call(scene.server, 'POST', '/session', { title: 'Long' });
    for (let at = 1; at <= 30; at += 1) await call(scene.server, 'POST', `/session/${id}/message`, { noReply: true, parts: [{ type: 'text', text: `note ${at}` }] });
    const seen = await page.evaluate(async ([baseUrl, id]) => {
      const session = await drive.open({ baseUrl }, id, { limit: 10 });
      const counts = [[session.state.messages.length, session.state.hasOlder]];
      while (session.state.hasOlder && counts.length < 10) {
        const more = await drive.soon(session.loadOlder(), 'older messages');
        counts.push([session.state.messages.length, more]);
      }
      return { counts, texts: session.state.messages.map(({ parts }) => parts[0].text), keys: new Set(session.state.messages.map(({ key }) => key)).size, plain: drive.plain(session.state.messages) };
    }, [scene.server.url, id]);
    assert.deepEqual(seen.counts[0], [10, true]);
    assert.deepEqual(seen.counts[1], [20, true]);
    assert.deepEqual(seen.counts.at(-1), [30, false]);
    assert.deepEqual(seen.texts, Array.from({ length: 30 }, (_, at) => `note ${at + 1}`));
    assert.equal(seen.keys, 30);
    await assertSettled(seen.plain, scene.server, id);
  }));
});
