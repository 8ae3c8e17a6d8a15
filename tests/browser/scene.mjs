// What the tests of one file share: the stage, and a real server of each version with the scripted model.
import { after, before, describe } from 'node:test';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { startStage } from './stage.mjs';
import { NEWEST } from '../support/versions.mjs';

export { NEWEST };
export const VERSIONS = [NEWEST, '1.1.65'];

/** @returns {{ stage: Awaited<ReturnType<typeof startStage>> }} filled before the first test */
export function withStage() {
  const shared = /** @type {any} */ ({});
  before(async () => {
    shared.stage = await startStage();
  });
  after(() => shared.stage?.close());
  return shared;
}

/**
 * @typedef {object} Scene
 * @property {import('../support/opencode.mjs').OpenCode} server
 * @property {Awaited<ReturnType<typeof startModel>>} model
 * @property {string} version
 */

/**
 * Declares the same tests for each version; `scene` is filled before the first of them.
 * @param {string} title
 * @param {(scene: Scene) => void} declare
 * @param {{ versions?: string[], server?: object }} [options]
 */
export function onServers(title, declare, { versions = VERSIONS, server = {} } = {}) {
  for (const version of versions) {
    describe(`${title}, server ${version}`, () => {
      const scene = /** @type {any} */ ({ version });
      before(async () => {
        scene.model = await startModel();
        scene.server = await startOpenCode({ model: scene.model, version, ...server });
      });
      after(async () => {
        await scene.server?.stop();
        await scene.model?.close();
      });
      declare(scene);
    });
  }
}

/** Runs `job` with a page of its own. @param {any} shared @param {string[]} connect @param {(opened: import('./stage.mjs').Opened) => Promise<void>} job */
export async function onPage({ stage }, connect, job) {
  const opened = await stage.open({ connect });
  try {
    await job(opened);
  } finally {
    await opened.close();
  }
}
