// Two instances of the app behind a balancer, with Redis and PostgreSQL.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBalancer } from '../support/balancer.mjs';
import { startPostgres } from '../support/postgres.mjs';
import { startRedis } from '../support/redis.mjs';
import { begin, scene, stored } from './scene.mjs';
import { begins, messages, shows, signedIn, startExample, words } from './site.mjs';

test('a reader moves to another instance in the middle of an answer, and the first one is killed: nothing is lost, nothing twice', async () => {
  const [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
  const env = { REDIS_URL: redis.url, DATABASE_URL: postgres.url };
  let first;
  let second;
  let balancer;
  let device;
  try {
    [first, second] = await Promise.all([startExample(scene.app, scene.server.url, env), startExample(scene.app, scene.server.url, env)]);
    balancer = await startBalancer(first.port);
    device = await signedIn(scene.browser, balancer.url, 'ada');
    const { page } = device;
    const prompt = 'words 150 every 50';
    const release = scene.model.hold(60);
    await begin(page, prompt);
    await begins(page);
    balancer.move(second.port);
    await page.locator('.connection[data-phase=live]').waitFor();
    await begins(page);
    await first.close('SIGKILL');
    release();
    await shows(page, words(150));
    await page.locator('.connection[data-phase=live]').waitFor();
    assert.deepEqual(await messages(page, 'user'), [prompt]);
    assert.equal((await messages(page, 'assistant')).length, 1);
    assert.equal(await stored(page, prompt), 1);
    await page.getByRole('link', { name: /words 150/ }).waitFor();
  } finally {
    await Promise.all([device?.close(), balancer?.close(), first?.close(), second?.close()]);
    await Promise.all([redis.stop(), postgres.stop()]);
  }
});
