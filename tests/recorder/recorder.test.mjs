// Recordings of the built package against the mock server: played again they give the same states, and hold no secret.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import { startMock } from '../support/mock.mjs';
import { waitFor } from '../support/wait.mjs';

const dist = new URL('../../dist/', import.meta.url);
const { createClient } = await import(new URL('node.js', dist).href);
const { readRecording, replay } = await import(new URL('recorder-node.js', dist).href);

const TEXT = ['Once ', 'upon a ', 'time, «na\u00efve» 你好 ', '😀 ', 'the "end"\n\tof it.'];
/** @type {import('../support/mock.mjs').Mock} */
let mock;
const open = new Set();

before(async () => {
  mock = await startMock({ directory: '/home/ann/plans' });
});
after(() => mock.close());
afterEach(() => {
  for (const client of open) client.close();
  open.clear();
});

/** A client that is recorded. */
async function recorded(options = {}) {
  const client = await createClient({ baseUrl: mock.url, record: true, retry: { min: 20, max: 40 }, ...options });
  open.add(client);
  return client;
}

/** The mock answers each prompt with these pieces. @param {string[]} pieces */
function answers(pieces, every = 5) {
  return mock.on('POST', '/session/:id/prompt_async', async ({ params, next }) => {
    await next();
    void mock.answer(params.id, pieces, { every, think: ['let me see'] });
  });
}

/** One turn with a stream that is dropped in the middle of the answer. */
async function turn(client, text = 'Tell me') {
  const off = answers(TEXT, 15);
  const session = await client.createSession({ title: 'A story' });
  const sent = session.send(text);
  await waitFor(() => session.state.messages.at(-1)?.parts.some((part) => part.type === 'text' && part.text?.startsWith('Once')), { message: 'the beginning' });
  mock.dropStreams();
  await sent.done;
  await session.settled();
  off();
  return session;
}

