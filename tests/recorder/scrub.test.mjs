// What is taken out of a file: secrets wherever a stream is cut, and texts so that beginnings stay beginnings.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inner } from './inner.mjs';

const { Scrubber } = await inner('scrub.ts');
const encode = (text) => new TextEncoder().encode(text);
const decode = (bytes) => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
const json = (value, options, masked = true) => JSON.parse(decode(new Scrubber(masked).json(encode(JSON.stringify(value)), options)));

describe('masked text', () => {
  const words = 'Hëllo 你好\u3000World\u00a0no. 42, “quotes” 😀👍🏽 \u0007\n\t\\ "x" \u2028 end';

  test('keeps lengths, and beginnings beginnings', () => {
    const whole = json({ text: words }).text;
    assert.equal(whole.length, words.length);
    assert.doesNotMatch(whole, /[a-wyzA-Z1-9]/);
    for (let at = 0; at <= words.length; at += 1) {
      const piece = words.slice(0, at);
      // A pair that is cut in two is no text of its own.
      if (!piece.isWellFormed?.() && /[\ud800-\udbff]$/.test(piece)) continue;
      assert.ok(whole.startsWith(json({ text: piece }).text), `at ${at}`);
    }
  });

  test('is the same whichever way its characters are written', () => {
    const escaped = `{"text":"${[...words].flatMap((letter) => Array.from({ length: letter.length }, (_, at) => `\\u${letter.charCodeAt(at).toString(16).padStart(4, '0')}`)).join('')}"}`;
    assert.equal(JSON.parse(escaped).text, words);
    assert.equal(JSON.parse(decode(new Scrubber(true).json(encode(escaped)))).text, json({ text: words }).text);
  });

  test('of pairs that are cut between two pieces fits together', () => {
    const raw = (text) => JSON.parse(decode(new Scrubber(true).json(encode(text))));
    assert.equal(raw('{"delta":"a\\ud83d"}').delta + raw('{"delta":"\\ude00b"}').delta, json({ text: 'a😀b' }).text);
  });

  test('spares ids, kinds and numbers, but nothing of the user\'s own', () => {
    const part = { id: 'prt_1a', type: 'tool', tool: 'bash', state: { status: 'running', input: { type: 'Anna', id: 'Anna', files: ['Anna', { name: 'Anna' }] }, time: { start: 12 } } };
    const own = { type: 'xxxx', id: 'xxxx', files: ['xxxx', { name: 'xxxx' }] };
    assert.deepEqual(json(part), { ...part, state: { ...part.state, input: own } });
    assert.equal(json({ metadata: { sessionId: 'ses_0123456789abcd' } }).metadata.sessionId, 'ses_0123456789abcd');
    assert.equal(json({ command: 'deploy' }, { slash: true }).command, 'deploy');
    assert.equal(json({ command: 'deploy' }).command, 'xxxxxx');
  });

  test('has no paths and sentences as names of fields, but the names of models', () => {
    const value = { metadata: { diagnostics: { '/home/anna/a.ts': [{ line: 1 }] } }, providers: [{ id: 'a', models: { 'big/one-1.5': { id: 'big/one-1.5' } } }] };
    assert.deepEqual(json(value), { metadata: { diagnostics: { '/xxxx/xxxx/x.xx': [{ line: 1 }] } }, providers: value.providers });
  });

  test('has folders that are told apart, in bodies and in addresses alike', () => {
    const scrubber = new Scrubber(true);
    const hide = (directory) => JSON.parse(decode(scrubber.json(encode(JSON.stringify({ directory }))))).directory;
    for (const directory of ['/home/ann/a b', '/home/bob/a b', 'C:\\Users\\ann', '/']) {
      assert.equal(hide(directory).length, directory.length);
      assert.doesNotMatch(hide(directory), /ann|bob|home|Users/);
      const path = `/event?directory=${encodeURIComponent(directory)}`;
      assert.equal(decodeURIComponent(scrubber.path(path).split('=')[1]), hide(directory));
    }
    assert.notEqual(hide('/home/ann'), hide('/home/bob'));
    assert.equal(hide('/home/ann').split('/')[1], hide('/home/bob').split('/')[1]);
  });
});

describe('secrets', () => {
  test('go by the name of their field, whatever they are', () => {
    const value = {
      apiKey: 'a', api_key: 'b', 'x-api-key': 'c', clientSecret: 'd', Password: 'e', authToken: 'f', refresh: 'g', Authorization: 'h',
      headers: { any: 'i', deep: ['j', { k: 'k' }] }, pin: { password: 1234.5 }, env: { A: 'l' }, 'set-cookie': ['m'],
    };
    const out = JSON.stringify(json(value, {}, false));
    assert.doesNotMatch(out, /:"[a-m]"|\["[jm]"|1234/);
    assert.deepEqual(json({ tokens: { input: 12 }, text: 'token', key: 'msg_0123abc', maxTokens: 5 }, {}, false), { tokens: { input: 12 }, text: 'token', key: 'msg_0123abc', maxTokens: 5 });
  });

  test('go from an address', () => {
    assert.equal(new Scrubber(false).path('/event?directory=%2Fp&auth_token=abc&x=1'), '/event?directory=%2Fp&auth_token=***&x=1');
  });

  test('go from a stream, however it is broken', () => {
    const good = `data: ${JSON.stringify({ type: 'a', properties: { apiKey: 'SECRET-1', text: 'said' } })}\n\n`;
    for (const broken of ['', 'data: {"apiKey":"SECRET-2\n\n', 'data: {"x":{"apiKey":\n\n', ': SECRET-3\r\n\r\n', 'data: ]}]"\\\n\n', 'SECRET-4: 1\n',
      // A break within a string: from there on names and values look like each other.
      'data: {"type":"messdata: {"apiKey":"SECRET-5"}\n\n', 'data: {"a":1} {"b":"SECRET-6"}\n\n', 'data: SECRET-7\n\n', 'data: {"a":SECRET-8 "b"}\n\n', 'data: ]\ndata: {"SECRET-9":"SECRET-9"}\n\n']) {
      const bytes = encode(broken + good + good);
      const out = decode(new Scrubber(false).events(bytes));
      assert.equal(encode(out).length, bytes.length);
      assert.ok(!out.includes('SECRET'), out);
      assert.ok(out.endsWith('"text":"said"}}\n\n'), out);
    }
  });

  test('go from anything that is fed, and sizes stay', () => {
    let seed = 3;
    const random = (below) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    const letters = encode('{}[]",:\\u0d8 \n\râ\u{1f600}data:');
    for (let round = 0; round < 3_000; round += 1) {
      const bytes = Uint8Array.from({ length: random(60) }, () => (random(4) === 0 ? random(256) : letters[random(letters.length)]));
      for (const masked of [true, false]) {
        const scrubber = new Scrubber(masked);
        for (const job of ['json', 'events', 'plain']) assert.equal(scrubber[job](bytes).length, bytes.length);
      }
    }
  });
});
