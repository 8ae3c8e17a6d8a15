// What a chat needs of a server, one job each: a page does it with the built package, and the server's own history is the judge.
// A job that a server cannot do ends with the client's refusal, which `refused` turns into a cell of the table.
import assert from 'node:assert/strict';
import { assertPrefixes, assertSettled, history, numbered } from '../browser/checks.mjs';
import { ready } from '../browser/stage.mjs';
import { call } from '../support/events.mjs';
import { waitFor } from '../support/wait.mjs';

/**
 * @typedef {object} World
 * @property {import('playwright-core').Page} page
 * @property {import('../support/opencode.mjs').OpenCode} server
 * @property {import('../support/proxy.mjs').FaultProxy} proxy in front of the server
 * @property {Awaited<ReturnType<typeof import('../support/model.mjs').startModel>>} model
 *
 * @typedef {object} Feature
 * @property {string} name
 * @property {string} [since] the first version that can do it, where the server is what it depends on
 * @property {(world: World) => Promise<void>} run
 */

const PIXEL = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const TASK = JSON.stringify({ description: 'Look', prompt: 'words 3, tool bash: echo from-child', subagent_type: 'general' });
/** The slash command that the servers of this suite have. */
export const CONFIG = { command: { count: { template: 'words 3 then say: $ARGUMENTS', description: 'counts' } } };

const textOf = ({ parts }) => parts.map(({ text }) => text ?? '').join('');
const toolOf = (messages) => messages.flatMap(({ parts }) => parts).find(({ type }) => type === 'tool');

/** One turn in a page of its own, watched from its first word. @param {World} world @param {string} prompt */
async function turn({ page, server }, prompt) {
  const seen = await page.evaluate(async ([baseUrl, prompt]) => {
    const session = await drive.open({ baseUrl });
    const shown = drive.watch(session);
    await drive.turn(session, prompt);
    return { id: session.id, shown, text: drive.textOf(session.state), plain: drive.plain(session.state.messages) };
  }, [server.url, prompt]);
  const stored = await assertSettled(seen.plain, server, seen.id);
  assertPrefixes(seen.shown, stored);
  return { ...seen, stored };
}

/** Opens a session with two turns. @param {World} world @returns {Promise<{ id: string, messages: any[] }>} */
function twoTurns({ page, server }) {
  return page.evaluate(async (baseUrl) => {
    const session = await drive.open({ baseUrl });
    for (const prompt of ['words 2', 'words 4']) await drive.turn(session, prompt);
    return { id: session.id, messages: drive.plain(session.state.messages) };
  }, server.url);
}

const shown = (page) => page.evaluate(() => drive.plain(drive.session.state.messages));

/** An answer that is hurt in its middle. @param {World} world @param {string} baseUrl @param {() => Promise<unknown>} hurt */
async function hurtTurn({ page, server }, baseUrl, hurt) {
  await page.evaluate(async (baseUrl) => {
    const session = await drive.open({ baseUrl, retry: { min: 100, max: 1000 } });
    drive.shown = drive.watch(session);
    const sent = session.send('words 60 every 40');
    drive.over = sent.done.then(() => 'done', (error) => error.code);
    await drive.until(session, (state) => drive.textOf(state).includes('w5 '));
  }, baseUrl);
  await hurt();
  const seen = await page.evaluate(async () => {
    const { session } = drive;
    const how = await drive.soon(drive.over, 'done');
    await drive.settle(session);
    return { id: session.id, how, shown: drive.shown, text: drive.textOf(session.state), plain: drive.plain(session.state.messages) };
  });
  assertPrefixes(seen.shown, await assertSettled(seen.plain, server, seen.id));
  return seen;
}

/** A prompt whose answer does not come, in a session that is told nothing of it. @param {World} world @param {(proxy: World['proxy']) => void} hurt */
async function storedOnce({ page, server, proxy }, hurt) {
  const options = { baseUrl: proxy.url, retry: { min: 100, max: 1000 }, limits: { requestTimeout: 2_000 } };
  const id = await page.evaluate(async (options) => (await drive.open(options)).id, options);
  hurt(proxy);
  await page.evaluate(() => drive.turn(drive.session, 'words 4').then(() => undefined));
  const stored = await assertSettled(await shown(page), server, id);
  assert.deepEqual(stored.map(({ info }) => info.role), ['user', 'assistant']);
  assert.equal(stored[0].parts.length, 1);
}

