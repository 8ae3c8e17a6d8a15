// The web-platform-tests of eventsource/ that say something about our transport, in Chromium. What is data is in
// cases.json; what a list of bytes cannot say is in acts.mjs. What is not run is in deviations.md.
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startStage } from '../browser/stage.mjs';
import { ACTS } from './acts.mjs';
import { judge, optionsOf } from './judge.mjs';
import { playCase } from './server.mjs';

const { cases } = JSON.parse(readFileSync(new URL('./cases.json', import.meta.url), 'utf8'));
/** @type {Awaited<ReturnType<typeof startStage>>} */
let stage;

before(async () => {
  stage = await startStage({ pages: [fileURLToPath(new URL('./page/', import.meta.url))] });
});
after(() => stage?.close());

describe('cases in a page', () => {
  for (const expected of cases) {
    test(`${expected.of}: ${expected.name}`, async () => {
      const played = await playCase(expected.streams, expected);
      const opened = await stage.open({ connect: [played.mock.url] });
      try {
        await opened.page.evaluate(async ([options, id]) => {
          const { observe } = await import('/page/observe.js');
          drive.observed = await observe(drive.createClient, options, id);
        }, [optionsOf(expected, played.mock.url), played.id]);
        await judge(expected, played, (streams) => opened.page.evaluate((streams) => drive.observed.seen(streams), streams));
      } finally {
        await opened.close();
        await played.close();
      }
    });
  }
});

describe('acts', () => {
  for (const [name, act] of Object.entries(ACTS)) test(name, () => act(stage));
});
