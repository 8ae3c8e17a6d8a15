// Directories on real servers: however one is spelled, its sessions run and are listed; several of them, and several servers, at once.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { numbered } from './checks.mjs';
import { onPage, onServers, withStage } from './scene.mjs';
import { NEWEST, TESTED } from '../support/versions.mjs';

const shared = withStage();
const PROMPT = 'words 2 then tool bash: echo hi then words 3';

/** A turn with a permission, a question, and both kinds of list, by a client of this directory. */
const used = (page, options) => page.evaluate(async ([options, prompt]) => {
  const client = await drive.connect({ ...options, journal: 'off' });
  const live = await client.sessions.live();
  const session = await client.createSession({ title: 'Here' });
  await drive.soon(session.ready, 'ready');
  const sent = session.send(prompt);
  const request = await drive.until(session, ({ permissions }) => permissions[0], 'a permission');
  await drive.soon(session.replyPermission(request.id, 'once'), 'the reply');
  const answer = await drive.soon(sent.done, 'the answer');
  const asked = session.send('ask Tea or coffee?: Tea | Coffee');
  const question = await drive.until(session, ({ questions }) => questions[0], 'a question');
  await drive.soon(session.answerQuestion(question.id, [['Tea']]), 'the answer to the question');
  await drive.soon(asked.done, 'the end');
  await drive.settle(session);
  await drive.soon(live.ready, 'the live list');
  const { session: info, connection } = session.state;
  const text = answer.parts.find((part) => part.type === 'text').text.trimEnd();
  const seen = { id: session.id, text, directory: info.directory, source: connection.source, fallback: connection.fallback?.code, live: live.state.sessions.map(({ id }) => id) };
  client.close();
  // A client that has not opened any session.
  const fresh = await drive.connect({ ...options, journal: 'off' });
  const list = (await drive.soon(fresh.sessions.list({ roots: true }), 'the list')).map(({ id, directory }) => [id, directory]);
  fresh.close();
  return { ...seen, list };
}, [options, PROMPT]);

onServers('directories', (scene) => {
  const isOld = scene.version === '1.1.65';
  let base;
  before(async () => {
    base = `${scene.server.home}/d`;
    for (const name of ['plain', 'sp ace', '100% off', "q?&#+'x", 'ünï 日本 😀', 'a%20b', 'other']) {
      await mkdir(`${base}/${name}`, { recursive: true });
      execFileSync('git', ['init', '-q'], { cwd: `${base}/${name}` });
    }
    await symlink(`${base}/plain`, `${base}/link`);
  });

  const spellings = {
    'with a space': ['sp ace'],
    'with a percent sign': ['100% off'],
    'with signs of addresses': ["q?&#+'x"],
    'with letters of all kinds': ['ünï 日本 😀'],
    // Before 1.2 servers take each spelling for a directory of its own.
    'with a slash at its end': ['plain/', 'plain', 'plain'],
    'with detours': ['./other/../plain', 'plain', './other/../plain'],
    'behind a link': ['link', 'plain', 'link'],
  };
  for (const [how, [spelled, stored = spelled, storedOld = stored]] of Object.entries(spellings)) {
    test(`a directory ${how}`, () => onPage(shared, [scene.server.url], async ({ page, said }) => {
      const seen = await used(page, { baseUrl: scene.server.url, directory: `${base}/${spelled}` });
      const directory = `${base}/${isOld ? storedOld : stored}`;
      assert.deepEqual([seen.text, seen.directory, seen.source, seen.fallback], [numbered(3), directory, 'event', undefined]);
      assert.ok(seen.live.includes(seen.id), 'it is not in the live list');
      assert.ok(seen.list.some(([id]) => id === seen.id), 'it is not in the list');
      assert.deepEqual(new Set(seen.list.map(([, each]) => each)), new Set([directory]), 'the list has sessions of other directories');
      assert.deepEqual(said, []);
    }));
  }

  test('a directory whose name looks like an escape', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const directory = `${base}/a%20b`;
    if (scene.version === NEWEST) {
      // Its turns run in "a b", whose events come on no stream of this directory: a fault of the server, see docs/directories.md.
      const seen = await page.evaluate(async ([baseUrl, directory]) => {
        const client = await drive.connect({ baseUrl, directory, journal: 'off' });
        const session = await client.createSession({ title: 'Here' });
        await drive.soon(session.ready, 'ready');
        await drive.soon(session.send('words 2', { noReply: true }).done, 'the stored prompt');
        return { directory: session.state.session.directory, listed: (await client.sessions.list()).some(({ id }) => id === session.id) };
      }, [scene.server.url, directory]);
      assert.deepEqual(seen, { directory, listed: true });
      return;
    }
    const seen = await page.evaluate(async ([baseUrl, directory]) => {
      const session = await drive.open({ baseUrl, directory });
      const answer = await drive.turn(session, 'words 3');
      return { directory: session.state.session.directory, text: answer.parts.find((part) => part.type === 'text').text.trimEnd() };
    }, [scene.server.url, directory]);
    assert.deepEqual(seen, { directory, text: numbered(3) });
  }));

  test('a directory that does not exist', () => onPage(shared, [scene.server.url], async ({ page }) => {
    const directory = `${base}/nowhere`;
    const error = await page.evaluate(async ([baseUrl, directory]) => {
      const session = await drive.open({ baseUrl, directory });
      session.send('words 3');
      const end = ({ status, messages }) => status.error ?? messages.some(({ info }) => info.role === 'assistant' && info.time.completed !== undefined);
      const last = await drive.until(session, end, 'an error or the answer');
      return last === true ? undefined : drive.plainError(last);
    }, [scene.server.url, directory]);
    // Older servers work in it all the same.
    if (scene.version !== NEWEST) return assert.equal(error, undefined);
    assert.ok(error.isSessionError && error.message.includes(directory), JSON.stringify(error));
  }));
}, { versions: TESTED });

