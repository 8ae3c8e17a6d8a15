// The live list of sessions, on real servers: what another client does is shown as it happens, and what it did while nobody listened.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { test } from 'node:test';
import { call, prompt } from '../support/events.mjs';
import { startProxy } from '../support/proxy.mjs';
import { waitFor } from '../support/wait.mjs';
import { onPage, onServers, withStage } from './scene.mjs';
import { TESTED } from '../support/versions.mjs';

const shared = withStage();
const TASK = JSON.stringify({ description: 'Look', prompt: 'tool bash: echo from-child', subagent_type: 'general' });

/** Opens a list on the page, with all that it ever showed. */
const openList = (page, options, query) => page.evaluate(async ([options, query]) => {
  const client = await drive.connect(options);
  const list = await client.sessions.live(query);
  drive.list = list;
  drive.told = [];
  list.subscribe(() => drive.told.push(list.state));
  await drive.soon(list.ready, 'the list');
}, [options, query]);

const stateOf = (page) => page.evaluate(() => drive.list.state);

/** Waits until the list's state fits. */
const until = (page, probe, message) => {
  let last;
  return waitFor(async () => {
    last = await stateOf(page);
    return probe(last) ? last : undefined;
  }, { message: () => `${message}: ${JSON.stringify(last).slice(0, 1_500)}` });
};

/** Waits until listeners were told of a state without this session, and of none with it after that. */
const toldWithout = (page, id) => waitFor(() => page.evaluate((id) => drive.told.length > 0 && !drive.told.at(-1).sessions.some((each) => each.id === id), id), { message: 'listeners to be told that it is gone' });

const titles = ({ sessions }) => sessions.map(({ title }) => title);
const find = ({ sessions }, id) => sessions.find((session) => session.id === id);

