// The same cases with Node's own fetch: the transport of servers and scripts. What only a browser forbids is left out.
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { createClient } from '../../dist/node.js';
import { judge, optionsOf } from './judge.mjs';
import { observe } from './page/observe.js';
import { playCase } from './server.mjs';

const { cases } = JSON.parse(readFileSync(new URL('./cases.json', import.meta.url), 'utf8'));

describe('cases in Node', () => {
  for (const expected of cases.filter(({ browser }) => !browser)) {
    test(`${expected.of}: ${expected.name}`, async () => {
      const played = await playCase(expected.streams, expected);
      const observed = await observe(createClient, optionsOf(expected, played.mock.url), played.id);
      try {
        await judge(expected, played, (streams) => observed.seen(streams));
      } finally {
        observed.client.close();
        await played.close();
      }
    });
  }
});
