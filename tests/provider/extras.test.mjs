// What only some providers need is a file of its own: its errors are those of the entry, and so is the one for its absence.
import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../package/consumer.mjs';
import { tempDir } from '../support/temp.mjs';

const temp = tempDir('extras');
after(() => temp.remove());

test('without provider-extras.js a key is enough, and what needs the file says so', async () => {
  await cp(join(ROOT, 'dist'), temp.path, { recursive: true });
  await cp(join(ROOT, 'package.json'), join(temp.path, 'package.json'));
  await rm(join(temp.path, 'provider-extras.js'));
  const { createProvider, openVault, ProviderError } = await import(pathToFileURL(join(temp.path, 'provider.js')).href);
  const config = { apiEndpoint: 'http://127.0.0.1:1/v1', auth: { type: 'api-key', apiKey: 'key' }, rateLimits: { requestsPerMinute: 10, tokensPerMinute: 1_000 } };
  (await createProvider(config)).dispose();
  const jwt = { type: 'jwt', privateKey: 'none' };
  for (const call of [() => openVault(), () => createProvider({ ...config, auth: jwt })]) {
    await assert.rejects(call, (error) => error instanceof ProviderError && error.code === 'crashed' && /provider-extras\.js/.test(error.message), String(call));
  }
});
