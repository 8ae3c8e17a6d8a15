// Metadata: the same in memory, in PGlite and on a real PostgreSQL.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { drizzle as drizzleLite } from 'drizzle-orm/pglite';
import pg from 'pg';
import { chatSessions, drizzleMetadata, listWithSessions, memoryMetadata, MetadataError, migrate, openMetadata, relayHooks } from '../../dist/metadata.js';
import { startPostgres } from '../support/postgres.mjs';
import { tempDir } from '../support/temp.mjs';
import { waitFor } from '../support/wait.mjs';

/** @typedef {import('../../dist/metadata/index.js').Metadata} Metadata */
/** @type {Record<string, () => Promise<{ metadata: Metadata, end(): Promise<void> }>>} */
const KINDS = {
  memory: async () => ({ metadata: memoryMetadata(), end: async () => undefined }),
  PGlite: async () => {
    const metadata = await openMetadata({ dir: undefined, url: '' });
    assert.equal(metadata.kind, 'pglite');
    return { metadata, end: () => metadata.close() };
  },
  'a PGlite of the owner': async () => {
    const client = new PGlite();
    const db = drizzleLite({ client });
    await migrate(db);
    return { metadata: drizzleMetadata(db), end: () => client.close() };
  },
  PostgreSQL: async () => {
    const server = await startPostgres();
    const metadata = await openMetadata({ url: server.url });
    assert.equal(metadata.kind, 'postgres');
    return { metadata, end: async () => { await metadata.close(); await server.stop(); } };
  },
};

