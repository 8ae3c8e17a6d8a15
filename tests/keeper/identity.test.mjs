// Mine only (P10): what one person's credentials brought in a browser is never shown to, or sent for, the next one. With the built package.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ENGINES, launchEngine } from '../support/engines.mjs';
import { waitFor } from '../support/wait.mjs';
import { has, KINDS, records, SESSION, startPeople, visit, WAYS } from './people.mjs';

let people;
before(async () => {
  people = await startPeople();
});
after(() => people?.close());

for (const name of ENGINES) {
  describe(name, () => {
    let engine;
    before(async () => {
      engine = await launchEngine(name);
    });
    after(() => engine?.close());
    for (const kind of KINDS) {
      for (const way of Object.keys(WAYS)) {
        test(`${kind}, ${way}: the next person sees and sends nothing of the first, who finds it again`, async () => {
          people.reset();
          const profile = await engine.profile();
          try {
            let tab = await visit(people, profile, kind, way, 'first', 'PRIVATE of first');
            await has(tab, 'stream of first');
            await waitFor(async () => (await records(tab)).includes('PRIVATE of first'), { message: 'the record' });
            await tab.close();
            people.taken.add('second').add('first');
            tab = await visit(people, profile, kind, way, 'second', 'words of second');
            await has(tab, 'stream of second');
            await waitFor(() => people.posts.length > 0, { message: 'a post of the second person' });
            const seen = await tab.evaluate(() => globalThis.seen());
            assert.deepEqual(seen.filter((text) => /first/.test(text)), []);
            assert.ok(way !== 'keeper' || seen.includes('keeper'), seen.join());
            assert.deepEqual(people.posts, [{ who: 'second', text: 'words of second' }]);
            assert.deepEqual([...new Set(people.streams)], ['first', 'second']);
            await tab.close();
            tab = await visit(people, profile, kind, way, 'first');
            await waitFor(() => people.posts.length > 1, { message: 'the prompt of the first person' });
            assert.deepEqual(people.posts[1], { who: 'first', text: 'PRIVATE of first' });
          } finally {
            await profile.close();
          }
        });
      }
    }
    test('without an identity no request carries a cookie, whoever is signed in', async () => {
      people.reset();
      const profile = await engine.profile();
      try {
        const tab = await profile.tab(`${people.url}/in?who=first`);
        for (const keeper of Object.values(WAYS)) {
          const code = await tab.evaluate(async ([keeper, id]) => {
            const { createClient } = await import('/index.js');
            const client = await createClient({ baseUrl: `${location.origin}/api`, ...(keeper && { keeper }) });
            const code = await client.openSession(id).ready.catch((error) => error.code);
            client.close();
            return code;
          }, [keeper, SESSION]);
          assert.equal(code, 'unauthorized');
        }
        assert.deepEqual(people.streams, []);
      } finally {
        await profile.close();
      }
    });
  });
}
