// The vault: what lies on the disk is of no use to who reads it, and to who moves it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { openVault } from '../../dist/provider.js';
import { ENGINES, launchEngine } from '../support/engines.mjs';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { config } from './mock.mjs';

let site;
let url;

before(async () => {
  site = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    const body = path === '/' ? '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">' : await readFile(new URL(`../../dist${path}`, import.meta.url)).catch(() => undefined);
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': { js: 'text/javascript', wasm: 'application/wasm' }[path.split('.').pop() ?? ''] ?? 'text/html' }).end(body);
  });
  url = `http://${LOOPBACK}:${await listen(site)}/`;
});
after(() => shut(site));

test('in Node it is memory, and says so', async () => {
  const vault = await openVault();
  await vault.set('a', '1');
  await vault.rotate();
  assert.deepEqual([vault.isLasting, await vault.get('a'), await vault.get('b')], [false, '1', undefined]);
  await vault.delete('a');
  assert.equal(await vault.get('a'), undefined);
  await assert.rejects(openVault({ keep: 'indexeddb' }), { code: 'vault_unavailable' });
});

for (const name of ENGINES) {
  describe(name, () => {
    let engine;
    let profile;
    let tab;
    before(async () => {
      engine = await launchEngine(name);
      profile = await engine.profile();
      tab = await profile.tab(url);
    });
    after(async () => {
      await profile?.close();
      await engine?.close();
    });

    test('keeps secrets over a reload, apart by name', async () => {
      await tab.evaluate(async () => {
        const { openVault } = await import('/provider.js');
        const [one, two] = [await openVault({ name: 'one' }), await openVault({ name: 'two' })];
        await one.set('key', 'canary-ä');
        await two.set('key', 'other');
        await one.set('gone', 'x');
        await one.delete('gone');
      });
      await tab.reload();
      const seen = await tab.evaluate(async () => {
        const { openVault } = await import('/provider.js');
        const [one, two] = [await openVault({ name: 'one' }), await openVault({ name: 'two' })];
        return [one.isLasting, await one.get('key'), await two.get('key'), await one.get('gone') ?? 'none', await two.get('canary') ?? 'none'];
      });
      assert.deepEqual(seen, [true, 'canary-ä', 'other', 'none', 'none']);
    });

    test('holds nothing that can be read, and a key that cannot be taken out', async () => {
      const seen = await tab.evaluate(async () => {
        const { openVault } = await import('/provider.js');
        await (await openVault({ name: 'one' })).set('key', 'canary-ä');
        await (await openVault({ name: 'two' })).set('key', 'canary-b');
        const asked = (request) => new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
        const database = await asked(indexedDB.open('opencode-session-vault'));
        const keys = await asked(database.transaction('keys').objectStore('keys').getAll());
        const secrets = await asked(database.transaction('secrets').objectStore('secrets').getAll());
        database.close();
        const taken = await Promise.all(keys.flatMap(({ key }) => ['raw', 'jwk'].map((format) => crypto.subtle.exportKey(format, key).then(() => 'taken', () => 'kept'))));
        const dump = secrets.map(({ iv, data }) => new TextDecoder('latin1').decode(data) + new TextDecoder('latin1').decode(iv)).join() + JSON.stringify({ ...localStorage, ...sessionStorage });
        return { taken, count: secrets.length, leaks: dump.includes('canary'), ivs: new Set(secrets.map(({ iv }) => String(iv))).size };
      });
      assert.deepEqual(seen, { taken: ['kept', 'kept', 'kept', 'kept'], count: 2, leaks: false, ivs: 2 });
    });

    test('notices what was changed or moved', async () => {
      const seen = await tab.evaluate(async () => {
        const { openVault } = await import('/provider.js');
        const vault = await openVault({ name: 'moved' });
        await vault.set('a', 'secret-a');
        await vault.set('b', 'secret-b');
        const asked = (request) => new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
        const database = await asked(indexedDB.open('opencode-session-vault'));
        const store = () => database.transaction('secrets', 'readwrite').objectStore('secrets');
        const codes = [];
        const code = (name) => vault.get(name).then((value) => value, (error) => error.code);
        const b = await asked(store().get(['moved', 'b']));
        await asked(store().put(b, ['moved', 'a']));
        codes.push(await code('a'));
        const data = new Uint8Array(b.data.slice(0));
        data[0] ^= 1;
        await asked(store().put({ ...b, data: data.buffer }, ['moved', 'b']));
        codes.push(await code('b'));
        await vault.set('b', 'again');
        codes.push(await code('b'));
        database.close();
        return codes;
      });
      assert.deepEqual(seen, ['vault_damaged', 'vault_damaged', 'again']);
    });

    test('gets a new key, and all secrets under it, also from two tabs at once', async () => {
      const other = await profile.tab(url);
      const work = async (from) => {
        const { openVault } = await import('/provider.js');
        const vault = await openVault({ name: 'turned' });
        for (let at = 0; at < 5; at += 1) {
          await vault.set(`${from}${at}`, `${from}${at}`);
          await vault.rotate();
        }
      };
      await Promise.all([tab.evaluate(work, 'a'), other.evaluate(work, 'b')]);
      const seen = await tab.evaluate(async () => {
        const { openVault } = await import('/provider.js');
        const vault = await openVault({ name: 'turned' });
        const names = ['a', 'b'].flatMap((from) => [0, 1, 2, 3, 4].map((at) => `${from}${at}`));
        const database = await new Promise((resolve) => {
          const request = indexedDB.open('opencode-session-vault');
          request.onsuccess = () => resolve(request.result);
        });
        const key = await new Promise((resolve) => {
          const request = database.transaction('keys').objectStore('keys').get('turned');
          request.onsuccess = () => resolve(request.result);
        });
        database.close();
        return { right: (await Promise.all(names.map((name) => vault.get(name)))).every((value, at) => value === names[at]), version: key.version };
      });
      assert.deepEqual(seen, { right: true, version: 11 });
      await other.close();
    });

    test('a secret of a client has no place in a page', async () => {
      const codes = await tab.evaluate(async (config) => {
        const { createProvider } = await import('/provider.js');
        const code = (options) => createProvider(config, options).then(() => 'made', (error) => error.code);
        return [await code({}), await code({ allowSecretInPage: true })];
      }, config('http://127.0.0.1:9/v1', { auth: { type: 'oauth', clientId: 'c', clientSecret: 's', tokenUrl: 'http://127.0.0.1:9/token' } }));
      assert.deepEqual(codes, ['secret_in_page', 'made']);
    });
  });
}