for (const [name, make] of Object.entries(KINDS)) {
  describe(name, () => {
    /** @type {Metadata} */
    let metadata;
    /** @type {() => Promise<void>} */
    let end;
    let count = 0;
    /** A user of its own for each test. */
    const somebody = () => {
      count += 1;
      return `user ${count}`;
    };
    const id = () => `ses_${crypto.randomUUID()}`;
    before(async () => {
      ({ metadata, end } = await make());
    });
    after(() => end());

    test('a row is there with what it was made with, and its defaults', async () => {
      const [userId, one, two] = [somebody(), id(), id()];
      const custom = { a: 1, deep: { list: [null, true, 'é \\ " %'] } };
      const made = await metadata.create({ id: one, userId, workspaceId: 'w', tags: ['b', 'a', 'b'], custom });
      assert.deepEqual({ ...made, createdAt: undefined }, { id: one, userId, workspaceId: 'w', tags: ['b', 'a'], custom, createdAt: undefined });
      assert.ok(Math.abs(Date.now() - made.createdAt.getTime()) < 600_000);
      assert.deepEqual(await metadata.get(one), made);
      const plain = await metadata.create({ id: two, userId });
      assert.deepEqual([plain.workspaceId, plain.tags, plain.custom], [null, [], {}]);
      assert.equal(await metadata.get(id()), undefined);
    });

    test('made again it is the same row, and another user does not get it', async () => {
      const [userId, one] = [somebody(), id()];
      const made = await metadata.create({ id: one, userId, tags: ['first'] });
      assert.deepEqual(await metadata.create({ id: one, userId, tags: ['second'] }), made);
      await assert.rejects(metadata.create({ id: one, userId: somebody() }), { name: 'MetadataError', code: 'metadata_taken', retryable: false });
      const many = await Promise.all(Array.from({ length: 10 }, () => metadata.create({ id: `${one}b`, userId })));
      assert.equal(new Set(many.map(({ createdAt }) => createdAt.getTime())).size, 1);
    });

    test('a user sees their own, by pages, newest first and each once', async () => {
      const [userId, other] = [somebody(), somebody()];
      const ids = Array.from({ length: 25 }, id);
      for (const one of ids) await metadata.create({ id: one, userId });
      await metadata.create({ id: id(), userId: other });
      /** @type {import('../../dist/metadata/index.js').SessionRow[]} */
      const all = [];
      for (;;) {
        const before = all.at(-1);
        const page = await metadata.list({ user: userId, limit: 7, ...(before && { before }) });
        // What a page begins behind may be gone by then.
        if (page.length > 0) await metadata.remove(page[page.length - 1].id);
        all.push(...page);
        if (page.length < 7) break;
      }
      assert.deepEqual(all.map((row) => row.id).sort(), [...ids].sort());
      assert.ok(all.every((row, at) => at === 0 || row.createdAt <= all[at - 1].createdAt));
      assert.equal((await metadata.list({ user: other })).length, 1);
      assert.deepEqual(await metadata.list({ user: somebody() }), []);
    });

    test('a search by tag, workspace and text finds what has it, whatever stands in it', async () => {
      const userId = somebody();
      const rows = { percent: { tags: ['100%'] }, under: { tags: ['a_b'] }, plain: { tags: ['axb', 'Straße'] }, slash: { custom: { path: 'c:\\temp' } }, work: { workspaceId: 'Team-1' }, quote: { tags: [`o'brien"`], custom: { note: 'Needle' } } };
      for (const [key, more] of Object.entries(rows)) await metadata.create({ id: `${userId} ${key}`, userId, ...more });
      const found = async (/** @type {object} */ query) => (await metadata.list({ user: userId, ...query })).map((row) => row.id.slice(userId.length + 1)).sort();
      assert.deepEqual(await found({ tag: '100%' }), ['percent']);
      assert.deepEqual(await found({ tag: '100' }), []);
      assert.deepEqual(await found({ tag: `o'brien"` }), ['quote']);
      assert.deepEqual(await found({ text: '%' }), ['percent']);
      assert.deepEqual(await found({ text: 'A_B' }), ['under']);
      assert.deepEqual(await found({ text: `O'BRIEN"` }), ['quote']);
      assert.deepEqual(await found({ text: 'needle' }), ['quote']);
      assert.deepEqual(await found({ text: 'team' }), ['work']);
      assert.deepEqual(await found({ workspace: 'Team-1' }), ['work']);
      assert.deepEqual(await found({ workspace: 'team-1' }), []);
      assert.deepEqual(await found({ tag: 'axb', text: 'straße' }), ['plain']);
      assert.deepEqual(await found({ tag: 'axb', text: 'needle' }), []);
      assert.equal((await found({ text: '' })).length, 6);
    });

    test('a change changes what it names, and a removal removes once', async () => {
      const [userId, one] = [somebody(), id()];
      const made = await metadata.create({ id: one, userId, workspaceId: 'w', tags: ['a'], custom: { x: 1 } });
      assert.deepEqual(await metadata.update(one, { tags: [] }), { ...made, tags: [] });
      assert.deepEqual(await metadata.update(one, { workspaceId: null, custom: { y: 2 } }), { ...made, tags: [], workspaceId: null, custom: { y: 2 } });
      assert.deepEqual(await metadata.update(one, {}), { ...made, tags: [], workspaceId: null, custom: { y: 2 } });
      assert.equal(await metadata.update(id(), { tags: ['a'] }), undefined);
      assert.equal(await metadata.remove(one), true);
      assert.equal(await metadata.remove(one), false);
      assert.equal(await metadata.get(one), undefined);
    });

    test('a session is its owner’s, and nobody else’s', async () => {
      const [userId, one] = [somebody(), id()];
      const { sessions, onCreate, onDelete } = relayHooks(metadata);
      await onCreate(userId, { id: one });
      assert.deepEqual([await sessions(userId)(one), await sessions(`${userId}0`)(one), await sessions(userId)(id())], [true, false, false]);
      await onDelete(userId, one);
      await onDelete(userId, one);
      assert.equal(await metadata.owns(userId, one), false);
    });

    test('rows come with their sessions; those that were deleted elsewhere go', async () => {
      const userId = somebody();
      const [here, gone, away] = [id(), id(), id()];
      for (const one of [here, gone, away]) await metadata.create({ id: one, userId });
      const find = async (/** @type {string} */ one) => {
        if (one === here) return { title: 'Here' };
        throw Object.assign(new Error(), one === gone ? { code: 'not_found', status: 404 } : { code: 'unreachable' });
      };
      const rows = await listWithSessions(metadata, { user: userId }, find);
      assert.deepEqual(Object.fromEntries(rows.map((row) => [row.id, row.session])), { [here]: { title: 'Here' }, [away]: undefined });
      assert.equal(await metadata.get(gone), undefined);
      assert.ok(await metadata.get(away));
    });

    test('what cannot be stored or asked for is refused in words', async () => {
      const [userId, one] = [somebody(), id()];
      const good = { id: one, userId };
      const round = /** @type {any} */ ({});
      round.round = round;
      for (const bad of [undefined, null, 5, {}, { id: one }, { ...good, id: '' }, { ...good, id: 'x'.repeat(257) }, { ...good, userId: 'a\0b' }, { ...good, tags: 'a' }, { ...good, tags: [''] }, { ...good, tags: [5] }, { ...good, tags: Array.from({ length: 65 }, String) }, { ...good, tags: ['\ud800'] }, { ...good, custom: [] }, { ...good, custom: 'x' }, { ...good, custom: { 'a\0': 1 } }, { ...good, custom: { a: ['\udc00'] } }, { ...good, custom: round }, { ...good, custom: { a: 1n } }, { ...good, custom: { toJSON: () => 5 } }, { ...good, custom: { a: 'x'.repeat(65_536) } }, { ...good, title: 'x' }]) {
        await assert.rejects(metadata.create(/** @type {any} */ (bad)), { name: 'MetadataError', code: 'metadata_bad_input' });
      }
      for (const bad of [undefined, {}, { user: '' }, { user: userId, limit: 0 }, { user: userId, limit: 501 }, { user: userId, limit: 1.5 }, { user: userId, tag: '' }, { user: userId, text: 5 }, { user: userId, before: one }, { user: userId, before: { id: one, createdAt: new Date(Number.NaN) } }, { user: userId, tags: ['a'] }]) {
        await assert.rejects(metadata.list(/** @type {any} */ (bad)), { code: 'metadata_bad_input' }, JSON.stringify(bad));
      }
      await assert.rejects(metadata.update(one, /** @type {any} */ ({ userId: 'other' })), { code: 'metadata_bad_input' });
      for (const call of ['get', 'remove']) await assert.rejects(/** @type {any} */ (metadata)[call](5), { code: 'metadata_bad_input' });
      await assert.rejects(metadata.owns(userId, ''), { code: 'metadata_bad_input' });
      assert.deepEqual(await metadata.list({ user: userId }), []);
      // These look as if they could not, and can.
      const odd = await metadata.create({ ...good, tags: ['\\u0000', '😀'], custom: { text: '\\ud800 😀', date: new Date(0), none: undefined } });
      assert.deepEqual([odd.tags, odd.custom], [['\\u0000', '😀'], { text: '\\ud800 😀', date: '1970-01-01T00:00:00.000Z' }]);
    });
  });
}