onServers('the live list', (scene) => {
  let count = 0;
  /** A title that no other test has. */
  const word = () => {
    count += 1;
    return `w${count}q`;
  };
  const create = (title, more = {}) => call(scene.server, 'POST', '/session', { title, ...more });
  const rename = (id, title) => call(scene.server, 'PATCH', `/session/${id}`, { title });
  const remove = (id) => call(scene.server, 'DELETE', `/session/${id}`);
  const archive = (id, archived) => call(scene.server, 'PATCH', `/session/${id}`, { time: { archived } });

  for (const keeper of [false, '/lib/keeper.js']) {
    const how = keeper ? 'with the keeper' : 'without a keeper';

    test(`what another client does is shown, ${how}`, () => onPage(shared, [scene.server.url], async ({ page }) => {
      const old = await create(`${word()} old`);
      await openList(page, { baseUrl: scene.server.url, keeper }, {});
      await until(page, (state) => state.status === 'live' && find(state, old.id), 'the first answer');
      assert.equal((await stateOf(page)).connection.source, keeper ? 'keeper' : 'event');
      const kept = await page.evaluate((id) => { drive.kept = drive.list.state.sessions.find((each) => each.id === id); return drive.kept.title; }, old.id);
      assert.equal(kept, old.title);

      const made = await create('Made elsewhere');
      await until(page, (state) => state.sessions[0]?.id === made.id, 'the new session on top');
      const inner = await create('Of a sub-agent', { parentID: made.id });
      await rename(made.id, 'Renamed elsewhere');
      await until(page, (state) => find(state, made.id)?.title === 'Renamed elsewhere', 'the new title');
      assert.ok(!find(await stateOf(page), inner.id), 'a session of a sub-agent is shown');
      assert.ok(await page.evaluate((id) => drive.list.state.sessions.find((each) => each.id === id) === drive.kept, old.id), 'an untouched session has a new identity');

      await prompt(scene.server, old.id, 'words 3 then tool bash: echo hi');
      await until(page, (state) => find(state, old.id)?.status.type === 'busy', 'busy');
      await until(page, (state) => find(state, old.id)?.requests === 1, 'the request');
      assert.equal((await stateOf(page)).sessions[0].id, old.id, 'the one that was used last is on top');
      const [request] = await call(scene.server, 'GET', '/permission');
      await call(scene.server, 'POST', `/session/${old.id}/permissions/${request.id}`, { response: 'once' });
      await until(page, (state) => find(state, old.id)?.requests === 0, 'the answered request');
      await until(page, (state) => find(state, old.id)?.status.type === 'idle', 'idle');

      await archive(old.id, Date.now());
      await until(page, (state) => !find(state, old.id), 'the archived session gone');
      await archive(old.id, 0);
      await until(page, (state) => find(state, old.id), 'the archived session back');
      await remove(made.id);
      await until(page, (state) => !find(state, made.id), 'the removed session gone');
      await remove(old.id);
      await until(page, (state) => !find(state, old.id), 'the other one, too');
      const seen = await page.evaluate(() => ({ told: drive.told.length, again: drive.told.some((state, at) => state === drive.told[at - 1]) }));
      assert.ok(seen.told > 0 && !seen.again, 'told twice of one state');
      await page.evaluate(() => drive.client.close());
      assert.equal((await stateOf(page)).status, 'closed');
    }));
  }

  test('what a sub-agent asks is counted in the session that a person looks at', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const session = await create(`${word()} parent`);
    await openList(page, { baseUrl: scene.server.url });
    await prompt(scene.server, session.id, `words 2 then tool task: ${TASK}`);
    await until(page, (state) => find(state, session.id)?.requests === 1, 'the request of the sub-agent');
    // A list opened later has to ask whose child it is.
    await onPage(shared, [scene.server.url], async ({ page: other }) => {
      await openList(other, { baseUrl: scene.server.url });
      await until(other, (state) => find(state, session.id)?.requests === 1, 'the request on a page opened later');
    });
    const [request] = await call(scene.server, 'GET', '/permission');
    await call(scene.server, 'POST', `/session/${request.sessionID}/permissions/${request.id}`, { response: 'reject' });
    await until(page, (state) => find(state, session.id)?.requests === 0 && find(state, session.id).status.type === 'idle', 'rest');
    await remove(session.id);
  }));

  test('searching filters at once, finds what is not loaded, and goes on live', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const tag = word();
    const first = await create(`${tag} Ärger mit 100% Last`);
    for (let at = 0; at < 5; at += 1) await create(`${tag} other ${at}`);
    await openList(page, { baseUrl: scene.server.url }, { limit: 3 });
    assert.ok(!find(await stateOf(page), first.id));
    const early = await page.evaluate((text) => {
      drive.searched = drive.list.search(text);
      return drive.list.state;
    }, `${tag} ÄRGER`);
    // 1.1.65 gave all there is at once.
    const known = scene.version === '1.1.65';
    assert.deepEqual([titles(early), early.search, early.status], [known ? [first.title] : [], `${tag} ÄRGER`, known ? 'live' : 'loading']);
    await page.evaluate(() => drive.soon(drive.searched, 'the search'));
    let state = await stateOf(page);
    assert.deepEqual([titles(state), state.status, state.hasMore], [[first.title], 'live', false]);
    await page.evaluate((text) => drive.list.search(text), `${tag} ärger mit 100% l`);
    assert.deepEqual(titles(await stateOf(page)), [first.title], 'a narrower search');
    // A wildcard of the server's is none here.
    await page.evaluate((text) => drive.list.search(text), `${tag} ärger_mit`);
    assert.deepEqual(titles(await stateOf(page)), []);
    await page.evaluate((text) => drive.list.search(text), `${tag} ärger`);
    const other = await create(`${tag} mehr ärger`);
    const named = await create(`${tag} nothing`);
    await rename(named.id, `${tag} ÄRGER, zuletzt`);
    state = await until(page, ({ sessions }) => sessions.length === 2, 'the renamed one');
    assert.ok(find(state, named.id) && find(state, first.id), `${other.title} does not have the text`);
    await rename(first.id, `${tag} quiet`);
    await until(page, (state) => !find(state, first.id), 'the one whose title changed gone');
    await page.evaluate(() => drive.list.search(''));
    state = await stateOf(page);
    assert.ok(state.sessions.length >= 3 && state.hasMore && find(state, named.id));
  }));

  test('page by page, all sessions come once and in the order of their last change', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const tag = word();
    const made = [];
    for (let at = 0; at < 25; at += 1) made.push(await create(`${tag} ${at}`));
    // One that is long back is used again, and one is put away.
    await call(scene.server, 'POST', `/session/${made[2].id}/message`, { noReply: true, parts: [{ type: 'text', text: 'again' }] });
    await archive(made[20].id, Date.now());
    const all = (await call(scene.server, 'GET', `/session?limit=1000&roots=true&search=${tag}`)).filter(({ time }) => !time.archived).sort((a, b) => b.time.updated - a.time.updated);
    assert.equal(all.length, 24);
    await openList(page, { baseUrl: scene.server.url }, { limit: 10, search: tag });
    const counts = [];
    for (let more = true; more && counts.length < 9;) {
      const { sessions, hasMore } = await stateOf(page);
      counts.push(sessions.length);
      more = hasMore;
      if (more) await page.evaluate(() => drive.soon(drive.list.loadMore(), 'more'));
    }
    assert.deepEqual(counts, [10, 20, 24]);
    const state = await stateOf(page);
    assert.deepEqual(state.sessions.map(({ time }) => time.updated), all.map(({ time }) => time.updated));
    assert.deepEqual(new Set(state.sessions.map(({ id }) => id)), new Set(all.map(({ id }) => id)));
    assert.equal(state.sessions.length, new Set(state.sessions.map(({ id }) => id)).size);
    assert.equal(state.sessions[0].id, made[2].id);
    // Removing most of what is shown fills the page again.
    for (const { id } of all) await remove(id);
    await until(page, ({ sessions, hasMore }) => sessions.length === 0 && !hasMore, 'nothing left');
  }));

  test('changes made while the network was away are there after it', async () => {
    const proxy = await startProxy({ upstream: scene.server.url });
    try {
      await onPage(shared, [proxy.url], async ({ page }) => {
        const tag = word();
        const [stays, goes, changes, works] = [await create(`${tag} stays`), await create(`${tag} goes`), await create(`${tag} changes`), await create(`${tag} works`)];
        await openList(page, { baseUrl: proxy.url, retry: { min: 50, max: 200 } }, { search: tag });
        await until(page, (state) => state.status === 'live' && state.sessions.length === 4, 'the list');
        await page.evaluate((id) => { drive.kept = drive.list.state.sessions.find((each) => each.id === id); }, stays.id);
        proxy.refuse(true);
        proxy.drop();
        await until(page, ({ status, connection, sessions }) => status === 'stale' && connection.phase === 'waiting' && sessions.length === 4, 'a list that says it is old');
        await remove(goes.id);
        await rename(changes.id, `${tag} changed`);
        await prompt(scene.server, works.id, 'words 2000 every 20');
        const made = await create(`${tag} made`);
        const archived = await create(`${tag} archived`);
        await archive(archived.id, Date.now());
        proxy.refuse(false);
        const state = await until(page, (now) => now.status === 'live', 'live again');
        assert.ok(!find(state, goes.id) && !find(state, archived.id));
        assert.equal(find(state, changes.id).title, `${tag} changed`);
        assert.equal(find(state, works.id).status.type, 'busy');
        assert.ok(find(state, made.id));
        assert.ok(await page.evaluate((id) => drive.list.state.sessions.find((each) => each.id === id) === drive.kept, stays.id), 'an untouched session has a new identity');
        // Listeners are told in the next frame.
        await toldWithout(page, goes.id);
        await call(scene.server, 'POST', `/session/${works.id}/abort`);
        await until(page, (now) => find(now, works.id)?.status.type === 'idle', 'the end of the work');
      });
    } finally {
      await proxy.close();
    }
  });

  test('an answer that was asked for before a change does not undo it', async () => {
    const proxy = await startProxy({ upstream: scene.server.url });
    try {
      await onPage(shared, [proxy.url], async ({ page }) => {
        const tag = word();
        const [goes, changes] = [await create(`${tag} goes`), await create(`${tag} changes`)];
        await openList(page, { baseUrl: proxy.url }, { search: tag });
        await until(page, ({ sessions }) => sessions.length === 2, 'the list');
        await page.evaluate(() => { drive.told = []; });
        proxy.slow({ match: (method, path) => method === 'GET' && path.startsWith('/session?'), ms: 1_500, times: 1 });
        // A second list makes both ask again.
        const asked = page.waitForRequest((request) => new URL(request.url()).pathname === '/session');
        await page.evaluate(async () => {
          drive.second = await drive.client.sessions.live();
        });
        await asked;
        await new Promise((done) => setTimeout(done, 300));
        await remove(goes.id);
        await rename(changes.id, `${tag} changed`);
        await until(page, (state) => !find(state, goes.id) && find(state, changes.id)?.title === `${tag} changed`, 'the changes');
        await page.evaluate(() => drive.soon(drive.second.ready, 'the second list'));
        await toldWithout(page, goes.id);
        await page.evaluate(() => new Promise((done) => setTimeout(done, 1_700)));
        const seen = await page.evaluate(([goes, changes]) => {
          const first = drive.told.findIndex(({ sessions }) => !sessions.some(({ id }) => id === goes));
          const after = drive.told.slice(first).concat(drive.list.state);
          return { back: after.some(({ sessions }) => sessions.some(({ id }) => id === goes)), title: drive.list.state.sessions.find(({ id }) => id === changes).title };
        }, [goes.id, changes.id]);
        assert.deepEqual(seen, { back: false, title: `${tag} changed` });
      });
    } finally {
      await proxy.close();
    }
  });

  test('sessions of other directories stay out, also on the stream that carries all directories', () => onPage(shared, [scene.server.url], async ({ page }) => {
    // Of the same project: 1.1.65 knows no other ones here.
    const elsewhere = `${scene.server.directory}/inner`;
    await mkdir(elsewhere, { recursive: true });
    const at = `?directory=${encodeURIComponent(elsewhere)}`;
    const far = await call(scene.server, 'POST', `/session${at}`, { title: 'Far away' });
    await openList(page, { baseUrl: scene.server.url });
    await page.evaluate((id) => { drive.session = drive.client.openSession(id); return drive.soon(drive.session.ready, 'the session'); }, far.id);
    await until(page, ({ connection, status }) => connection.source === 'global' && status === 'live', 'the wide stream');
    const second = await call(scene.server, 'POST', `/session${at}`, { title: 'Far, too' });
    const near = await create(`${word()} near`);
    const state = await until(page, (now) => find(now, near.id), 'the near one');
    assert.ok(!find(state, far.id) && !find(state, second.id));
  }));
}, { versions: TESTED });

