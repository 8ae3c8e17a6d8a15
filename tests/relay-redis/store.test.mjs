// What a store in Redis does, by each client, on a real server: every operation is one step, and no newer epoch is written over.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { Redis as Valkey } from 'iovalkey';
import { createClient } from 'redis';
import { redisStore, StoreError } from '../../dist/relay.js';
import { startRedis } from '../support/redis.mjs';
import { sleep, waitFor, within, PATIENCE } from '../support/wait.mjs';

const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);
const event = (/** @type {string} */ text) => ({ kind: 0, data: bytes(text) });
const text = (/** @type {Uint8Array} */ data) => new TextDecoder().decode(data);
const LEASE = 60_000;

/** @type {Record<string, (url: string) => Promise<{ place: any, end(): void }>>} */
const CLIENTS = {
  url: async (url) => ({ place: { url }, end: () => undefined }),
  redis: async (url) => {
    const client = await createClient({ url }).on('error', () => undefined).connect();
    return { place: { client }, end: () => client.destroy() };
  },
  'redis with RESP 2': async (url) => {
    const client = await createClient({ url, RESP: 2 }).on('error', () => undefined).connect();
    return { place: { client }, end: () => client.destroy() };
  },
  ioredis: async (url) => {
    const client = new Redis(url).on('error', () => undefined);
    return { place: { client }, end: () => client.disconnect() };
  },
  iovalkey: async (url) => {
    const client = new Valkey(url).on('error', () => undefined);
    return { place: { client }, end: () => client.disconnect() };
  },
};

/** Follows, and keeps what came. @param {import('../../dist/relay/index.js').RelayStore} store @param {string} log @param {string} [from] */
function reader(store, log, from) {
  const over = new AbortController();
  const own = { records: /** @type {any[]} */ ([]), all: 0, calls: 0, ended: /** @type {Promise<any>} */ (Promise.resolve()), end: () => over.abort() };
  own.ended = store.follow(log, from, (records, all) => {
    own.records.push(...records);
    own.calls += 1;
    if (all) own.all += 1;
  }, over.signal).then(() => 'over', (error) => error);
  return own;
}

