// A person who signs out leaves nothing, in no tab (P10); one whose cookies were replaced is shown and sends nothing more. With the built package.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ENGINES, launchEngine } from '../support/engines.mjs';
import { waitFor } from '../support/wait.mjs';
import { BOTH, has, KINDS, records, SESSION, startPeople, visit, WAYS } from './people.mjs';

/** Long before the minute for which a stream without readers is held. */
const SOONER = 30_000;
const PRIVATE = 'PRIVATE of first';

let people;
before(async () => {
  people = await startPeople();
});
after(() => people?.close());

/** All that a page and its browser have of the person. */
const left = async (tab) => ({
  records: await records(tab),
  ...(await tab.evaluate(async () => ({
    messages: chat.state.messages.length,
    session: chat.state.session,
    listed: list.state.sessions.length,
    codes: [chat.state.connection.error?.code, list.state.error?.code, globalThis.fate],
    storage: { ...sessionStorage, ...localStorage },
    // The keeper's worker has one for its life; it names nobody.
    locks: (await navigator.locks.query()).held.map(({ name }) => name).filter((name) => /^opencode-session ./.test(name) || /-[0-9a-f]{32}$/.test(name)),
    caches: await caches.keys(),
  }))),
});
const isCookie = (kind) => kind === 'cookie' || kind === BOTH;
const NOTHING = { records: '', messages: 0, session: undefined, listed: 0, storage: {}, locks: [], caches: [] };