const plain = (state) => JSON.parse(JSON.stringify(state));
/** The lines of a file. @param {Blob} file */
const linesOf = async (file) => (await file.text()).trim().split('\n').map((line) => JSON.parse(line));
const fileOf = (lines) => `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;

describe('a recording', () => {
  test('gives the same states again, each time, over a break of the stream', async () => {
    const client = await recorded();
    const session = await turn(client);
    const shown = plain(session.state);
    const file = await (await client.record()).file();
    for (let run = 0; run < 2; run += 1) {
      const { sessions, diverged, entries, total, build } = await replay(file);
      assert.equal(diverged, undefined);
      assert.equal(entries, total);
      assert.equal(build.recorded, build.here);
      assert.deepEqual(plain(sessions[session.id]), shown);
    }
  });

  test('goes the same way with a live list, whose sessions it does not hold', async () => {
    const client = await recorded();
    const list = await client.sessions.live();
    await list.ready;
    const { id } = mock.store.createSession({ title: 'Quiet-elsewhere' });
    await waitFor(() => list.state.sessions.some((session) => session.id === id), { message: 'the session from elsewhere' });
    const recording = await client.record();
    const masked = await recording.file({ text: 'mask' });
    assert.ok(!(await masked.text()).includes('Quiet-elsewhere'));
    for (const file of [await recording.file(), masked]) assert.equal((await replay(file)).diverged, undefined);
    list.close();
  });

  test('gives every state that the page had, in order', async () => {
    const client = await recorded();
    const off = answers(TEXT, 10);
    const session = await client.createSession();
    const seen = [];
    session.subscribe(() => seen.push(plain(session.state)));
    await session.send('Tell me').done;
    await session.settled();
    off();
    const told = [];
    await replay(await (await client.record()).file(), { onState: (state, entry, id) => {
      assert.equal(id, session.id);
      assert.ok(entry > 0);
      told.push(JSON.stringify(state));
    } });
    let at = 0;
    for (const state of seen) {
      at = told.indexOf(JSON.stringify(state), at);
      assert.ok(at >= 0, 'a state that was shown is among those of the replay');
    }
  });

  test('can be played up to an entry', async () => {
    const client = await recorded();
    const session = await turn(client);
    const file = await (await client.record()).file();
    const half = await replay(file, { until: 40 });
    assert.ok(half.entries >= 40 && half.entries < half.total);
    const first = await replay(file, { until: 0 });
    assert.deepEqual([first.entries, first.sessions], [0, {}]);
    assert.notDeepEqual(plain(half.sessions[session.id]), plain((await replay(file)).sessions[session.id]));
  });

  test('of two sessions, commands, refusals and a closed client is whole', async () => {
    const client = await recorded({ directory: '/home/ann/plans' });
    const session = await turn(client);
    const other = client.openSession((await client.sessions.create({ title: 'Other' })).id);
    await other.ready;
    await assert.rejects(other.send('x', { model: 'mock/none' }).stored, { code: 'unknown_model' });
    await assert.rejects(client.openSession('ses_none').ready, { code: 'session_not_found' });
    await client.sessions.rename(session.id, 'Renamed');
    await waitFor(() => session.state.session?.title === 'Renamed', { message: 'the new title' });
    await session.loadOlder();
    session.reconnect();
    await waitFor(() => session.state.connection.phase === 'live', { message: 'live again' });
    other.close();
    const shown = plain(session.state);
    const recording = await client.record();
    client.close();
    assert.equal(recording.ended, 'closed');
    for (const text of ['keep', 'mask']) {
      const { sessions, diverged, ended } = await replay(await recording.file({ text }));
      assert.equal(diverged, undefined, text);
      assert.equal(ended, 'closed');
      const again = plain(sessions[session.id]);
      if (text === 'keep') assert.deepEqual(again.messages, shown.messages);
      else assert.deepEqual(again.messages.map(({ key }) => key), shown.messages.map(({ key }) => key));
    }
  });

  test('holds what an earlier page left in the journal', async () => {
    mock.store.createSession({ title: 'Kept' });
    const id = [...mock.store.sessions.keys()].at(-1);
    const refuse = mock.on('GET', '/session/:id/message', ({ drop }) => drop());
    const first = await recorded({ record: false });
    const sent = first.openSession(id).send('from an earlier page');
    sent.stored.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 400));
    refuse();
    const client = await recorded();
    const session = client.openSession(id);
    await session.ready;
    first.close();
    const file = await (await client.record()).file({ text: 'mask' });
    assert.ok(!(await file.text()).includes('earlier page'));
    assert.equal((await replay(file)).diverged, undefined);
  });

  test('begins with the client, or not at all', async () => {
    const client = await recorded({ record: false });
    await assert.rejects(client.record(), { name: 'SessionError', code: 'not_recording', hint: /record: true/ });
    await assert.rejects(recorded({ record: 'yes' }), { code: 'bad_option' });
    await assert.rejects(recorded({ record: { limit: 0 } }), { code: 'bad_option' });
  });

  test('that is full says so, and keeps its beginning', async () => {
    const logs = [];
    const client = await recorded({ record: { limit: 12_000 }, onLog: (entry) => logs.push(entry) });
    const session = await turn(client);
    await session.send('again').stored;
    const recording = await client.record();
    assert.equal(recording.ended, 'limit');
    assert.ok(recording.bytes < 12_000 + 4_000, `${recording.bytes}`);
    assert.equal(logs.filter(({ code }) => code === 'recording_full').length, 1);
    const { ended, diverged, sessions } = await replay(await recording.file());
    assert.deepEqual([ended, diverged], ['limit', undefined]);
    assert.ok(sessions[session.id]);
    assert.equal(session.state.messages.length, 3, 'the session goes on');
  });

  test('can be stopped', async () => {
    const client = await recorded();
    const session = await turn(client);
    const recording = await client.record();
    const before = recording.entries;
    recording.stop();
    await session.send('more').stored;
    assert.equal(recording.entries, before + 1);
    assert.deepEqual(recording, await client.record());
    assert.equal((await replay(await recording.file())).ended, 'stopped');
    await assert.rejects(recording.file({ text: 'some' }), { code: 'bad_option' });
  });
});

describe('secrets', () => {
  const SECRETS = ['hunter2-server', 'sk-live-provider', 'hdr-secret-value', 'mcp-env-secret', 'tok-en-in-tool', 'agent prompt of ours', 'query-token-9', 'c3ludGg='];

  test('never stand in the file', async () => {
    const own = await startMock({ directory: '/home/ann/plans', password: 'hunter2-server' });
    const offs = [
      own.on('GET', '/config/providers', async () => ({
        providers: [{ id: 'mock', name: 'Mock', key: 'sk-live-provider', env: ['MOCK_KEY'], options: { apiKey: 'sk-live-provider', baseURL: 'https://u:sk-live-provider@example.test', headers: { 'x-own': 'hdr-secret-value' } }, models: { words: { id: 'words', name: 'Words' } } }],
        default: { mock: 'words' },
      })),
      own.on('GET', '/agent', () => [{ name: 'build', mode: 'primary', prompt: 'agent prompt of ours' }]),
      own.on('GET', '/config', () => ({ mcp: { db: { environment: { PASS: 'mcp-env-secret' } } } })),
    ];
    try {
      const client = await createClient({ baseUrl: own.url, record: true, auth: { type: 'basic', password: 'hunter2-server' } });
      open.add(client);
      const session = await client.createSession({ title: 'quiet' });
      await session.ready;
      assert.equal((await client.providers()).providers[0].key, 'sk-live-provider');
      await client.agents();
      await session.send('hi', { model: 'mock/words' }).stored;
      const message = own.store.assistant(session.id);
      own.store.putPart(message, { type: 'tool', tool: 'http', callID: 'call_1', state: { status: 'running', input: { url: '/x', token: 'tok-en-in-tool', headers: ['tok-en-in-tool'] }, time: { start: 1 } } });
      await waitFor(() => session.state.messages.at(-1)?.parts[0]?.type === 'tool', { message: 'the tool' });
      await client.sessions.list({ search: 'query-token-9' });
      for (const text of ['keep', 'mask']) {
        const file = await (await client.record()).file({ text });
        const all = await file.text();
        for (const secret of SECRETS) {
          // What was searched for is text.
          if (secret !== 'query-token-9' || text === 'mask') assert.ok(!all.includes(secret), `${secret} stands in the file (${text})`);
        }
        assert.equal((await replay(file)).diverged, undefined, text);
      }
    } finally {
      for (const off of offs) off();
      for (const client of open) client.close();
      await own.close();
    }
  });

  test('nor, when texts are masked, anything that was said', async () => {
    const client = await recorded({ directory: '/home/ann/plans' });
    const session = await turn(client, 'My diary: Zanzibar 1984');
    mock.store.askPermission(session.id, { patterns: ['rm Zanzibar'], metadata: { command: 'rm Zanzibar', note: ['Zanzibar'] } });
    mock.emit({ type: 'todo.updated', properties: { sessionID: session.id, todos: [{ content: 'visit Zanzibar', status: 'pending', priority: 'low' }] } });
    await waitFor(() => session.state.permissions.length > 0 && session.state.todos.length > 0, { message: 'the question' });
    const shown = session.state;
    const file = await (await client.record()).file({ text: 'mask' });
    const all = await file.text();
    for (const word of ['Zanzibar', '1984', 'upon', 'story', 'naïve', 'na\\u00efve', '你好', 'ann', 'plans', 'let me see', 'diary']) {
      assert.ok(!all.includes(word), `"${word}" stands in the file`);
    }
    const { sessions, diverged } = await replay(file);
    assert.equal(diverged, undefined);
    const again = sessions[session.id];
    const texts = (state) => state.messages.flatMap(({ parts }) => parts).map(({ id, text, continuity }) => [id, text?.length, continuity]);
    assert.deepEqual(texts(again), texts(shown));
    assert.equal(again.todos[0].content, 'xxxxx xxxxxxxx');
    assert.equal(again.todos[0].status, 'pending');
    assert.deepEqual(again.permissions[0].patterns, ['xx xxxxxxxx']);
  });
});

describe('names', () => {
  test('that somebody gave are in no masked file: of models, agents, tools, fields, errors, commands and headers', async () => {
    const own = await startMock({ directory: '/home/zanzibar/plans', version: '1.18.33-zanzibar' });
    const client = await createClient({ baseUrl: own.url, record: true, directory: '/home/zanzibar/plans', retry: { min: 20, max: 40 } });
    open.add(client);
    const headers = { 'content-type': 'application/json; of=zanzibar', 'x-next-cursor': 'zanzibar', 'retry-after': 'zanzibar' };
    const offs = [
      own.on('GET', '/config/providers', () => ({ providers: [{ id: 'zanzibar', name: 'Zanzibar', models: { 'zanzibar-1': { id: 'zanzibar-1', name: 'Zanzibar 1', zanzibarField: 1 } } }], default: { zanzibar: 'zanzibar-1' } })),
      own.on('GET', '/agent', () => [{ name: 'zanzibar', mode: 'primary' }]),
      own.on('GET', '/command', () => [{ name: 'zanzibar', template: 'x' }]),
    ];
    try {
      const session = await client.createSession({ title: 'Zanzibar' });
      await session.ready;
      const { id } = session;
      own.store.user(id, { parts: [{ type: 'text', text: 'zanzibar' }], agent: 'zanzibar', model: { providerID: 'zanzibar', modelID: 'zanzibar-1' } });
      const message = own.store.assistant(id, undefined, { providerID: 'zanzibar', modelID: 'zanzibar-1', agent: 'zanzibar', mode: 'zanzibar', variant: 'zanzibar', zanzibarField: 'zanzibar' });
      own.store.putPart(message, { type: 'tool', tool: 'zanzibar_search', callID: 'call_zanzibar', state: { status: 'running', input: { zanzibarField: 'zanzibar', list: [{ zanzibar: 1 }] }, metadata: { zanzibar: 1 }, time: { start: 1 } } });
      own.store.putPart(message, { type: 'zanzibar', zanzibar: 'zanzibar' });
      own.store.askPermission(id, { permission: 'zanzibar', patterns: ['zanzibar'], metadata: { zanzibar: 'zanzibar' } });
      own.store.complete(message, { name: 'ZanzibarError', data: { message: 'zanzibar', zanzibar: 1 } });
      own.emit({ type: 'zanzibar.happened', properties: { sessionID: id, zanzibar: 'zanzibar' } });
      await waitFor(() => session.state.permissions.length > 0 && session.state.messages.at(-1)?.info.error, { message: 'all of it' });
      await client.providers();
      await client.agents();
      await client.commands().catch(() => undefined);
      await assert.rejects(session.send('x', { model: 'zanzibar/none', agent: 'zanzibar', variant: 'zanzibar' }).stored.then(() => { throw new Error('taken'); }));
      offs.push(own.on('GET', '/session/:id/message', async ({ params, reply }) => reply(200, own.store.session(params.id).messages, headers)));
      session.reconnect();
      await waitFor(() => session.state.connection.phase === 'live', { message: 'live again' });
      await session.loadOlder().catch(() => undefined);
      const recording = await client.record();
      const all = await (await recording.file({ text: 'mask' })).text();
      const found = [...all.matchAll(/.{60}zanzibar.{40}/gis)].map(([near]) => near);
      assert.deepEqual(found, []);
      assert.match(await (await recording.file()).text(), /zanzibar/i);
      for (const text of ['keep', 'mask']) assert.equal((await replay(await recording.file({ text }))).diverged, undefined, text);
    } finally {
      for (const off of offs) off();
      client.close();
      await own.close();
    }
  });
});

describe('a replay', () => {
  /** @type {any[]} */
  let lines;
  let states;
  before(async () => {
    const client = await recorded();
    const session = await turn(client);
    states = { [session.id]: plain(session.state) };
    lines = await linesOf(await (await client.record()).file());
    client.close();
  });

  test('says where it goes another way', async () => {
    const at = lines.findIndex(({ out, a }) => out === 'request' && a[1] === 'POST' && a[2].includes('prompt_async'));
    const other = structuredClone(lines);
    other[at].a[2] = '/session/ses_other/prompt_async';
    const { diverged, sessions } = await replay(fileOf(other));
    assert.equal(diverged.entry, at);
    assert.match(diverged.expected, /ses_other/);
    assert.match(diverged.got, /request .*prompt_async/);
    assert.deepEqual(plain(sessions), states, 'and goes on all the same');
  });

  test('notices another seed, an answer that is missing, and one too many', async () => {
    const seed = structuredClone(lines);
    seed[0].seed += 0.1;
    assert.ok((await replay(fileOf(seed))).diverged);
    const without = lines.filter((_, at) => at !== lines.findIndex((each) => each.in === 'answered'));
    assert.ok((await replay(fileOf(without))).diverged);
    const more = structuredClone(lines);
    const call = more.findIndex((each) => each.in === 'streamBytes');
    more.splice(call + 1, 0, { out: 'request', a: [999, 'GET', '/x', null, 1], d: 1 });
    assert.match((await replay(fileOf(more))).diverged.expected, /999/);
  });

  test('of another version is told', async () => {
    const other = structuredClone(lines);
    other[0].build = '9.9.9+000000000000';
    const { build, diverged } = await replay(fileOf(other));
    assert.equal(build.recorded, '9.9.9+000000000000');
    assert.notEqual(build.here, build.recorded);
    assert.equal(diverged, undefined);
  });

  test('takes a file whose last line is cut off', async () => {
    const text = fileOf(lines).slice(0, -30);
    const { cut, entries } = await readRecording(text);
    assert.equal(cut, true);
    assert.equal(entries.length, lines.length - 2);
    assert.equal((await replay(text)).diverged, undefined);
  });

  test('refuses what is no recording, and says why', async () => {
    const header = lines[0];
    const cases = [
      ['', /no recording/],
      ['hello\nworld', /no recording/],
      ['{"a":1}', /no recording/],
      [fileOf([{ ...header, format: 'opencode-session-recording/2' }]), /another form/],
      [fileOf([{ ...header, seed: 'x' }]), /first line/],
      [fileOf([header, { t: 1, in: 'free', a: [] }]), /Line 2/],
      [fileOf([header, { t: 1, in: 'constructor', a: [] }]), /Line 2/],
      [fileOf([header, { t: 1, in: 'open', a: ['ses_1', 'x', true] }]), /Line 2/],
      [fileOf([header, { t: 1, in: 'open', a: ['ses_1', 1] }]), /Line 2/],
      [fileOf([header, { out: 'alert', a: [], d: 1 }]), /Line 2/],
      [fileOf([header, { t: null, end: 'limit' }]), /Line 2/],
      [fileOf([header, [1, 2]]), /Line 2/],
      [new Uint8Array([0, 255, 254, 13, 10]), /no recording/],
    ];
    for (const [file, said] of cases) {
      for (const job of [readRecording, replay]) await assert.rejects(job(file), { name: 'SessionError', code: 'bad_recording', message: said });
    }
    await assert.rejects(replay(fileOf(lines), { until: -1 }), { code: 'bad_option' });
  });

  test('reads no more than a client ever writes', async () => {
    const header = lines[0];
    const opening = (count, close) => Array.from({ length: count }, (_, at) => [
      { t: 1, in: 'open', a: [`ses_${at}`, 1, false], r: at }, ...(close ? [{ t: 1, in: 'closeSession', a: [at] }] : []),
    ]).flat();
    const repeated = (line, count) => `${JSON.stringify(header)}\n${`${JSON.stringify(line)}\n`.repeat(count)}`;
    for (const [file, said] of [
      [fileOf([header, ...opening(1_001, false)]), /more than 1000 sessions at the same time/],
      [fileOf([header, ...opening(10_001, true)]), /more than 10000 sessions/],
      [repeated({ t: 1, end: 'stopped' }, 1_000_001), /more than 1000000 entries/],
      [new Blob([JSON.stringify(header), '\n', ...Array.from({ length: 257 }, () => new Uint8Array(1024 * 1024))]), /larger than 256 MiB/],
      // Closes of what is not open, twice, or under another name make no room.
      [fileOf([header, ...Array.from({ length: 1_001 }, () => ({ t: 1, in: 'closeSession', a: [77_777] })), ...opening(1_001, false)]), /more than 1000 sessions at the same time/],
      [fileOf([header, ...opening(1_001, false).flatMap((entry) => [entry, { t: 1, in: 'closeSession', a: [entry.r + 10_000] }])]), /more than 1000 sessions at the same time/],
      [fileOf([header, ...opening(1_001, false).map(({ r, ...entry }) => entry).flatMap((entry) => [entry, { t: 1, in: 'closeSession', a: [0] }])]), /more than 1000 sessions at the same time/],
      [fileOf([header, ...opening(1_001, false).map((entry) => ({ ...entry, r: 0 }))]), /more than 1000 sessions at the same time/],
      // As a program may make it.
      [{ header, entries: opening(1_001, false), cut: false }, /more than 1000 sessions/],
    ]) {
      for (const job of [readRecording, replay]) await assert.rejects(job(file), { name: 'SessionError', code: 'bad_recording', message: said, hint: /record.limit/ });
    }
    // Reading looks at each entry once, and opens nothing: so many are taken.
    assert.equal((await readRecording(fileOf([header, ...opening(1_000, false)]))).entries.length, 1_000);
    assert.equal((await readRecording(fileOf([header, ...opening(10_000, true)]))).entries.length, 20_000);
  });

  test('of entries in any order does not break', async () => {
    let seed = 7;
    const random = (below) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    for (let round = 0; round < 60; round += 1) {
      const mixed = structuredClone(lines);
      for (let swaps = 0; swaps < 20; swaps += 1) {
        const [from, to] = [1 + random(mixed.length - 1), 1 + random(mixed.length - 1)];
        mixed.splice(to, 0, ...mixed.splice(from, 1));
      }
      const { entries, trapped } = await replay(fileOf(mixed));
      assert.equal(entries, mixed.length - 1);
      assert.equal(trapped, undefined);
    }
  });

  test('needs no network and leaves nothing behind', async () => {
    const asked = mock.requests.length;
    const { fetch } = globalThis;
    globalThis.fetch = () => assert.fail('a replay asked the network');
    try {
      await replay(fileOf(lines));
    } finally {
      globalThis.fetch = fetch;
    }
    assert.equal(mock.requests.length, asked);
  });
});

test('every call of the core is in the table of calls', async () => {
  const { inner } = await import('./inner.mjs');
  const { CALLS, TIMELESS } = await inner('format.ts');
  const glue = readFileSync(new URL('../../src/js/core/core.d.ts', import.meta.url), 'utf8');
  const body = /export class Core \{([\s\S]*?)\n\}/.exec(glue)[1];
  const kinds = { number: 'n', string: 's', boolean: 'f', 'Uint8Array | number[]': 'b', 'Uint8Array | number[] | null | undefined': 'o', any: '' };
  const found = {};
  for (const [, name, list] of body.matchAll(/^ {4}(\w+)\((.*?)\):/gm)) {
    if (name === 'free') continue;
    const args = list === '' ? [] : list.split(', ').map((arg) => kinds[arg.split(': ')[1]]);
    assert.ok(!args.includes(undefined), `${name}: ${list}`);
    found[name] = (TIMELESS.has(name) ? args : args.slice(1)).join('');
  }
  assert.deepEqual(found, { ...CALLS });
});
