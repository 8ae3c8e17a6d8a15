// What a chat needs, on the servers that every change is tested with. `npm run interop` does the same on all versions of the table.
import { after, before, describe, test } from 'node:test';
import { startStage } from '../browser/stage.mjs';
import { featuresOf, play } from './features.mjs';
import { openWorld, VERSIONS } from './world.mjs';

let stage;
before(async () => {
  stage = await startStage();
});
after(() => stage?.close());

for (const version of VERSIONS.filter(({ always }) => always).map(({ version }) => version)) {
  describe(`server ${version}`, () => {
    let world;
    before(async () => {
      world = await openWorld(version);
    });
    after(() => world?.close());
    for (const feature of featuresOf(version)) test(feature.name, () => play({ ...world, stage }, feature));
  });
}
