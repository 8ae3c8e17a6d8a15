// A server, a stream and a slow network for the rules of live lists, from one seed. What a list shows is compared with what the
// server has whenever everything was told.
import assert from 'node:assert/strict';

const HERE = '/project';
const WORDS = ['alpha', 'Beta', 'GAMMA', 'Äpfel', 'ÄRGER', '100% _x'];
const TEXTS = ['', '', 'a', 'be', 'alpha', 'ä', 'äRg', 'rger', '%', '_', 'nothing'];

/** @param {number} seed */
function dice(seed) {
  let state = seed * 2654435761 + 1;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (count) => Math.floor(next() * count);
  return { below, chance: (share) => next() < share, pick: (list) => list[below(list.length)] };
}

/** SQLite's LIKE with the text in the middle; servers before 1.2 know all letters and no wildcards. */
function found(title, text, isOld) {
  if (isOld) return title.toLowerCase().includes(text.toLowerCase());
  const ascii = (letters) => letters.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const pattern = ascii(text).replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('%', '.*').replaceAll('_', '.');
  return new RegExp(pattern, 's').test(ascii(title));
}

/** Plays `steps` steps on a roll; throws where it shows what is not so. */
export function play(Roll, seed, steps = 120) {
  const { below, chance, pick } = dice(seed);
  const isOld = seed % 3 === 0;
  const roots = chance(0.8);
  const page = 1 + below(6);
  const server = { sessions: new Map(), statuses: new Map(), requests: new Map(), time: 1_000, made: 0 };
  const roll = new Roll(page, roots, pick(TEXTS));
  /** Events under way, in order; an outstanding question; whether the stream is there. */
  let stream = [];
  let question;
  let isConnected = false;
  let missed = true;
  const gone = new Set();
  let before = new Map();

  const tick = () => { server.time += below(3); return server.time; };
  const publish = (...event) => { if (isConnected) stream.push(event); };
  const say = (info) => publish('told', structuredClone(info));
  const ids = () => [...server.sessions.keys()];

  const acts = {
    create() {
      const created = tick();
      const parent = chance(0.25) && ids().length > 0 ? pick(ids()) : undefined;
      const id = `ses_${String(9_999 - server.made++).padStart(4, '0')}`;
      const info = {
        id, title: `${pick(WORDS)} ${pick(WORDS)}`, directory: chance(0.15) ? '/other' : HERE, version: isOld ? '1.1.65' : '1.18.33',
        time: { created, updated: created }, ...(parent && { parentID: parent, directory: server.sessions.get(parent).directory }),
      };
      server.sessions.set(id, info);
      say(info);
    },
    rename() {
      const info = server.sessions.get(pick(ids()));
      if (!info) return;
      info.title = `${pick(WORDS)} ${pick(WORDS)}`;
      if (chance(0.5)) info.time.updated = tick();
      say(info);
    },
    touch() {
      const info = server.sessions.get(pick(ids()));
      if (!info) return;
      info.time.updated = tick();
      say(info);
    },
    archive() {
      const info = server.sessions.get(pick(ids()));
      if (!info) return;
      info.time.archived = info.time.archived ? 0 : tick();
      say(info);
    },
    remove() {
      const id = pick(ids());
      if (id === undefined) return;
      const below = [id, ...ids().filter((each) => server.sessions.get(each).parentID === id)];
      for (const each of below) {
        const info = server.sessions.get(each);
        if (isOld) say(info);
        server.sessions.delete(each);
        publish('gone', each);
        for (const [request, session] of server.requests) if (session === each) server.requests.delete(request);
        // A turn that was under way goes on for a moment.
        if (chance(0.3)) say({ ...info, time: { ...info.time, updated: tick() } });
        if (chance(0.3)) publish('status', each, { type: 'busy' });
      }
    },
    status() {
      const id = pick(ids());
      if (id === undefined) return;
      const status = pick([{ type: 'idle' }, { type: 'busy' }, { type: 'retry', attempt: below(3), message: 'x', next: 5 }]);
      if (status.type === 'idle') server.statuses.delete(id);
      else server.statuses.set(id, status);
      publish('status', id, structuredClone(status));
    },
    ask() {
      const session = pick([...server.statuses.keys()].filter((id) => server.sessions.has(id)));
      if (session === undefined) return;
      const id = `req_${server.made++}`;
      server.requests.set(id, session);
      publish('asked', session, id);
    },
    reply() {
      const id = pick([...server.requests.keys()]);
      if (id === undefined) return;
      server.requests.delete(id);
      publish('answered', id);
    },
    /** The question reaches the server; its answer is under way. */
    serve() {
      if (!question || question.answer) return;
      const { limit, search, roots: only } = question;
      const all = [...server.sessions.values()].filter((info) => info.directory === HERE && !(only && info.parentID) && (search === '' || found(info.title, search, isOld)));
      const by = isOld ? (info) => info.time.created : (info) => info.time.updated;
      all.sort((a, b) => by(b) - by(a) || (a.id < b.id ? 1 : -1));
      const sessions = structuredClone(all.slice(0, limit + 1));
      const requests = [...server.requests].map(([id, sessionID]) => ({ id, sessionID }));
      question.answer = { sessions, statuses: structuredClone(Object.fromEntries(server.statuses)), requests };
    },
    arrive() {
      if (!question?.answer) return;
      const asked = question;
      question = undefined;
      missed = false;
      if (roll.answer(asked, asked.answer)) question = roll.ask();
    },
    hear() {
      const event = stream.shift();
      if (!event) return;
      const [what, ...rest] = event;
      if (what === 'gone') gone.add(rest[0]);
      roll[what](...rest);
    },
    cut() {
      isConnected = false;
      stream = [];
      question = undefined;
    },
    connect() {
      if (isConnected) return;
      isConnected = true;
      missed = true;
      roll.directory = HERE;
      question = roll.ask();
    },
    again() {
      if (isConnected) question = roll.ask();
    },
    search() {
      if (roll.search(pick(TEXTS)) && isConnected) question = roll.ask();
    },
    more() {
      if (roll.more(1 + below(page)) && isConnected) question = roll.ask();
    },
    /** Places of sessions that nobody has told. */
    look() {
      for (const id of roll.strays()) roll.learn(server.sessions.get(id) ?? { id });
    },
  };
  acts.refill = () => {
    if (!missed && !question && isConnected && roll.refill()) question = roll.ask();
  };
  const weights = { create: 6, rename: 5, touch: 6, archive: 2, remove: 3, status: 5, ask: 3, reply: 2, serve: 10, arrive: 8, hear: 25, cut: 1, connect: 4, again: 1, search: 2, more: 2, look: 2, refill: 2 };
  const bag = Object.entries(weights).flatMap(([name, weight]) => Array(weight).fill(name));

  const expected = () => {
    const isThere = ({ directory, parentID, time, title }) => directory === HERE && !(roots && parentID) && !time.archived && title.toLowerCase().includes(roll.text.toLowerCase());
    return [...server.sessions.values()].filter(isThere).sort((a, b) => b.time.updated - a.time.updated || b.time.created - a.time.created || (a.id < b.id ? -1 : 1));
  };
  const waiting = (id) => [...server.requests.values()].filter((session) => {
    if (!server.statuses.has(session)) return false;
    for (let at = session; at !== undefined; at = server.sessions.get(at)?.parentID) if (at === id) return server.sessions.has(session);
    return false;
  }).length;

  const check = (step) => {
    const { sessions, hasMore } = roll.read();
    assert.equal(roll.read().sessions, sessions, 'a new list without a change');
    const plain = sessions.map(({ status, requests, ...info }) => info);
    for (const [at, info] of plain.entries()) {
      assert.ok(!gone.has(info.id), `${step}: ${info.id} came back`);
      assert.ok(at === 0 || plain[at - 1].time.updated >= info.time.updated, `${step}: out of order`);
      const old = before.get(info.id);
      if (old && JSON.stringify(old) === JSON.stringify(sessions[at])) assert.equal(old, sessions[at], `${step}: a new identity without a change`);
    }
    before = new Map(sessions.map((each) => [each.id, each]));
    if (missed || question || stream.length > 0 || !isConnected || roll.strays().length > 0) return false;
    const all = expected();
    // Which of those that changed in the last shown millisecond are on the page is the server's choice.
    const last = plain.at(-1)?.time.updated ?? Number.POSITIVE_INFINITY;
    const sure = (list) => list.filter(({ time }) => time.updated > last);
    assert.deepEqual(sure(plain), sure(all), `${step}: the list`);
    for (const info of plain) assert.deepEqual(info, all.find(({ id }) => id === info.id), `${step}: the end of the list`);
    assert.ok(hasMore || plain.length === all.length, `${step}: there is more than it says`);
    for (const { id, status, requests } of sessions) {
      assert.deepEqual(status, server.statuses.get(id) ?? { type: 'idle' }, `${step}: the status of ${id}`);
      assert.equal(requests, waiting(id), `${step}: what ${id} asks`);
    }
    return true;
  };

  for (let step = 0; step < steps; step += 1) {
    const name = pick(bag);
    acts[name]();
    check(`${step} ${name}`);
  }
  // Everything is told.
  acts.connect();
  for (let round = 0; round < 60 && (round < 5 || question || stream.length > 0 || roll.strays().length > 0); round += 1) {
    acts.serve();
    acts.arrive();
    // What the next event takes back was shown all the same.
    check('an answer');
    while (stream.length > 0) {
      acts.hear();
      check('telling');
    }
    acts.look();
    acts.refill();
  }
  assert.ok(check('the end'), 'it never comes to rest');
  const { sessions, hasMore } = roll.read();
  assert.ok(sessions.length >= Math.min(page, expected().length), `the end: ${sessions.length} are shown of ${expected().length}`);
  // All of it, page by page.
  for (let round = 0; round < 200 && roll.read().hasMore; round += 1) {
    if (roll.more(page)) question = roll.ask();
    while (question) {
      acts.serve();
      acts.arrive();
    }
  }
  assert.equal(roll.read().sessions.length, expected().length, `paging leaves some out (hasMore was ${hasMore})`);
  check('the last page');
}
