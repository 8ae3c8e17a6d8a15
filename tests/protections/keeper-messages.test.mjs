// Any script of the origin can post to the keeper, and to those who share through it: both sides take only what is a message of theirs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { read, startStage, told, until } from '../keeper/stage.mjs';
import { startMock } from '../support/mock.mjs';

const SCRIPT = '/keeper.js';
const PROTOCOL = Number(/PROTOCOL = (\d+);/.exec(readFileSync(new URL('../../src/js/keeper/protocol.ts', import.meta.url), 'utf8'))?.[1]);
const LONG = 'x'.repeat(20_000);
const GOOD = { type: 'attach', protocol: PROTOCOL, path: '/event', who: '' };
let stage;

before(async () => {
  stage = await startStage();
});
after(() => stage?.close());

/** @param {(scene: { mock: any, page: any, profile: any }) => Promise<void>} job */
const scene = (job) => async () => {
  const mock = await startMock();
  const profile = await stage.profile([mock.url]);
  try {
    await job({ mock, page: await profile.open(), profile });
  } finally {
    await profile.close();
    await mock.close();
  }
};

/**
 * Posts `message` to the worker with a port, as any script of the origin can, and gives what came back, and whether the worker knows the
 * reader afterwards. A ping follows each message: messages are taken in order, so what is not answered before it is never answered.
 */
const post = (page, message) => page.evaluate(async ([message, protocol]) => {
  const { active } = await navigator.serviceWorker.getRegistration('/opencode-session-keeper/');
  const answers = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => answers.push(data instanceof ArrayBuffer ? 'bytes' : data?.type);
  active.postMessage(message, [port2]);
  // Without a name that is one there is nobody to ask for.
  const id = typeof message?.id === 'string' && message.id.length < 100 ? message.id : 'nobody';
  const ping = () => new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = ({ data }) => resolve(data.known);
    active.postMessage({ type: 'ping', protocol, id }, [channel.port2]);
  });
  const known = await ping();
  await ping();
  port1.postMessage('detach');
  return { answers, known };
}, [message, PROTOCOL]);

describe('the worker', () => {
  test('takes a target that is one', scene(async ({ mock, page }) => {
    await read(page, 'port', SCRIPT, mock.url);
    await until(page, ({ status }) => status.includes(200), 'the stream');
    for (const more of [{}, { position: '7' }, { identity: 'me' }, { auth: { name: 'x-key', value: 'v' } }]) {
      const { answers, known } = await post(page, { ...GOOD, id: `good ${JSON.stringify(more)}`, base: mock.url, ...more });
      assert.equal(answers[0], 'here', JSON.stringify(more));
      assert.equal(known, true);
    }
  }));

  const bases = [undefined, null, 5, {}, ['http://127.0.0.1:1'], '', 'none', '/base', 'javascript:alert(1)', 'data:text/plain,x', 'file:///etc', 'ws://127.0.0.1:1', 'http://user@127.0.0.1:1', 'http://:pass@127.0.0.1:1', `http://127.0.0.1:1/${LONG}`];
  const wrong = {
    base: bases.map((base) => ({ base })),
    path: [undefined, 5, {}, '', 'event', '@evil.example/event', '.evil.example/event', `/${LONG}`].map((path) => ({ path })),
    auth: [null, 5, 'Basic x', [], {}, { name: 'authorization' }, { value: 'x' }, { name: 5, value: 'x' }, { name: 'x', value: {} }, { name: 'x', value: LONG }].map((auth) => ({ auth })),
    identity: [null, 5, {}, LONG].map((identity) => ({ identity })),
    who: [undefined, null, 5, {}, LONG].map((who) => ({ who })),
  };
  for (const [field, cases] of Object.entries(wrong)) {
    test(`takes no target whose ${field} is none`, scene(async ({ mock, page }) => {
      await read(page, 'port', SCRIPT, mock.url);
      await until(page, ({ status }) => status.includes(200), 'the stream');
      let at = 0;
      for (const one of cases) {
        at += 1;
        const message = { ...GOOD, base: mock.url, id: `wrong ${at}`, ...one };
        assert.deepEqual(await post(page, message), { answers: [], known: false }, JSON.stringify(one).slice(0, 80));
      }
      assert.deepEqual([mock.opened, mock.streams], [1, 1], 'nothing but the one stream was opened');
    }));
  }

  test('takes no message of another kind, and no name that is none', scene(async ({ mock, page }) => {
    await read(page, 'port', SCRIPT, mock.url);
    await until(page, ({ status }) => status.includes(200), 'the stream');
    for (const message of [null, 7, 'attach', [], {}, { type: 'take', protocol: PROTOCOL }, ...[undefined, 5, {}, LONG].map((id) => ({ ...GOOD, base: mock.url, id }))]) {
      assert.deepEqual((await post(page, message)).answers, [], JSON.stringify(message)?.slice(0, 80));
    }
    assert.deepEqual((await post(page, { ...GOOD, protocol: String(PROTOCOL), id: 'x', base: mock.url })).answers, ['other']);
    assert.equal(mock.opened, 1);
  }));
});

/** A keeper that answers an attach with these values, whatever they are. @param {string[]} values in the worker's own words */
const forger = (values) => `onmessage = ({ data, ports: [port] }) => {
  if (data.type === 'ping') return port.postMessage({ type: 'known', known: true });
  for (const value of [${values.join(', ')}]) port.postMessage(value);
};`;
const HERE = '{ type: "here" }';