for (const [name, connect] of Object.entries(CLIENTS)) {
  describe(name, () => {
    /** @type {Awaited<ReturnType<typeof startRedis>>} */
    let redis;
    /** @type {import('../../dist/relay/index.js').RelayStore} */
    let store;
    /** @type {{ end(): void }} */
    let client;
    let count = 0;
    /** A log of its own for each test. */
    const fresh = () => {
      count += 1;
      return `http://127.0.0.1:1/${name} ${count}`;
    };
    before(async () => {
      // In the cluster's mode, keys of one script that are not in one slot are refused.
      redis = await startRedis(['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf']);
      const own = createClient({ url: redis.url });
      await own.connect();
      await own.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
      await waitFor(async () => String(await own.sendCommand(['CLUSTER', 'INFO'])).includes('cluster_state:ok'));
      own.destroy();
      const { place, end } = await connect(redis.url);
      client = { end };
      store = redisStore(place);
    });
    after(async () => {
      await store.close();
      client.end();
      await redis.stop();
    });
    /** @param {string} log @param {string} node @param {number} [lease] */
    const lead = async (log, node, lease = LEASE) => {
      const answer = await store.run(log, { type: 'acquire', node, lease });
      assert.equal(answer.type, 'led', JSON.stringify(answer));
      return /** @type {Extract<typeof answer, { type: 'led' }>} */ (answer);
    };

    test('a lease is taken once, and who wants it is told how long, and is wanted', async () => {
      const log = fresh();
      const { epoch, top } = await lead(log, 'a');
      assert.equal(top, undefined);
      assert.ok(Math.abs(epoch - Date.now()) < 60_000, `${epoch} is the clock`);
      assert.deepEqual(await store.run(log, { type: 'renew', node: 'a', epoch, lease: LEASE }), { type: 'done', wanted: false });
      const taken = await store.run(log, { type: 'acquire', node: 'b', lease: LEASE });
      assert.ok(taken.type === 'taken' && taken.for > 0 && taken.for <= LEASE, JSON.stringify(taken));
      assert.deepEqual(await store.run(log, { type: 'renew', node: 'a', epoch, lease: LEASE }), { type: 'done', wanted: true });
    });

    test('who had it begins a new epoch with it, above the one before', async () => {
      const log = fresh();
      const one = await lead(log, 'a');
      const two = await lead(log, 'a');
      assert.ok(two.epoch > one.epoch);
      assert.deepEqual(await store.run(log, { type: 'renew', node: 'a', epoch: one.epoch, lease: LEASE }), { type: 'fenced' });
    });

    test('records are there once, in order, in their bytes, however often they are appended', async () => {
      const log = fresh();
      const { epoch } = await lead(log, 'a');
      const odd = Uint8Array.from({ length: 256 }, (_, index) => index);
      // A view into something larger.
      const view = new Uint8Array([9, 9, 0, 255, 13, 10, 9]).subarray(2, 6);
      const append = { type: /** @type {const} */ ('append'), node: 'a', epoch, first: 1, records: [{ kind: 1, data: new Uint8Array() }, { kind: 0, data: odd }, { kind: 0, data: view }] };
      for (let at = 0; at < 3; at += 1) assert.deepEqual(await store.run(log, append), { type: 'done', wanted: false });
      // The second half of it is new.
      await store.run(log, { ...append, first: 3, records: [{ kind: 0, data: view }, event('é')] });
      const own = reader(store, log);
      await waitFor(() => own.all > 0);
      own.end();
      assert.equal(await own.ended, 'over');
      assert.deepEqual(own.records.map(({ position }) => position), [1, 2, 3, 4].map((seq) => `${epoch}-${seq}`));
      assert.deepEqual(own.records.map(({ kind, data }) => [kind, [...data]]), [[1, []], [0, [...odd]], [0, [...view]], [0, [...bytes('é')]]]);
    });

    test('a leader that was thought dead writes nothing more, and cannot keep or release the lease', async () => {
      const log = fresh();
      const old = await lead(log, 'a', 1);
      const { epoch } = await waitFor(() => store.run(log, { type: 'acquire', node: 'b', lease: LEASE }).then((answer) => answer.type === 'led' && answer));
      assert.ok(epoch > old.epoch);
      await store.run(log, { type: 'append', node: 'b', epoch, first: 1, records: [event('new')] });
      for (const op of [
        { type: 'append', node: 'a', epoch: old.epoch, first: 1, records: [event('late')] },
        { type: 'release', node: 'a', epoch: old.epoch, first: 1, records: [event('late')] },
        { type: 'renew', node: 'a', epoch: old.epoch, lease: LEASE },
      ]) assert.deepEqual(await store.run(log, /** @type {any} */ (op)), { type: 'fenced' });
      const own = reader(store, log);
      await waitFor(() => own.all > 0);
      own.end();
      assert.deepEqual(own.records.map(({ data }) => text(data)), ['new']);
      assert.equal((await store.run(log, { type: 'acquire', node: 'c', lease: 1 })).type, 'taken');
    });

    test('a lease that ran out may be renewed while nobody has taken it', async () => {
      const log = fresh();
      const { epoch } = await lead(log, 'a', 1);
      await sleep(20);
      assert.deepEqual(await store.run(log, { type: 'renew', node: 'a', epoch, lease: LEASE }), { type: 'done', wanted: false });
      assert.equal((await store.run(log, { type: 'acquire', node: 'b', lease: LEASE })).type, 'taken');
    });

    test('a release appends, lets go, and tells the next one its end', async () => {
      const log = fresh();
      const { epoch } = await lead(log, 'a');
      assert.deepEqual(await store.run(log, { type: 'release', node: 'a', epoch, first: 1, records: [event('one'), { kind: 4, data: bytes('') }] }), { type: 'done', wanted: false });
      const next = await lead(log, 'b');
      assert.equal(next.top, `${epoch}-2`);
      assert.ok(next.epoch > epoch);
    });

    test('what is before keep goes, also when nothing is appended, and the newest is remembered', async () => {
      const log = fresh();
      const { epoch } = await lead(log, 'a');
      await store.run(log, { type: 'append', node: 'a', epoch, first: 1, records: ['1', '2', '3', '4'].map(event) });
      await store.run(log, { type: 'append', node: 'a', epoch, first: 5, records: [], keep: `${epoch}-3` });
      const own = reader(store, log, `${epoch}-1`);
      await waitFor(() => own.all > 0);
      own.end();
      // The hole is seen in their numbers.
      assert.deepEqual(own.records.map(({ position }) => position), [3, 4].map((seq) => `${epoch}-${seq}`));
      await store.run(log, { type: 'append', node: 'a', epoch, first: 5, records: [], keep: `${epoch + 1}-1` });
      assert.equal((await lead(log, 'a')).top, `${epoch}-4`);
    });

    test('a log of many records is read in pieces, and only the last says that it is all', async () => {
      const log = fresh();
      const { epoch } = await lead(log, 'a');
      const most = 450;
      await store.run(log, { type: 'append', node: 'a', epoch, first: 1, records: Array.from({ length: most }, (_, at) => event(String(at))) });
      const own = reader(store, log);
      await waitFor(() => own.all > 0);
      assert.equal(own.records.length, most);
      assert.ok(own.calls > 1);
      await store.run(log, { type: 'append', node: 'a', epoch, first: most + 1, records: [event('live')] });
      await waitFor(() => own.records.length === most + 1);
      own.end();
      await own.ended;
      assert.deepEqual(own.records.map(({ data }) => text(data)), [...Array.from({ length: most }, (_, at) => String(at)), 'live']);
    });

    test('an empty log says so at once, and again while nothing comes', async () => {
      const own = reader(store, fresh());
      await waitFor(() => own.all > 2);
      assert.deepEqual(own.records, []);
      own.end();
      assert.equal(await own.ended, 'over');
    });

    test('the keys of a log are forgotten after a while', async () => {
      const log = fresh();
      const { place, end } = await connect(redis.url);
      const short = redisStore(place, { keep: 50, prefix: 'short' });
      const first = await short.run(log, { type: 'acquire', node: 'a', lease: 10 });
      assert.ok(first.type === 'led');
      await short.run(log, { type: 'append', node: 'a', epoch: first.epoch, first: 1, records: [event('x')] });
      const own = createClient({ url: redis.url });
      await own.connect();
      await waitFor(async () => !(await own.keys('short:*')).length);
      own.destroy();
      assert.deepEqual(await short.run(log, { type: 'append', node: 'a', epoch: first.epoch, first: 2, records: [event('y')] }), { type: 'fenced' });
      await short.close();
      end();
    });

    test('a server that forgot everything: the old epoch is refused, the next is above it', async () => {
      const log = fresh();
      const { epoch } = await lead(log, 'a');
      await store.run(log, { type: 'append', node: 'a', epoch, first: 1, records: [event('old')] });
      const own = reader(store, log);
      await waitFor(() => own.records.length === 1);
      const other = createClient({ url: redis.url });
      await other.connect();
      await other.flushAll();
      await other.sendCommand(['SCRIPT', 'FLUSH']);
      other.destroy();
      assert.deepEqual(await store.run(log, { type: 'append', node: 'a', epoch, first: 2, records: [event('late')] }), { type: 'fenced' });
      const next = await lead(log, 'b');
      assert.ok(next.epoch > epoch);
      assert.equal(next.top, undefined);
      await store.run(log, { type: 'append', node: 'b', epoch: next.epoch, first: 1, records: [event('new')] });
      // Who waited behind the old position gets it: it is above.
      await waitFor(() => own.records.length === 2);
      own.end();
      assert.deepEqual(own.records.map(({ position }) => position), [`${epoch}-1`, `${next.epoch}-1`]);
    });

    test('a server that is killed: all that waits is rejected with a code, and works once it is back', async () => {
      const log = fresh();
      const { epoch } = await lead(log, 'a');
      await store.run(log, { type: 'append', node: 'a', epoch, first: 1, records: [event('old')] });
      const own = reader(store, log);
      await waitFor(() => own.all > 0);
      await redis.kill();
      assert.equal((await within(() => own.ended, PATIENCE)).code, 'store_unreached');
      const error = await within(() => store.run(log, { type: 'renew', node: 'a', epoch, lease: LEASE }).then(() => assert.fail('answered'), (/** @type {any} */ each) => each), PATIENCE);
      assert.equal(error.code, 'store_unreached', String(error.stack));
      assert.ok(error.hint && error.retryable);
      assert.equal((await within(() => reader(store, log, `${epoch}-1`).ended, PATIENCE)).code, 'store_unreached');
      await redis.start();
      const plain = createClient({ url: redis.url });
      await plain.connect();
      await waitFor(async () => String(await plain.sendCommand(['CLUSTER', 'INFO'])).includes('cluster_state:ok'));
      plain.destroy();
      const next = await waitFor(() => store.run(log, { type: 'acquire', node: 'a', lease: LEASE }).then((answer) => answer.type === 'led' && answer));
      assert.ok(next.epoch > epoch);
      await store.run(log, { type: 'append', node: 'a', epoch: next.epoch, first: 1, records: [event('new')] });
      const again = reader(store, log, `${epoch}-1`);
      await waitFor(() => again.records.length === 1);
      again.end();
      assert.equal(await again.ended, 'over');
    });

    test('a server that is mute: each wait ends', async () => {
      const log = fresh();
      const { epoch } = await lead(log, 'a');
      const own = reader(store, log);
      await waitFor(() => own.all > 0);
      redis.pause();
      try {
        await assert.rejects(within(() => store.run(log, { type: 'renew', node: 'a', epoch, lease: LEASE }), PATIENCE), { code: 'store_unreached' });
        assert.equal((await within(() => own.ended, PATIENCE)).code, 'store_unreached');
        assert.equal((await within(() => reader(store, log).ended, PATIENCE)).code, 'store_unreached');
      } finally {
        redis.go();
      }
      await waitFor(() => store.run(log, { type: 'renew', node: 'a', epoch, lease: LEASE }).then(({ type }) => type === 'done'));
    });

    test('what Redis refuses is told with its words', async () => {
      const log = fresh();
      const other = createClient({ url: redis.url });
      await other.connect();
      await other.set(`opencode-session:{${encodeURIComponent(log)}}:state`, 'no hash');
      other.destroy();
      await assert.rejects(store.run(log, { type: 'acquire', node: 'a', lease: 1 }), (/** @type {any} */ error) => error.code === 'store_refused' && error.message.includes('WRONGTYPE'));
    });
  });
}