describe('opening', () => {
  test('a folder is opened once in a process, keeps its rows, and can be opened again', async () => {
    const folder = tempDir('pglite');
    const dir = `${folder.path}/data`;
    const [one, two] = await Promise.all([openMetadata({ dir }), openMetadata({ dir })]);
    assert.equal(one, two);
    const made = await one.create({ id: 'ses_1', userId: 'ada', tags: ['kept'] });
    await one.close();
    await assert.rejects(one.get('ses_1'), MetadataError);
    const again = await openMetadata({ dir });
    assert.notEqual(again, one);
    assert.deepEqual(await again.get('ses_1'), made);
    await again.close();
    await folder.remove();
  });

  test('instances that begin at the same time make one table, and none twice', async () => {
    const server = await startPostgres();
    const pools = Array.from({ length: 4 }, () => new pg.Pool({ connectionString: server.url }));
    try {
      await Promise.all(pools.map((client) => migrate(drizzle({ client }))));
      const db = drizzle({ client: pools[0] });
      await migrate(db);
      const { rows } = await db.execute(sql`SELECT version FROM chat_sessions_version`);
      assert.deepEqual(rows, [{ version: 1 }]);
      // The table has the columns of the schema.
      await db.insert(chatSessions).values({ id: 'ses_1', userId: 'ada' });
      assert.deepEqual((await db.select().from(chatSessions)).map(({ createdAt, ...rest }) => rest), [{ id: 'ses_1', userId: 'ada', workspaceId: null, tags: [], custom: {} }]);
    } finally {
      for (const pool of pools) await pool.end();
      await server.stop();
    }
  });

  test('DATABASE_URL decides, when nothing is told', async () => {
    const server = await startPostgres();
    const from = fileURLToPath(new URL('../../dist/metadata.js', import.meta.url));
    const code = `const { openMetadata } = await import(${JSON.stringify(from)}); const all = await openMetadata(); console.log(all.kind); await all.close();`;
    const kind = async (/** @type {object} */ env) => (await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { env: { ...process.env, ...env } })).stdout.trim();
    try {
      assert.equal(await kind({ DATABASE_URL: server.url }), 'postgres');
      assert.equal(await kind({ DATABASE_URL: '' }), 'pglite');
    } finally {
      await server.stop();
    }
  });

  test('a database that is away says so, loses nothing, and works once it is back', async () => {
    const server = await startPostgres();
    const metadata = await openMetadata({ url: server.url });
    const made = await metadata.create({ id: 'ses_1', userId: 'ada' });
    try {
      await server.kill();
      for (const call of [() => metadata.get('ses_1'), () => metadata.create({ id: 'ses_2', userId: 'ada' }), () => metadata.list({ user: 'ada' }), () => metadata.remove('ses_1'), () => metadata.owns('ada', 'ses_1')]) {
        await assert.rejects(call(), (/** @type {any} */ error) => error.code === 'metadata_unreached' && error.retryable && error.hint.length > 0);
      }
      await server.start();
      assert.deepEqual(await waitFor(() => metadata.get('ses_1')), made);
      assert.deepEqual((await metadata.list({ user: 'ada' })).map(({ id }) => id), ['ses_1']);
    } finally {
      await metadata.close();
      await server.stop();
    }
    // Nobody is there: the next call tries again.
    for (let at = 0; at < 2; at += 1) await assert.rejects(openMetadata({ url: server.url }), { code: 'metadata_unreached' });
  });

  test('an address that is none is refused, and what a database refuses is told with its words', async () => {
    await assert.rejects(openMetadata({ url: 'mysql://127.0.0.1/x' }), { code: 'metadata_bad_input' });
    const client = new PGlite();
    const bare = drizzleMetadata(drizzleLite({ client }));
    await assert.rejects(bare.get('ses_1'), (/** @type {any} */ error) => error.code === 'metadata_failed' && error.message.includes('chat_sessions') && error.cause !== undefined);
    await client.close();
  });
});

test('docs/metadata.md has every code', () => {
  const read = (/** @type {string} */ file) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const codes = [...read('src/js/metadata/error.ts').matchAll(/^ {2}(metadata_\w+): '/gm)].map(([, code]) => code);
  assert.ok(codes.length > 3);
  const rows = [...read('docs/metadata.md').matchAll(/^\| `(metadata_\w+)` \| (yes|no) \|/gm)].map(([, code, again]) => [code, again]);
  assert.deepEqual(rows, codes.map((code) => [code, new MetadataError(/** @type {any} */ (code), '').retryable ? 'yes' : 'no']));
});