/** What a page makes of such a keeper: all that its reader was told. */
async function forged(page, name, values) {
  stage.files.set(`/${name}/keeper.js`, forger([HERE, ...values, '{ type: "close", cause: 3 }']));
  await read(page, 'port', `/${name}/keeper.js`, 'http://127.0.0.1:1');
  const { status, kinds, closed, text } = await until(page, ({ closed }) => closed.length > 0, 'the end');
  return { status, kinds, closed, text };
}

describe('the page', () => {
  test('takes what is an answer', scene(async ({ page }) => {
    const bytes = 'new TextEncoder().encode(`data: {"type":"message.part.delta","properties":{"delta":"hello"}}\\n\\n`).buffer';
    const seen = await forged(page, 'good', ['{ type: "open", status: 200, contentType: "text/event-stream", retryAfter: "" }', bytes]);
    assert.deepEqual(seen, { status: [200], kinds: ['text/event-stream'], closed: [3], text: 'hello' });
  }));

  test('takes nothing that is none', scene(async ({ page }) => {
    const view = 'new TextEncoder().encode(`data: {"type":"message.part.delta","properties":{"delta":"hello"}}\\n\\n`)';
    const junk = [view, 'null', '7', '"here"', '[]', '{}', '{ type: "opened", status: 200 }', '{ type: ["open"], status: 200 }', 'new Blob(["data: {}"])', '{ data: new ArrayBuffer(8) }'];
    assert.deepEqual(await forged(page, 'junk', junk), { status: [], kinds: [], closed: [3], text: '' });
  }));

  test('hands on numbers and texts of sane size, whatever was posted', scene(async ({ page }) => {
    const odd = ['"200"', '-1', '200.5', 'NaN', '1e300', '65536', '{}', 'null', '[200]'].map((status) => `{ type: "open", status: ${status}, contentType: { toString: 1 }, retryAfter: 7 }`);
    const long = `{ type: "open", status: 200, contentType: "x".repeat(20_000), retryAfter: "x".repeat(20_000) }`;
    const seen = await forged(page, 'odd', [...odd, long]);
    assert.deepEqual(seen, { status: [...odd.map(() => 0), 200], kinds: [...odd, long].map(() => ''), closed: [3], text: '' });
    for (const cause of ['"1"', '-1', '1.5', 'undefined', '{}']) {
      stage.files.set(`/cause/keeper.js`, forger([HERE, `{ type: "close", cause: ${cause} }`]));
      const own = await stage.profile([]);
      try {
        const other = await own.open();
        await read(other, 'port', '/cause/keeper.js', 'http://127.0.0.1:1');
        const { closed } = await until(other, ({ closed }) => closed.length > 0, 'the end');
        assert.deepEqual(closed, [0], cause);
      } finally {
        await own.close();
      }
    }
  }));
});

describe('tabs that share without a worker', () => {
  /** Keeps what a tab posts, and where. */
  const spy = () => {
    globalThis.posted = [];
    const post = BroadcastChannel.prototype.postMessage;
    BroadcastChannel.prototype.postMessage = function (message) {
      globalThis.posted.push({ channel: this.name, from: message?.from });
      post.call(this, message);
    };
  };
  /** Two tabs that share, and how another script of the origin shouts on their channel. */
  async function shared({ mock, profile }) {
    await profile.context.addInitScript(spy);
    const [leader, follower, other] = [await profile.open(), await profile.open(), await profile.open()];
    for (const each of [leader, follower]) {
      await read(each, 'leader', SCRIPT, mock.url);
      await until(each, ({ status }) => status.includes(200), 'the stream');
    }
    const { channel, from } = await follower.evaluate(() => globalThis.posted.find(({ from }) => from !== undefined));
    const shout = (values) => other.evaluate(([channel, values]) => {
      const own = new BroadcastChannel(channel);
      for (const value of values) own.postMessage(value);
      own.close();
    }, [channel, values]);
    return { leader, follower, from, shout };
  }

  test('serve nobody who gives no name, and take no words of others for their own', scene(async ({ mock, profile }) => {
    const { leader, follower, shout } = await shared({ mock, profile });
    await shout([null, 7, 'attach', [], {}, ...[undefined, 5, {}, LONG].flatMap((from) => ['attach', 'ping', 'detach'].map((type) => ({ type, from }))), { to: 'somebody', data: { type: 'close', cause: 3 } }]);
    await mock.answer(mock.store.createSession().id, ['one ', 'two']);
    for (const each of [leader, follower]) await until(each, ({ text }) => text === 'one two', 'the text');
    assert.deepEqual((await told(follower)).closed, []);
    assert.deepEqual([mock.opened, mock.streams], [1, 1]);
    assert.deepEqual(await leader.evaluate(() => globalThis.posted.filter(({ from }) => from !== undefined)), [], 'the leader asks nobody');
  }));

  test('hand on numbers and texts of sane size, whatever was posted', scene(async ({ mock, profile }) => {
    const { follower, from, shout } = await shared({ mock, profile });
    const odd = ['200', -1, 200.5, {}, null].map((status) => ({ type: 'open', status, contentType: LONG, retryAfter: 7 }));
    await shout([...odd, 'open', [], { type: 'opened' }, { type: 'close', cause: 'x' }].map((data) => ({ to: from, data })));
    const { status, kinds, closed } = await until(follower, ({ closed }) => closed.length > 0, 'the end');
    assert.deepEqual({ status, kinds, closed }, { status: [200, 0, 0, 0, 0, 0], kinds: ['text/event-stream', '', '', '', '', ''], closed: [0] });
  }));
});