test('a place that is none is refused at once', () => {
  for (const place of [{ url: 'http://127.0.0.1' }, { url: 5 }, { client: {} }, { client: undefined }, {}]) {
    assert.throws(() => redisStore(/** @type {any} */ (place)), { name: 'StoreError', code: 'store_bad_option' }, JSON.stringify(place));
  }
  for (const options of [{ keep: 0 }, { keep: 1.5 }, { patience: Number.NaN }, { prefix: '{a}' }]) {
    assert.throws(() => redisStore({ url: 'redis://127.0.0.1' }, options), { code: 'store_bad_option' }, JSON.stringify(options));
  }
});

test('a store that is closed says so, ends its readers, and told its owner of errors', async () => {
  const redis = await startRedis();
  const told = /** @type {string[]} */ ([]);
  const store = redisStore({ url: redis.url }, { onError: ({ code }) => told.push(code) });
  try {
    const own = reader(store, 'log');
    await waitFor(() => own.all > 0);
    await store.close();
    assert.equal(await within(() => own.ended, PATIENCE), 'over');
    await assert.rejects(store.run('log', { type: 'acquire', node: 'a', lease: 1 }), { code: 'store_closed', retryable: false });
    assert.deepEqual(told, ['store_closed']);
  } finally {
    await redis.stop();
  }
});

test('docs/scaling.md has every code, option and default', () => {
  const page = readFileSync(new URL('../../docs/scaling.md', import.meta.url), 'utf8');
  const source = (/** @type {string} */ file) => readFileSync(new URL(`../../src/js/relay/${file}.ts`, import.meta.url), 'utf8');
  const codes = [...source('store-error').matchAll(/^ {2}(store_\w+): '/gm)].map(([, code]) => code);
  const told = [...page.matchAll(/^\| `(store_\w+)` \| (yes|no) \|/gm)].map(([, code, again]) => [code, again]);
  assert.ok(codes.length > 3);
  assert.deepEqual(told, codes.map((code) => [code, new StoreError(/** @type {any} */ (code), '').retryable ? 'yes' : 'no']));
  for (const [name, constant] of [['keep', 'KEEP'], ['patience', 'PATIENCE']]) {
    const value = new RegExp(`const ${constant} = ([\\d_]+);`).exec(source('redis'))?.[1];
    assert.equal(new RegExp(`\\| \`${name}\` \\| ([\\d,]+) ms`).exec(page)?.[1].replaceAll(',', ''), value?.replaceAll('_', ''), name);
  }
});