test('a server that is away is told, and the list comes with it', async () => {
  const { startMock } = await import('../support/mock.mjs');
  const mock = await startMock();
  const proxy = await startProxy({ upstream: mock.url });
  try {
    proxy.refuse(true);
    await onPage(shared, [proxy.url], async ({ page }) => {
      await page.evaluate(async (baseUrl) => {
        const client = await drive.connect({ baseUrl, retry: { min: 50, max: 200 } });
        drive.list = await client.sessions.live();
      }, proxy.url);
      const away = await until(page, ({ error }) => error !== undefined, 'an error');
      assert.deepEqual([away.status, away.sessions, away.hasMore], ['loading', [], false]);
      mock.store.createSession({ title: 'There' });
      proxy.refuse(false);
      await until(page, (state) => state.status === 'live' && state.sessions.length === 1 && state.error === undefined, 'the list');
    });
  } finally {
    await proxy.close();
    await mock.close();
  }
});

test('a list whose code cannot be loaded says so', () => onPage(shared, ['http://127.0.0.1:9'], async ({ page }) => {
  await page.route('**/lib/sessions.js', (route) => route.abort());
  const error = await page.evaluate(async () => {
    const client = await drive.connect({ baseUrl: 'http://127.0.0.1:9' });
    return drive.problem(client.sessions.live());
  });
  assert.deepEqual([error.isSessionError, error.code], [true, 'load_failed']);
}));
