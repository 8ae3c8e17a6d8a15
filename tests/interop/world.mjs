// A real server of one version, warmed up, with a fault proxy in front.
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { startProxy } from '../support/proxy.mjs';
import { CONFIG, warm } from './features.mjs';
import { NEWEST } from '../support/versions.mjs';

/** One of each generation, and of each that broke something. `always`: a part of `npm test`. */
export const VERSIONS = [
  { version: '1.1.65', always: true },
  { version: '1.2.27', always: true },
  { version: '1.3.2', always: false },
  { version: '1.14.41', always: false },
  { version: '1.15.13', always: false },
  { version: '1.17.19', always: false },
  { version: '1.18.33' },
  { version: NEWEST, always: true },
];

/** @param {string} version */
export async function openWorld(version) {
  const model = await startModel();
  const server = await startOpenCode({ model, version, config: CONFIG });
  const proxy = await startProxy({ upstream: server.url });
  await warm(server);
  return {
    model,
    server,
    proxy,
    async close() {
      await proxy.close();
      await server.stop();
      await model.close();
    },
  };
}