for (const name of ENGINES) {
  describe(name, () => {
    let engine;
    before(async () => {
      engine = await launchEngine(name);
    });
    after(() => engine?.close());

    for (const kind of [...KINDS, BOTH]) {
      for (const way of kind === BOTH ? ['keeper'] : Object.keys(WAYS)) {
        test(`${kind}, ${way}: signed out in one tab, nothing is left in any`, async () => {
          people.reset();
          const profile = await engine.profile();
          try {
            const other = await visit(people, profile, kind, way, 'first');
            await has(other, 'stream of first');
            const tab = await visit(people, profile, kind, way, 'first', PRIVATE);
            await has(tab, 'stream of first');
            await waitFor(async () => (await records(tab)).includes(PRIVATE), { message: 'the record' });
            await tab.evaluate(() => client.signOut());
            // A lock may be the other tab's, which hears of it a moment later.
            await waitFor(async () => (await left(tab)).locks.length === 0, { message: 'the end of the leading tab' });
            assert.deepEqual(await left(tab), { ...NOTHING, codes: ['signed_out', 'signed_out', 'signed_out'] });
            await waitFor(async () => (await left(other)).codes[0] === 'signed_out', { message: 'the end in the other tab' });
            assert.deepEqual(await left(other), { ...NOTHING, codes: ['signed_out', 'signed_out', undefined] });
            await waitFor(() => people.open.length === 0, { timeout: SOONER, message: 'the end of the streams' });
            const code = await tab.evaluate(() => client.health().catch((error) => error.code));
            assert.equal(code, 'signed_out');

            people.taken.add('second').add('first');
            const next = await visit(people, profile, kind, way, 'second', 'words of second');
            await has(next, 'stream of second');
            await waitFor(() => people.posts.length === 1, { message: 'the post of the second person' });
            const seen = await next.evaluate(() => globalThis.seen());
            assert.deepEqual(seen.filter((text) => /first/.test(text)), []);
            await next.evaluate(() => client.signOut());
            const again = await visit(people, profile, kind, way, 'first', 'words of first');
            await waitFor(() => people.posts.length === 2, { message: 'the new post of the first person' });
            assert.ok(!(await again.evaluate(() => globalThis.seen())).includes(PRIVATE));
            assert.deepEqual(people.posts, [{ who: 'second', text: 'words of second' }, { who: 'first', text: 'words of first' }]);
          } finally {
            await profile.close();
          }
        });

        test(`${kind}, ${way}: an old tab that stays open`, async () => {
          people.reset();
          const profile = await engine.profile();
          try {
            const old = await visit(people, profile, kind, way, 'first', PRIVATE);
            await has(old, 'stream of first');
            await waitFor(async () => (await records(old)).includes(PRIVATE), { message: 'the record' });
            const next = await visit(people, profile, kind, way, 'second');
            await has(next, 'stream of second');
            if (isCookie(kind)) await waitFor(() => old.evaluate(() => globalThis.fate === 'signed_out'), { message: 'the end of the old tab' });
            people.taken.add('second').add('first');
            await next.evaluate(() => void chat.send('words of second', { model: 'a/b' }).stored.catch(() => undefined));
            await waitFor(() => people.posts.some(({ who }) => who === 'second'), { message: 'the post of the second person' });
            // Credentials of its own are still those of the first person.
            if (!isCookie(kind)) assert.ok((await old.evaluate(() => globalThis.seen())).includes(PRIVATE));
            for (const { who, text } of people.posts) assert.equal(text, who === 'first' ? PRIVATE : 'words of second');
            assert.deepEqual((await next.evaluate(() => globalThis.seen())).filter((text) => /first/.test(text)), []);
            assert.deepEqual((await old.evaluate(() => globalThis.seen())).filter((text) => /second/.test(text)), []);
            if (!isCookie(kind)) return;
            // What the person wrote is there for their return.
            assert.ok((await records(next)).includes(PRIVATE));
            await next.close();
            await visit(people, profile, kind, way, 'first');
            await waitFor(() => people.posts.length === 2, { message: 'the post of the first person' });
            assert.deepEqual(people.posts[1], { who: 'first', text: PRIVATE });
          } finally {
            await profile.close();
          }
        });
      }
    }

    for (const kind of ['cookie', 'bearer']) {
      test(`${kind}, without cryptography for names: tabs hear of each other all the same`, async () => {
        people.reset();
        people.isInsecure = true;
        const profile = await engine.profile();
        try {
          const other = await visit(people, profile, kind, 'own stream', 'first');
          await has(other, 'stream of first');
          const tab = await visit(people, profile, kind, 'own stream', 'first');
          await tab.evaluate(() => client.signOut());
          await waitFor(async () => (await left(other)).codes[0] === 'signed_out', { message: 'the end in the other tab' });
          const old = await visit(people, profile, kind, 'own stream', 'first');
          await has(old, 'stream of first');
          const next = await visit(people, profile, kind, 'own stream', 'second');
          await has(next, 'stream of second');
          if (kind === 'cookie') await waitFor(async () => (await left(old)).codes[0] === 'signed_out', { message: 'the end of the old tab' });
        } finally {
          await profile.close();
        }
      });
    }

    test('made at the same time for two persons, with cookies: one stays, the later one', async () => {
      people.reset();
      const profile = await engine.profile();
      try {
        const tabs = [await profile.tab(`${people.url}/in?who=second`), await profile.tab(`${people.url}/in?who=second`)];
        const make = (tab, names) => tab.evaluate(async (names) => {
          const { createClient } = await import('/index.js');
          const making = [];
          for (const identity of names) {
            making.push(createClient({ baseUrl: `${location.origin}/api`, identity }));
            // The clock that says which is the later one counts milliseconds.
            for (const now = Date.now(); Date.now() === now; );
          }
          globalThis.clients = await Promise.all(making);
        }, names);
        /** What has become of the clients, once all has been heard that tabs said before. */
        const fates = async () => {
          for (const tab of tabs) {
            await tab.evaluate(() => new Promise((resolve) => {
              const [ear, mouth] = [1, 2].map(() => new BroadcastChannel(`opencode-session ${location.origin}/api`));
              ear.onmessage = ({ data }) => data === 'heard' && resolve(ear.close());
              mouth.postMessage('heard');
              mouth.close();
            }));
          }
          return (await Promise.all(tabs.map((tab) => tab.evaluate(() => Promise.all((globalThis.clients ?? []).map((client) => client.health().then(() => 'lives', ({ code }) => code))))))).flat();
        };
        for (let round = 0; round < 5; round += 1) {
          await make(tabs[0], ['first', 'second']);
          await waitFor(async () => (await fates()).includes('signed_out'), { message: 'the end of the first' });
          assert.deepEqual((await fates()).slice(0, 2), ['signed_out', 'lives']);
          await Promise.all([make(tabs[0], ['first']), make(tabs[1], ['second'])]);
          await waitFor(async () => (await fates()).includes('signed_out'), { message: 'the end of one of the two' });
          assert.equal((await fates()).filter((fate) => fate === 'lives').length, 1);
        }
      } finally {
        await profile.close();
      }
    });

    test('a tab that is still loading hears that the person signs out', async () => {
      people.reset();
      const profile = await engine.profile();
      try {
        const tab = await visit(people, profile, 'bearer', 'own stream', 'first');
        for (const file of ['/person.js', '/core_bg.wasm']) {
          let release = () => undefined;
          people.held.set(file, new Promise((resolve) => { release = resolve; }));
          const late = await profile.tab(`${people.url}/in?who=`);
          await late.evaluate(async (id) => {
            const { createClient } = await import('/index.js');
            const make = (token) => createClient({ baseUrl: `${location.origin}/api`, auth: { type: 'bearer', token } });
            globalThis.made = Promise.all(['first', 'second'].map(make)).then((clients) => Promise.all(clients.map((client) => client.openSession(id).ready.then(() => 'lives', ({ code }) => code))));
          }, SESSION);
          await tab.evaluate(() => client.signOut());
          await tab.evaluate(async () => {
            const { createClient } = await import('/index.js');
            globalThis.client = await createClient({ baseUrl: `${location.origin}/api`, auth: { type: 'bearer', token: 'first' } });
          });
          release();
          assert.deepEqual(await late.evaluate(() => globalThis.made), ['signed_out', 'lives']);
        }
      } finally {
        await profile.close();
      }
    });
  });
}
