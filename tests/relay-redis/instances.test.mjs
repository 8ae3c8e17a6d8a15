// Instances of a relay in processes of their own, over a real Redis: whoever reads has every word once, wherever the reader, the leader
// or Redis goes meanwhile.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createClient } from '../../dist/node.js';
import { Mock } from '../support/mock.mjs';
import { listen, LOOPBACK } from '../support/ports.mjs';
import { startRedis } from '../support/redis.mjs';
import { atExit } from '../support/temp.mjs';
import { sleep, waitFor } from '../support/wait.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 20);
/** Words of an answer, and the time between two. */
const WORDS = 60;
const EVERY = 8;
const words = Array.from({ length: WORDS }, (_, at) => `w${at} `);
const WHOLE = words.join('');

/** @param {string} upstream @param {string} redis */
async function instance(upstream, redis) {
  const child = fork(fileURLToPath(new URL('./instance.mjs', import.meta.url)), [upstream, redis], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const forget = atExit(() => child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const own = {
    port: 0,
    /** When it took the upstream's stream last. */
    led: 0,
    isOver: false,
    async kill() {
      own.isOver = true;
      child.kill('SIGKILL');
      await ended;
      forget();
    },
  };
  child.on('message', (/** @type {{ port?: number, leads?: boolean }} */ { port, leads }) => {
    if (port) own.port = port;
    if (leads) own.led = performance.now();
  });
  await waitFor(() => own.port, { message: 'an instance' });
  return own;
}

/** Sends each new connection to the instance that is chosen. */
async function balancer() {
  /** @type {Set<import('node:net').Socket>} */
  const open = new Set();
  const own = { port: 0, target: 0, url: '', drop: () => { for (const socket of open) socket.destroy(); }, close: () => undefined };
  const server = createServer((socket) => {
    const there = connect(own.target, LOOPBACK);
    for (const [from, to] of [[socket, there], [there, socket]]) {
      open.add(from);
      from.on('error', () => undefined).on('close', () => {
        open.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  own.port = await listen(server);
  own.url = `http://${LOOPBACK}:${own.port}`;
  own.close = () => {
    own.drop();
    server.close();
  };
  return own;
}

/** @param {{ state: any }} session */
const textOf = ({ state }) => state.messages.filter((/** @type {any} */ { info }) => info.role === 'assistant').flatMap((/** @type {any} */ { parts }) => parts).map((/** @type {any} */ { type, text = '' }) => (type === 'text' ? text : '')).join('');

/**
 * Rounds of one answer each, read through the balancer, with something that happens in the middle of it.
 * @param {object} plan
 * @param {boolean} [plan.withRedis] whether it runs at the beginning
 * @param {boolean} [plan.isWhole] nothing may be missing meanwhile, either
 * @param {(world: { mock: Mock, redis: Awaited<ReturnType<typeof startRedis>>, gate: Awaited<ReturnType<typeof balancer>>, all: Awaited<ReturnType<typeof instance>>[], round: number }) => Promise<void>} plan.happen
 */
async function rounds({ withRedis = true, isWhole = false, happen }) {
  const mock = await new Mock().start();
  const redis = await startRedis();
  if (!withRedis) await redis.kill();
  const gate = await balancer();
  const all = [await instance(mock.url, redis.url), await instance(mock.url, redis.url)];
  gate.target = all[0].port;
  const client = await createClient({ baseUrl: gate.url, retry: { max: 300 } });
  const counts = { rounds: 0, lost: 0, doubled: 0 };
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { id } = mock.store.createSession();
      const session = client.openSession(id);
      await session.ready;
      await waitFor(() => session.state.connection.phase === 'live', { message: 'a live stream' });
      assert.equal(session.state.connection.source, 'relay');
      const check = () => {
        const numbers = [...textOf(session).matchAll(/w(\d+) /g)].map(([, number]) => Number(number));
        if (numbers.some((number, at) => at > 0 && number <= numbers[at - 1])) counts.doubled += 1;
        if (isWhole && !WHOLE.startsWith(textOf(session))) counts.lost += 1;
      };
      const off = session.subscribe(check);
      const answer = mock.answer(id, words, { every: EVERY });
      await waitFor(() => textOf(session).includes('w9 '), { every: 2, message: 'the first words' });
      await happen({ mock, redis, gate, all, round });
      await answer;
      await waitFor(() => textOf(session) === WHOLE, { message: () => `the whole of round ${round}: ${textOf(session)}` });
      check();
      off();
      session.close();
      counts.rounds += 1;
    }
    assert.deepEqual(counts, { rounds: ROUNDS, lost: 0, doubled: 0 });
  } finally {
    client.close();
    gate.close();
    await Promise.all(all.map((each) => each.kill()));
    await redis.stop();
    await mock.close();
  }
}

test(`a reader goes to the other instance in the middle of an answer, ${ROUNDS} times`, async () => {
  await rounds({
    isWhole: true,
    happen: async ({ gate, all, round, mock }) => {
      gate.target = all[(round + 1) % 2].port;
      gate.drop();
      assert.equal(mock.streams, 1, 'one stream of the server for both');
    },
  });
});

test(`the leader is killed in the middle of an answer, ${ROUNDS} times`, async () => {
  await rounds({
    happen: async ({ gate, all, round, mock, redis }) => {
      const leader = all.reduce((a, b) => (b.led > a.led ? b : a));
      const other = all.find((each) => each !== leader);
      assert.ok(other);
      gate.target = other.port;
      // Its own readers, and those of the other: both.
      if (round % 2 === 1) {
        gate.drop();
        await sleep(10 * EVERY);
      }
      await leader.kill();
      all.splice(all.indexOf(leader), 1, await instance(mock.url, redis.url));
      await waitFor(() => all.some((each) => each.led > leader.led), { message: 'another leader' });
    },
  });
});

test(`Redis is not there at the start, and comes and goes in the middle of answers, ${ROUNDS} times`, async () => {
  let isThere = false;
  await rounds({
    withRedis: false,
    happen: async ({ redis }) => {
      await (isThere ? redis.kill() : redis.start());
      isThere = !isThere;
      // Long enough for the instances to notice, in some rounds.
      await sleep(100);
    },
  });
});