onServers('several at once', (scene) => {
  let other;
  let model;
  before(async () => {
    model = await startModel();
    other = await startOpenCode({ model, version: scene.version, password: 'other-secret', cors: [shared.stage.url.slice(0, -1)] });
    await mkdir(`${scene.server.directory}/inner`, { recursive: true });
  });
  after(async () => {
    await other?.stop();
    await model?.close();
  });

  for (const keeper of [false, '/lib/keeper.js', '/missing.js']) {
    const how = { false: 'each with a stream of its own', '/lib/keeper.js': 'through the keeper', '/missing.js': 'through a leading tab' }[String(keeper)];

    test(`two directories of one server and a second server, ${how}`, () => onPage(shared, [scene.server.url, other.url], async ({ page, requests }) => {
      const clients = [
        { baseUrl: scene.server.url, keeper },
        { baseUrl: scene.server.url, directory: `${scene.server.directory}/inner`, keeper },
        { baseUrl: other.url, auth: { type: 'basic', password: 'other-secret' }, keeper },
      ];
      const seen = await page.evaluate(async (clients) => {
        const all = await Promise.all(clients.map(async (options, at) => {
          const client = await drive.createClient(options);
          const live = await client.sessions.live();
          const session = await client.createSession({ title: `Client ${at}` });
          await drive.soon(session.ready, 'ready');
          const everAsked = new Set();
          session.subscribe(() => { for (const { id, sessionID } of session.state.permissions) everAsked.add(`${sessionID} ${id}`); });
          return { client, live, session, everAsked };
        }));
        const sent = all.map(({ session }, at) => session.send(`say: only for ${at} then tool bash: echo ${at}`));
        const asked = await Promise.all(all.map(({ session }) => drive.until(session, ({ permissions }) => permissions[0], 'a permission')));
        // Answered one by one: what is answered in one leaves the others alone.
        for (const [at, { session }] of all.entries()) {
          await drive.soon(session.replyPermission(asked[at].id, 'once'), 'the reply');
          await drive.soon(sent[at].done, 'the answer');
          for (const later of all.slice(at + 1)) if (later.session.state.permissions.length !== 1) throw new Error(`${at} answered for another`);
        }
        await Promise.all(all.map(({ session }) => drive.settle(session)));
        const told = await Promise.all(all.map(async ({ client, live, session, everAsked }) => ({
          id: session.id,
          text: JSON.stringify(session.state.messages),
          asked: [...everAsked],
          live: live.state.sessions.map(({ title }) => title).sort(),
          list: (await client.sessions.list()).map(({ title }) => title).sort(),
          source: session.state.connection.source,
        })));
        for (const { client } of all) client.close();
        return told;
      }, clients);
      for (const [at, { id, text, asked, live, list, source }] of seen.entries()) {
        assert.ok(text.includes(`only for ${at}`));
        for (const foreign of [0, 1, 2].filter((each) => each !== at)) assert.ok(!text.includes(`only for ${foreign}`), `${foreign} leaks into ${at}`);
        assert.ok(asked.length === 1 && asked[0].startsWith(id), `${at} was asked ${asked}`);
        assert.deepEqual([new Set(live), new Set(list)], [new Set([`Client ${at}`]), new Set([`Client ${at}`])]);
        assert.equal(source, keeper ? 'keeper' : 'event');
      }
      for (const request of requests) {
        const { authorization } = await request.allHeaders().catch(() => ({}));
        assert.ok(authorization === undefined || request.url().startsWith(other.url), `a password went to ${request.url()}`);
        assert.ok(!request.url().includes('secret'));
      }
      // What is kept of a session names its server.
      const keys = await page.evaluate(async () => {
        const done = (request) => new Promise((resolve, reject) => { request.onsuccess = () => resolve(request.result); request.onerror = () => reject(request.error); });
        if (!(await indexedDB.databases()).some(({ name }) => name === 'opencode-session')) return [];
        const database = await done(indexedDB.open('opencode-session'));
        const found = await done(database.transaction('journal').objectStore('journal').getAllKeys());
        database.close();
        return found.map(String);
      });
      for (const key of keys) assert.ok(clients.some(({ baseUrl }) => key.startsWith(`${baseUrl}\n`)), key);
    }));
  }
}, { versions: TESTED });
