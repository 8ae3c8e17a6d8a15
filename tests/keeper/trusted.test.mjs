// Pages that require Trusted Types: the keeper is registered where its one policy is allowed, and is told to be refused elsewhere.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startMock } from '../support/mock.mjs';
import { read, startStage, told, until } from './stage.mjs';

const SCRIPT = '/keeper.js';
const REQUIRED = "require-trusted-types-for 'script'";
const POLICIES = { '/named': [REQUIRED, 'trusted-types opencode-session'], '/closed': [REQUIRED, 'trusted-types another'], '/listed': ['trusted-types another'] };
let stage;

before(async () => {
  stage = await startStage();
  for (const [path, policy] of Object.entries(POLICIES)) {
    stage.files.set(path, stage.files.get('/'));
    stage.policies.set(path, policy);
  }
});
after(() => stage?.close());

/** A page of this path in a profile of its own. @param {keyof POLICIES} path @param {(page: any, mock: any, profile: any) => Promise<void>} job */
async function onPage(path, job) {
  const mock = await startMock();
  const profile = await stage.profile([mock.url]);
  try {
    await job(await profile.open(path.slice(1)), mock, profile);
  } finally {
    await profile.close();
    await mock.close();
  }
}
const workers = (page) => page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length);
const refusal = (page) => page.evaluate(() => navigator.serviceWorker.register('/keeper.js', { scope: '/x/' }).then(() => 'registered', (error) => error.name));

test('where its policy is named the keeper serves, and a plain address is still refused', () => onPage('/named', async (page, mock, profile) => {
  assert.equal(await refusal(page), 'TypeError', 'the policy is in force');
  await read(page, 'port', SCRIPT, mock.url);
  await until(page, ({ status }) => status.includes(200), 'the stream');
  assert.equal(await workers(page), 1);
  assert.deepEqual((await told(page)).logs, []);
  // Made once: opening again asks for no second policy, which the browser would refuse.
  await read(page, 'port', SCRIPT, mock.url);
  await until(page, ({ status }) => status.length === 2, 'the second stream');
  const taken = await page.evaluate(() => {
    try {
      trustedTypes.createPolicy('opencode-session', {});
      return 'free';
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(taken, 'TypeError');
  assert.equal(await workers(page), 1);
  // The browser says one line for each of the two that were refused above, and for nothing else.
  assert.equal(profile.said.filter((line) => /trusted/i.test(line)).length, 2, profile.said.join('\n'));
}));

test('a keeper of another origin is not let through', () => onPage('/named', async (page, mock) => {
  await read(page, 'port', 'http://localhost:1/keeper.js', mock.url);
  await until(page, ({ closed }) => closed.length === 1, 'the refusal');
  assert.equal(await workers(page), 0);
}));

test('its policy lets the address of the keeper through, and no other', () => onPage('/named', async (first, mock, profile) => {
  await first.close();
  // What the library makes stays in the library; a page that is hostile from the first can still get hold of it.
  await profile.context.addInitScript(() => {
    const create = TrustedTypePolicyFactory.prototype.createPolicy;
    globalThis.made = [];
    TrustedTypePolicyFactory.prototype.createPolicy = function (name, rules) {
      const policy = create.call(this, name, rules);
      globalThis.made.push(policy);
      return policy;
    };
  });
  const page = await profile.open('named');
  await read(page, 'port', SCRIPT, mock.url);
  await until(page, ({ status }) => status.includes(200), 'the stream');
  const ask = (kind, text) => page.evaluate(([kind, text]) => {
    try {
      return String(globalThis.made[0][kind](text));
    } catch (error) {
      return error.name;
    }
  }, [kind, text]);
  assert.equal(await page.evaluate(() => globalThis.made.map(({ name }) => name).join()), 'opencode-session');
  const keeper = new URL(SCRIPT, stage.url).href;
  assert.equal(await ask('createScriptURL', keeper), keeper);
  for (const url of ['http://localhost:1/keeper.js', 'https://evil.example/x.js', `${keeper}?x`, `${keeper}#x`, new URL('/other.js', stage.url).href, SCRIPT, 'data:text/javascript,1', 'blob:x', '', '__proto__']) {
    assert.equal(await ask('createScriptURL', url), 'TypeError', url);
  }
  for (const kind of ['createHTML', 'createScript']) assert.equal(await ask(kind, keeper), 'TypeError', kind);
}));

test('where it is not named the log says what to write, and nothing is registered', () => onPage('/closed', async (page, mock) => {
  await read(page, 'port', SCRIPT, mock.url);
  const { closed, logs } = await until(page, ({ closed }) => closed.length === 1, 'the refusal');
  assert.deepEqual(closed, [4], 'the next rung is taken');
  assert.match(logs.join(), /^2 keeper_missing .*name opencode-session in its trusted-types/);
  assert.equal(await workers(page), 0);
}));

test('a list of policies alone does not stop it', () => onPage('/listed', async (page, mock) => {
  await read(page, 'port', SCRIPT, mock.url);
  await until(page, ({ status }) => status.includes(200), 'the stream');
  assert.equal(await workers(page), 1);
}));
