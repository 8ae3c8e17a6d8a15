// Random faults and random calls of the page, recorded: each recording is played again without a difference, masked or not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMock } from '../support/mock.mjs';
import { sleep } from '../support/wait.mjs';

const dist = new URL('../../dist/', import.meta.url);
const { createClient } = await import(new URL('node.js', dist).href);
const { replay } = await import(new URL('recorder-node.js', dist).href);

const SEEDS = 16;
const STEPS = 40;

/** @param {number} seed */
function dice(seed) {
  let state = seed * 7_919 + 13;
  const next = () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return state / 2 ** 32;
  };
  return { below: (most) => Math.floor(next() * most), chance: (share) => next() < share };
}

for (let seed = 1; seed <= SEEDS; seed += 1) {
  test(`seed ${seed}`, async () => {
    const { below, chance } = dice(seed);
    const mock = await startMock({ directory: '/home/ann/plans', heartbeat: 50 });
    let faulty = true;
    mock.on('*', '/session*', async ({ method, drop, reply, next }) => {
      if (!faulty || method === 'PATCH' || chance(0.85)) return next();
      if (chance(0.4)) return drop();
      if (chance(0.5)) return reply(503, { name: 'Unavailable', data: { message: 'come back, Ann' } });
      await next();
    });
    const ids = [0, 1, 2].map((at) => mock.store.createSession({ title: `Plan ${at}` }).id);
    const client = await createClient({
      baseUrl: mock.url, record: true, retry: { min: 5, max: 20 }, transport: chance(0.2) ? 'poll' : 'auto', ...(chance(0.5) && { directory: '/home/ann/plans' }), limits: { event: 20_000 },
    });
    const open = new Map();
    const answers = [];
    const quiet = (promise) => void Promise.resolve(promise).catch(() => undefined);
    const some = () => [...open.values()][below(open.size)];
    const acts = [
      () => { const id = ids[below(ids.length)]; if (!open.has(id)) open.set(id, client.openSession(id, { limit: 1 + below(4) })); },
      () => { const session = some(); const sent = session?.send(`Do it, «Ännchen» ${below(99)} 😀`); quiet(sent?.stored); quiet(sent?.done); if (chance(0.1)) sent?.cancel(); },
      () => answers.push(mock.answer(ids[below(ids.length)], ['Ja, ', 'gërne, ', '好的 ', '👍🏽'.repeat(below(5)), 'Ende'], { every: below(4), think: ['hm'] }).catch(() => undefined)),
      () => mock.dropStreams(),
      () => mock.endStreams(),
      () => mock.mute(chance(0.3)),
      () => mock.emitRaw(['data: {"type":"mess', ': note\n\n', 'data: broken\n\n', `data: ${JSON.stringify({ type: 'x', properties: { apiKey: 'PLANTED' } })}\n\n`][below(4)]),
      () => mock.emit({ type: 'session.updated', properties: { sessionID: ids[0], info: { id: ids[0], title: 'y'.repeat(below(30_000)) } } }),
      () => mock.store.askPermission(ids[below(ids.length)], { metadata: { password: 'PLANTED', command: 'rm plans' } }),
      () => some()?.reconnect(),
      () => quiet(some()?.loadOlder(below(5))),
      () => quiet(client.sessions.rename(ids[below(ids.length)], `Renamed ${below(9)}`)),
      () => quiet(some()?.abort()),
      () => { const session = some(); if (session && chance(0.3)) { open.delete(session.id); session.close(); } },
      () => void some()?.state,
      () => quiet(client.providers()),
    ];
    acts[0]();
    for (let step = 0; step < STEPS; step += 1) {
      acts[below(acts.length)]();
      await sleep(below(12));
    }
    faulty = false;
    mock.mute(false);
    await Promise.allSettled(answers);
    await sleep(80);
    const last = new Map([...open].map(([id, session]) => [id, JSON.stringify(session.state)]));
    const recording = await client.record();
    const file = await recording.file();
    const masked = await recording.file({ text: 'mask' });
    client.close();
    await mock.close();
    assert.ok(!(await file.text()).includes('PLANTED'));
    assert.doesNotMatch(await masked.text(), /PLANTED|nnchen|Ann\b|ann\/|gërne|Plan \d/);
    const out = await replay(file);
    assert.equal(out.diverged, undefined);
    // Secrets are starred out in states, too.
    const starred = (json) => json.replaceAll('"PLANTED"', '"*******"');
    for (const [id, state] of last) assert.equal(JSON.stringify(out.sessions[id]), starred(state));
    assert.equal((await replay(masked)).diverged, undefined);
  });
}