/** @type {Feature[]} */
export const FEATURES = [
  {
    name: 'live text',
    async run(world) {
      const { text, shown } = await turn(world, 'words 40 every 100');
      assert.equal(text.trimEnd(), numbered(40));
      assert.ok(Object.values(shown).some((texts) => texts.length > 10), 'the answer was not shown step by step');
    },
  },
  {
    name: 'reasoning',
    async run(world) {
      const { stored } = await turn(world, 'think 10 words 5');
      assert.equal(stored.at(-1).parts.find(({ type }) => type === 'reasoning').text.trimEnd(), numbered(10, 't'));
    },
  },
  {
    name: 'choice of the model',
    async run({ page, server, model }) {
      const problem = await page.evaluate(async (baseUrl) => {
        const session = await drive.open({ baseUrl });
        await drive.soon(session.send('words 1', { model: 'scripted/other' }).done, 'done');
        return drive.problem(session.send('words 1', { model: 'scripted/othr' }).done);
      }, server.url);
      assert.equal(model.requests.findLast(({ title }) => !title)?.body.model, 'other');
      assert.equal(problem.code, 'unknown_model');
      assert.ok(problem.near.includes('scripted/other'));
    },
  },
  {
    name: 'images and files',
    async run({ page, server }) {
      const seen = await page.evaluate(async ([baseUrl, url]) => {
        const session = await drive.open({ baseUrl });
        const blob = new Blob(['a text'], { type: 'text/plain' });
        await drive.turn(session, { parts: [{ type: 'text', text: 'words 2' }, { type: 'file', mime: 'image/png', url, filename: 'dot.png' }, { type: 'file', file: new File([blob], 'a.txt', { type: 'text/plain' }) }] });
        return { id: session.id, plain: drive.plain(session.state.messages) };
      }, [server.url, PIXEL]);
      const [user] = await assertSettled(seen.plain, server, seen.id);
      const files = user.parts.filter(({ type }) => type === 'file');
      assert.deepEqual(files.map(({ filename }) => filename).sort(), ['a.txt', 'dot.png']);
      assert.equal(files.find(({ filename }) => filename === 'dot.png').url, PIXEL);
    },
  },
  {
    name: 'tools and permissions',
    async run({ page, server }) {
      const seen = await page.evaluate(async (baseUrl) => {
        const session = await drive.open({ baseUrl });
        const sent = session.send('words 3 then tool bash: echo hi-there then words 5');
        const request = await drive.until(session, ({ permissions }) => permissions[0]);
        await drive.soon(session.replyPermission(request.id, 'once'), 'the reply');
        await drive.soon(sent.done, 'done');
        const refused = session.send('tool bash: echo never');
        const second = await drive.until(session, ({ permissions }) => permissions[0]);
        await drive.soon(session.replyPermission(second.id, 'reject'), 'the refusal');
        await drive.soon(refused.done.catch(() => undefined), 'done');
        await drive.settle(session);
        return { id: session.id, left: session.state.permissions.length, plain: drive.plain(session.state.messages) };
      }, server.url);
      const stored = await assertSettled(seen.plain, server, seen.id);
      assert.match(toolOf(stored).state.output, /^hi-there/);
      assert.deepEqual(stored.flatMap(({ parts }) => parts).filter(({ type }) => type === 'tool').map(({ state }) => state.status), ['completed', 'error']);
      assert.equal(seen.left, 0);
    },
  },
  {
    name: 'questions',
    async run({ page, server }) {
      const seen = await page.evaluate(async (baseUrl) => {
        const session = await drive.open({ baseUrl });
        const sent = session.send('ask Tea or coffee?: Tea | Coffee');
        const request = await drive.until(session, ({ questions }) => questions[0]);
        await drive.soon(session.answerQuestion(request.id, [['Coffee']]), 'the answer');
        await drive.soon(sent.done, 'done');
        await drive.settle(session);
        return { id: session.id, left: session.state.questions.length, plain: drive.plain(session.state.messages) };
      }, server.url);
      assert.match(JSON.stringify(toolOf(await assertSettled(seen.plain, server, seen.id)).state), /Coffee/);
      assert.equal(seen.left, 0);
    },
  },
  {
    name: 'sub-agents',
    async run({ page, server }) {
      const seen = await page.evaluate(async ([baseUrl, prompt]) => {
        const session = await drive.open({ baseUrl });
        const sent = session.send(prompt);
        const request = await drive.until(session, ({ permissions }) => permissions[0]);
        const task = session.state.messages.flatMap(({ parts }) => parts).find((part) => part.tool === 'task');
        const child = session.child(task);
        await drive.soon(child.ready, 'the child');
        await drive.soon(session.replyPermission(request.id, 'once'), 'the reply');
        await drive.soon(sent.done, 'done');
        await drive.settle(child);
        return { child: child.id, asked: request.sessionID, inside: drive.plain(child.state.messages) };
      }, [server.url, `words 2 then tool task: ${TASK} then words 4`]);
      assert.equal(seen.asked, seen.child);
      assert.match(JSON.stringify(await assertSettled(seen.inside, server, seen.child)), /from-child\\n/);
    },
  },
  {
    name: 'abort',
    async run({ page, server }) {
      const seen = await page.evaluate(async (baseUrl) => {
        const session = await drive.open({ baseUrl });
        const shown = drive.watch(session);
        const sent = session.send('words 2000 every 20');
        await drive.until(session, (state) => drive.textOf(state).includes('w5 '));
        await drive.soon(session.abort(), 'abort');
        const how = await drive.soon(sent.done.then(() => 'resolved', (error) => error.code), 'done');
        await drive.settle(session);
        return { id: session.id, how, shown, plain: drive.plain(session.state.messages) };
      }, server.url);
      assert.equal(seen.how, 'aborted');
      // Servers 1.2 and 1.3 store nothing of the text of an answer that is stopped: what was read stays all the same.
      const loses = /^1\.[23]\./.test(server.version);
      if (loses) {
        const last = seen.plain.at(-1).parts.find((part) => part.type === 'text');
        assert.match(last.text, /^w1 w2 w3 w4 w5 /);
        last.text = '';
      }
      const stored = await assertSettled(seen.plain, server, seen.id);
      if (loses) assert.equal(textOf(stored.at(-1)), '');
      else assertPrefixes(seen.shown, stored);
    },
  },
  {
    name: 'cut in the middle of an answer',
    async run(world) {
      const { text, how } = await hurtTurn(world, world.proxy.url, async () => world.proxy.drop());
      assert.equal(how, 'done');
      assert.equal(text.trimEnd(), numbered(60));
    },
  },
  {
    name: 'reload in the middle of an answer',
    async run(world) {
      const { page, server } = world;
      const id = await page.evaluate(async (baseUrl) => {
        const session = await drive.open({ baseUrl });
        session.send('words 60 every 30');
        await drive.until(session, (state) => drive.textOf(state).includes('w5 '));
        return session.id;
      }, server.url);
      await page.reload();
      await ready(page);
      const seen = await page.evaluate(async ([baseUrl, id]) => {
        const session = await drive.open({ baseUrl }, id);
        const shown = drive.watch(session);
        await drive.settle(session);
        return { shown, text: drive.textOf(session.state), plain: drive.plain(session.state.messages) };
      }, [server.url, id]);
      assert.equal(seen.text.trimEnd(), numbered(60));
      assertPrefixes(seen.shown, await assertSettled(seen.plain, server, id));
    },
  },
  {
    name: 'prompt stored once, its answer too late',
    run: (world) => storedOnce(world, (proxy) => proxy.slow({ match: 'prompt', ms: 6_000, times: 1 })),
  },
  {
    name: 'prompt stored once, its connection reset',
    // Chromium posts again by itself when a connection that it used before is reset: only ids made here stand against that.
    since: '1.18.16',
    run: (world) => storedOnce(world, (proxy) => proxy.lose({ match: 'prompt', when: 'after', times: 1 })),
  },
  {
    name: 'server killed and started again',
    async run(world) {
      const { page, server, proxy } = world;
      const { id } = await turn(world, 'words 3');
      const before = await history(server, id);
      await page.evaluate(async ([baseUrl, id]) => drive.open({ baseUrl, retry: { min: 100, max: 1000 } }, id).then(() => undefined), [proxy.url, id]);
      await server.restart();
      await page.evaluate(() => drive.turn(drive.session, 'words 5').then(() => undefined));
      const stored = await assertSettled(await shown(page), server, id);
      assert.deepEqual(stored.slice(0, before.length), before);
      assert.equal(textOf(stored.at(-1)).trimEnd(), numbered(5));
    },
  },
  {
    name: 'older pages',
    async run({ page, server }) {
      const { id } = await call(server, 'POST', '/session', { title: 'Long' });
      for (let at = 1; at <= 30; at += 1) await call(server, 'POST', `/session/${id}/message`, { noReply: true, parts: [{ type: 'text', text: `note ${at}` }] });
      const seen = await page.evaluate(async ([baseUrl, id]) => {
        const session = await drive.open({ baseUrl }, id, { limit: 10 });
        const first = session.state.messages.length;
        while (session.state.hasOlder) await drive.soon(session.loadOlder(), 'older messages');
        return { first, plain: drive.plain(session.state.messages) };
      }, [server.url, id]);
      assert.equal(seen.first, 10);
      assert.equal((await assertSettled(seen.plain, server, id)).length, 30);
    },
  },
  {
    name: 'slash commands',
    async run({ page, server }) {
      const seen = await page.evaluate(async (baseUrl) => {
        const session = await drive.open({ baseUrl });
        const answer = await drive.soon(session.command('count', 'fine'), 'the answer');
        await drive.settle(session);
        return { id: session.id, answer, plain: drive.plain(session.state.messages) };
      }, server.url);
      assert.match(textOf(seen.answer), /fine/);
      await assertSettled(seen.plain, server, seen.id);
    },
  },
  {
    name: 'shell commands',
    async run({ page, server }) {
      const seen = await page.evaluate(async (baseUrl) => {
        const session = await drive.open({ baseUrl });
        await drive.soon(session.shell('echo shell-out'), 'the answer');
        await drive.settle(session);
        return { id: session.id, plain: drive.plain(session.state.messages) };
      }, server.url);
      assert.match(toolOf(await assertSettled(seen.plain, server, seen.id)).state.output, /shell-out/);
    },
  },
  {
    name: 'undo and redo',
    async run(world) {
      const { page, server } = world;
      const { id, messages } = await twoTurns(world);
      await page.evaluate((id) => drive.soon(drive.session.revert(id), 'the undo'), messages[2].info.id);
      assert.deepEqual(await shown(page), messages.slice(0, 2));
      await page.evaluate(() => drive.soon(drive.session.unrevert(), 'the redo'));
      await page.evaluate(() => drive.until(drive.session, (state) => state.messages.length === 4));
      await page.evaluate((id) => drive.soon(drive.session.revert(id), 'the undo'), messages[2].info.id);
      await page.evaluate(() => drive.turn(drive.session, 'words 5').then(() => undefined));
      const stored = await assertSettled(await shown(page), server, id);
      assert.deepEqual(stored.map((message) => textOf(message).trim()), ['words 2', numbered(2), 'words 5', numbered(5)]);
    },
  },
  {
    name: 'forks',
    async run(world) {
      const { page, server } = world;
      const { messages } = await twoTurns(world);
      const forks = await page.evaluate(async (id) => [await drive.session.fork(id), await drive.session.fork()], messages[2].info.id);
      assert.deepEqual(await Promise.all(forks.map(async ({ id }) => (await history(server, id)).length)), [2, 4]);
    },
  },
  {
    name: 'summaries',
    async run(world) {
      const { page, server } = world;
      const { id } = await twoTurns(world);
      await page.evaluate(() => drive.soon(drive.session.summarize(), 'the summary'));
      await page.evaluate(() => drive.settle(drive.session));
      assert.ok((await assertSettled(await shown(page), server, id)).some(({ info }) => info.summary === true));
    },
  },
  {
    name: 'to-dos and diffs',
    async run(world) {
      const { page } = world;
      const { messages } = await twoTurns(world);
      const todos = JSON.stringify({ todos: [{ id: '1', content: 'Test it', status: 'pending', priority: 'high' }] });
      const told = await page.evaluate(async ([id, todos]) => {
        await drive.turn(drive.session, `tool todowrite: ${todos}`);
        return { asked: await drive.session.todo(), live: drive.session.state.todos, diffs: [await drive.session.diff(), await drive.session.diff(id)] };
      }, [messages[0].info.id, todos]);
      assert.deepEqual(told.asked.map(({ content }) => content), ['Test it']);
      assert.deepEqual(told.live.map(({ content }) => content), ['Test it']);
      assert.deepEqual(told.diffs, [[], []]);
    },
  },
  {
    name: 'sharing that is turned off says so',
    async run({ page, server }) {
      const problem = await page.evaluate(async (baseUrl) => drive.problem((await drive.open({ baseUrl })).share()), server.url);
      assert.equal(problem.code, 'unsupported');
    },
  },
  {
    name: 'rename, archive, delete, children',
    async run({ page, server }) {
      const { id } = await call(server, 'POST', '/session', { title: 'Old' });
      const child = await call(server, 'POST', '/session', { parentID: id, title: 'child' });
      const told = await page.evaluate(async ([baseUrl, id]) => {
        const { sessions } = await drive.connect({ baseUrl });
        const { title } = await sessions.rename(id, 'New');
        const archived = (await sessions.archive(id)).time.archived;
        const children = (await sessions.children(id)).map(({ id }) => id);
        await sessions.remove(id);
        return { title, archived, children, gone: await drive.problem(sessions.get(id)), left: (await sessions.list()).map(({ id }) => id) };
      }, [server.url, id]);
      assert.equal(told.title, 'New');
      assert.ok(told.archived > 1e12);
      assert.deepEqual(told.children, [child.id]);
      assert.match(told.gone.code, /not_found/);
      assert.ok(!told.left.includes(id));
    },
  },
  {
    name: 'two sessions on one stream, from two pages',
    async run({ page, server }) {
      const seen = await page.evaluate(async (baseUrl) => {
        const session = await drive.open({ baseUrl });
        const other = (await drive.createClient({ baseUrl })).openSession(session.id);
        await drive.soon(other.ready, 'the other client');
        await drive.turn(session, 'words 10 every 10');
        await drive.until(other, (state) => drive.textOf(state).trimEnd().endsWith('w10'));
        await drive.settle(other);
        return { id: session.id, one: drive.plain(session.state.messages), two: drive.plain(other.state.messages) };
      }, server.url);
      await assertSettled(seen.one, server, seen.id);
      await assertSettled(seen.two, server, seen.id);
    },
  },
];

/** What a version is asked for. @param {string} version */
export const featuresOf = (version) => FEATURES.filter(({ since }) => since === undefined || since.localeCompare(version, 'en', { numeric: true }) <= 0);

/** Plays one feature in a page of its own. @param {Omit<World, 'page'> & { stage: any }} world @param {Feature} feature */
export async function play({ stage, ...world }, feature) {
  const opened = await stage.open({ connect: [world.server.url, world.proxy.url] });
  try {
    await feature.run({ ...world, page: opened.page });
  } finally {
    world.proxy.calm();
    await opened.close();
  }
}

/** What a server answers while it is still starting is no fact about the version. @param {import('../support/opencode.mjs').OpenCode} server */
export async function warm(server) {
  const { id } = await call(server, 'POST', '/session', { title: 'Warm' });
  await call(server, 'POST', `/session/${id}/message`, { parts: [{ type: 'text', text: 'words 1' }] });
  await waitFor(async () => (await history(server, id)).length === 2, { message: 'a first turn' });
}
