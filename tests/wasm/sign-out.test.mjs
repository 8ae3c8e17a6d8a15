// Outside of browsers: who signs out ends the clients of the same person in this script, and what is kept in memory; what is kept has a bound.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from '../../dist/node.js';
import { Mock } from '../support/mock.mjs';
import { waitFor } from '../support/wait.mjs';

const as = (token) => createClient({ baseUrl: mock.url, auth: { type: 'bearer', token }, retry: { min: 50, max: 300 } });
const textOf = ({ state }) => state.messages.flatMap(({ parts }) => parts).map(({ text = '' }) => text).join('');
let mock;
before(async () => {
  mock = await new Mock().start();
});
after(() => mock.close());

test('signOut ends the clients of the same person, and no others', async () => {
  const { id } = mock.store.createSession();
  let up = false;
  mock.on('POST', '/session/:id/prompt_async', ({ drop, next }) => (up ? next() : drop()));
  const [one, two, other] = await Promise.all([as('first'), as('first'), as('second')]);
  const chats = [one, two, other].map((client) => client.openSession(id));
  await Promise.all(chats.map(({ ready }) => ready));
  const part = mock.store.begin(mock.store.assistant(id));
  mock.store.delta(part, 'PRIVATE words');
  await waitFor(() => chats.every((chat) => textOf(chat) === 'PRIVATE words'), { message: 'the words' });
  let shown;
  chats[0].subscribe(() => { shown = chats[0].state; });
  const sent = chats[0].send('PRIVATE prompt', { noReply: true });
  const fates = [sent.stored, sent.done, one.health().then(() => one.signOut()).then(() => one.health())].map((each) => each.catch(({ code }) => code));
  assert.deepEqual(await Promise.all(fates), ['signed_out', 'signed_out', 'signed_out']);
  await waitFor(() => chats[1].state.connection.error?.code === 'signed_out', { message: 'the end of the second client' });
  await waitFor(() => shown.connection.error?.code === 'signed_out', { message: 'the listener to be told' });
  assert.deepEqual(shown.messages, []);
  for (const chat of chats.slice(0, 2)) {
    assert.deepEqual(chat.state.messages, []);
    assert.equal(chat.state.connection.phase, 'closed');
  }
  assert.equal(textOf(chats[2]), 'PRIVATE words');
  assert.equal((await other.health()).healthy, true);
  up = true;
  const again = await as('first');
  const chat = again.openSession(id);
  await chat.ready;
  await chat.send('another', { noReply: true }).stored;
  const texts = mock.store.page(id).items.filter(({ info }) => info.role === 'user').map(({ parts }) => parts[0].text);
  assert.deepEqual(texts, ['another']);
  // Again, after the end: nothing is wrong with that.
  await one.signOut();
  one.close();
  for (const client of [again, other]) client.close();
});

test('readers of changes() and of lists are told, and hold nothing', async () => {
  const { id } = mock.store.createSession();
  const client = await as('third');
  const list = await client.sessions.live();
  await list.ready;
  const chat = client.openSession(id);
  await chat.ready;
  const steps = chat.changes()[Symbol.asyncIterator]();
  await steps.next();
  let told = 0;
  list.subscribe(() => { told += 1; });
  await client.signOut();
  let last;
  for (let step = await steps.next(); !step.done; step = await steps.next()) last = step.value;
  assert.equal(last.type, 'reset');
  assert.equal(last.state.connection.error.code, 'signed_out');
  assert.deepEqual([list.state.sessions, list.state.status, list.state.error?.code, told], [[], 'closed', 'signed_out', 1]);
  await assert.rejects(list.loadMore(), { code: 'signed_out' });
});

test('what is on its way when the person signs out is not sent any more', async () => {
  const { id } = mock.store.createSession();
  let posted = 0;
  mock.on('POST', '/session/:id/abort', ({ next }) => {
    posted += 1;
    return next();
  });
  let answer = () => undefined;
  const slow = new Promise((resolve) => { answer = resolve; });
  let asked = 0;
  const client = await createClient({
    baseUrl: mock.url,
    auth: async () => {
      asked += 1;
      if (posted < 0) await slow;
      return { type: 'bearer', token: 'fifth' };
    },
  });
  const chat = client.openSession(id);
  await chat.ready;
  posted = -1;
  const before = asked;
  const abort = chat.abort().catch(({ code }) => code);
  await waitFor(() => asked > before, { message: 'the question for credentials' });
  const out = client.signOut();
  answer();
  await out;
  assert.equal(await abort, 'signed_out');
  assert.equal((await fetch(`${mock.url}/global/health`)).status, 200);
  assert.equal(posted, -1, 'it was posted');
});

test('records in memory have a bound: the oldest go', async () => {
  const long = 'x'.repeat(900_000);
  const written = [];
  for (let at = 0; at < 20; at += 1) {
    const { id } = mock.store.createSession();
    const client = await as('fourth');
    const chat = client.openSession(id);
    await chat.ready;
    const part = mock.store.begin(mock.store.assistant(id));
    mock.store.delta(part, long);
    await waitFor(() => textOf(chat).length === long.length, { message: 'the text' });
    client.close();
    written.push(id);
  }
  const client = await as('fourth');
  const lengths = [];
  for (const id of [written[0], written.at(-1)]) {
    const chat = client.openSession(id);
    await chat.ready;
    lengths.push(textOf(chat).length);
  }
  assert.deepEqual(lengths, [0, long.length]);
  client.close();
});

test('where there are no cookies, clients of several persons live side by side', async () => {
  const { id } = mock.store.createSession();
  const said = [];
  const ear = new BroadcastChannel(`opencode-session ${mock.url}`);
  ear.onmessage = ({ data }) => said.push(data.type);
  const clients = await Promise.all(['first', 'second', 'third'].map((identity) => createClient({ baseUrl: mock.url, identity })));
  // Read once it is known whose records they are.
  await Promise.all(clients.map((client) => client.openSession(id).ready));
  await clients[2].signOut();
  await waitFor(() => said.length > 0, { message: 'the word of the third' });
  ear.close();
  assert.deepEqual(said, ['signed-out']);
  for (const client of clients.slice(0, 2)) {
    assert.equal((await client.health()).healthy, true);
    client.close();
  }
});

for (const [how, auth] of Object.entries({
  'throws': () => { throw new Error('none'); },
  'rejects': () => Promise.reject(new Error('none')),
  'never answers': () => new Promise(() => undefined),
})) {
  test(`signOut fails where auth ${how}: whose data it is cannot be told`, async () => {
    const client = await createClient({ baseUrl: mock.url, auth, limits: { requestTimeout: 100 } });
    await assert.rejects(client.signOut(), { code: 'sign_out_failed' });
    await assert.rejects(client.health(), { code: 'signed_out' });
  });
}

test('signOut ends what is on its way to the server', async () => {
  const { id } = mock.store.createSession();
  let open = 0;
  const off = mock.on('POST', '/session/:id/prompt_async', ({ req, res }) => {
    open += 1;
    res.on('close', () => { open -= 1; });
    return new Promise(() => req.resume());
  });
  const client = await as('seventh');
  const chat = client.openSession(id);
  await chat.ready;
  const { stored } = chat.send('PRIVATE prompt', { noReply: true });
  await waitFor(() => open === 1, { message: 'the prompt to be on its way' });
  await Promise.all([client.signOut(), assert.rejects(stored, { code: 'signed_out' })]);
  // Long before the limit of a request.
  await waitFor(() => open === 0, { timeout: 10_000, message: 'the end of the request' });
  off();
});

test('createClient that fails leaves no channel', async () => {
  const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
  const before = ports();
  for (let at = 0; at < 20; at += 1) await assert.rejects(createClient({ baseUrl: mock.url, record: { limit: -1 } }), { code: 'bad_option' });
  await waitFor(() => ports() <= before, { message: () => `the end of ${ports() - before} channels` });
});

test('signOut of a client that was closed reaches the others', async () => {
  const [one, two] = await Promise.all([as('sixth'), as('sixth')]);
  one.close();
  await one.signOut();
  await waitFor(async () => (await two.health().catch(({ code }) => code)) === 'signed_out', { message: 'the end of the other' });
});
