// What is taken out of a file: secrets wherever a stream is cut, and texts so that beginnings stay beginnings.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ROOT } from '../package/consumer.mjs';
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
    assert.match(json({ command: 'deploy' }, { slash: true }).command, /^(?!deploy|xxxxxx)[a-z]{6}$/);
    assert.equal(json({ command: 'deploy' }).command, 'xxxxxx');
  });

  test('has no name that somebody gave, wherever it stands', () => {
    const scrubber = new Scrubber(true);
    const hide = (value, options) => JSON.parse(decode(scrubber.json(encode(JSON.stringify(value)), options)));
    const fields = ['name', 'id', 'agent', 'mode', 'model', 'modelID', 'providerID', 'variant', 'version', 'callID', 'tool', 'type', 'role', 'status', 'finish', 'reason', 'code', 'hint', 'field',
      'source', 'mime', 'permission', 'sessionID', 'messageID', 'aggregateID', 'priority', 'reply', 'response', 'phase', 'transport'];
    const value = Object.fromEntries(fields.map((field) => [field, 'Zanzibar-9']));
    for (const nested of [value, { info: value, parts: [{ state: { input: value, metadata: value }, error: value }] }, { type: 'message.updated', properties: { info: value } }]) {
      const out = JSON.stringify(hide(nested));
      assert.doesNotMatch(out, /Zanzibar/);
      assert.equal(out.length, JSON.stringify(nested).length);
    }
    // As names of fields: a word, a path, a sentence, in the user's own and in the server's.
    for (const name of ['zanzibar', 'Zanzibar', 'zanzibarID', '/home/zanzibar/a.ts', 'to zanzibar', 'zanzibar/one-1.5']) {
      for (const nested of [{ [name]: 1 }, { input: { [name]: 1 } }, { models: { [name]: { id: name } } }, { properties: { info: { [name]: {} } } }]) {
        const out = JSON.stringify(hide(nested));
        assert.doesNotMatch(out, /zanzibar/i);
        assert.equal(out.length, JSON.stringify(nested).length);
      }
      // The same one is the same one everywhere, another one another.
      const { models: { [hide({ id: name }).id]: found } } = hide({ models: { [name]: { id: name } } });
      assert.equal(found?.id, hide({ id: name }).id);
      assert.notEqual(hide({ id: name }).id, hide({ id: `${name.slice(0, -1)}x` }).id);
    }
    assert.doesNotMatch(scrubber.path('/session/zanzibar/x?agent=zanzibar&cursor=zanzibar&zanzibar=1'), /zanzibar/);
    assert.doesNotMatch(decode(scrubber.events(encode('id: zanzibar\nevent: zanzibar\ndata: {"zanzibar":1}\n\n'))), /zanzibar/);
  });

  test('keeps the words of the protocol, all that the core goes by', () => {
    const folders = ['src/proto', 'src/web'];
    const literals = new Set(folders.flatMap((folder) => readdirSync(`${ROOT}/${folder}`, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.rs') && !/provider|planted|relay/.test(file))
      .flatMap((file) => [...readFileSync(`${ROOT}/${folder}/${file}`, 'utf8').split('#[cfg(test)]')[0].matchAll(/"([A-Za-z][A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*)"/g)].map(([, word]) => word))));
    assert.ok(literals.size > 200);
    const missing = [...literals].filter((word) => word.length < 40 && !/^(?:msg|ses|prt|evt)_/.test(word) && json({ type: word }).type !== word);
    assert.deepEqual(missing, [], 'words.ts lacks them');
  });

  test('of headers keeps what the client goes by', () => {
    const scrubber = new Scrubber(true);
    assert.equal(scrubber.contentType('application/json; profile=zanzibar'), 'application/json');
    assert.equal(scrubber.contentType('text/event-stream;charset=utf-8'), 'text/event-stream');
    assert.equal(scrubber.contentType('application/zanzibar+json'), 'application/json');
    assert.doesNotMatch(scrubber.contentType('text/zanzibar'), /zanzibar/);
    for (const value of ['', '5', '1.5', 'Fri, 31 Dec 2027 23:59:59 GMT']) assert.equal(scrubber.retryAfter(value), value);
    assert.doesNotMatch(scrubber.retryAfter('zanzibar'), /zanzibar/);
    assert.doesNotMatch(scrubber.place('zanzibar'), /zanzibar/);
    const made = btoa(JSON.stringify({ id: 'msg_1a', time: 5 })).replace(/=+$/, '');
    assert.equal(scrubber.place(made), made);
    assert.notEqual(scrubber.place(btoa(JSON.stringify({ id: 'msg_1a', time: 5, of: 'zanzibar' }))), btoa(JSON.stringify({ id: 'msg_1a', time: 5, of: 'zanzibar' })));
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

  test('go by all names that people give them', () => {
    const names = ['pwd', 'pass', 'DB_PASS', 'session_key', 'sessionKey', 'signingKey', 'dsn', 'SENTRY_DSN', 'jwt', 'pin', 'otp', 'cardPin', 'totpCode', 'connectionString', 'connection_string', 'conn_str', 'databaseUrl', 'MONGO_URI', 'redis-url',
      'userpwd', 'passcode', 'encryption_key', 'licenseKey', 'id_tokens', 'accessTokens', 'csrf', 'hmacSignature', 'psk', 'github_pat', 'cvv', 'salt', 'WEBHOOK_URL', 'authHeader', 'basicAuth', 'mnemonic', 'environ',
      'GITHUB_TOKEN_PROD', 'tokenValue', 'token2', 'token_v2', 'PGPASS', 'dbpass', 'dbPass2', 'sshpass', 'creds', 'awsCreds', 'pincode', 'pinCode', 'privkey', 'privKey2', 'seedPhrase', 'seed_words', 'DB_PW', 'keyMaterial', 'DATABASE_URL_PROD', 'API_KEY_2', 'secretKeyBase', 'userPwd1', 'MYSQL_PW', 'stripeKeyLive', 'cardCvc2'];
    for (const name of names) {
      for (const value of ['hunter2', ['hunter2'], { deep: 'hunter2' }]) {
        for (const nested of [{ [name]: value }, { state: { input: { [name]: value } } }]) assert.doesNotMatch(JSON.stringify(json(nested, {}, false)), /hunter2/, name);
      }
      assert.match(new Scrubber(false).path(`/x?${name}=hunter2`), /=\*\*\*$/);
    }
    // Names that only sound like it.
    const plain = { spinning: 'a', passed: 'b', keyboard: 'c', author: 'd', bypass: 'e', compass: 'f', keywords: 'g', pinned: 'h', url: '/i', sessionID: 'j', monkey: 'k', tokens: { input: 'l' }, cwd: 'm', passage: 'n', tokenizer: 'o', tokenCount: 'p', tokensUsed: 'q', keyframe: 'r', keyName: 's', pinning: 't', encompass: 'u', trespass: 'v', seed: 'w', seedling: 'x', pinch: 'y', credits: 'z',
      tokenLimit: 'a', maxTokens: 'b', tokenlimit: 'c', material: 'd', phrase: 'e', privacy: 'f', underpass: 'g', databaseName: 'h', keyCode: 'i', keyPath: 'j', token_usage: 'k', totalTokenCount: 'l', overpass: 'm', multipass: 'n', passthrough: 'o', urlPattern: 'p', publicKeyID: 'q' };
    assert.deepEqual(json(plain, {}, false), plain);
  });

  test('go by what they look like, in values of any name', () => {
    const secrets = ['sk-live-4f9a8b7c6d5e4f3a', 'ghp_16C7e42F292c6912E7710c838347Ae178B4a', 'AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N',
      '4f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c', 'f3A9zQ7xK2mP8vL4nR6tY1wB5cD0eG', 'xoxb-123456789012-abcdefghijkl', 'glpat-Zx81kdj29fkslqpwoe'];
    for (const secret of secrets) {
      for (const nested of [{ state: { input: { value: secret } } }, { metadata: { list: [secret] } }, { other: secret }]) {
        const out = JSON.stringify(json(nested, {}, false));
        assert.ok(!out.includes(secret.slice(4, -4)), out);
        assert.equal(out.length, JSON.stringify(nested).length);
      }
    }
    const inside = {
      command: 'curl -H "Authorization: Bearer hunter2hunter2" -u x https://me:hunter2@example.test/a --password hunter2 DB_PASS=hunter2 mysql --api-key=hunter2',
      raw: '{"password":"hunter2","n":1}', escaped: 'a\npwd=hunter2;Server=x', pem: '-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----',
    };
    Object.assign(inside, {
      curl: 'curl -u admin:hunter2 https://example.test', long: "curl --user 'admin:hunter2' x", proxy: 'curl -U=admin:hunter2 x',
      quoted: '{"password": "a b hunter2", "n": "c"}', single: "{'db_pw': 'a b hunter2'}", lines: '{"password": "a\nb \u0041 hunter2 "}', twice: JSON.stringify('{"password": "a b hunter2"}'), yaml: 'creds: "x y hunter2"',
    });
    const out = json({ input: inside }, {}, false).input;
    assert.match(out.quoted, /^\{"password": "\*+", "n": "c"\}$/);
    assert.match(out.single, /^\{'db_pw': '\*+'\}$/);
    assert.match(out.curl, /^curl -u admin:\*+ https:\/\/example\.test$/);
    // Whatever stands in such a text, a file of it is JSON.
    for (const odd of ['"password": "a\\', '"password": "\\"', '"password": "\n\n"', '"pw":"\\" b"', 'pw="', "pw='\\'", '"password": "\ud83d\ude00 x"']) assert.equal(json({ input: odd }, {}, false).input.length > 0, true, odd);
    for (const [name, text] of Object.entries(out)) assert.doesNotMatch(text, /hunter2/, name);
    // Bytes of the file: what is escaped has two of them.
    const bytes = encode(JSON.stringify({ input: inside }));
    assert.equal(new Scrubber(false).json(bytes).length, bytes.length);
    assert.match(out.command, /^curl -H "Authorization: .* -u x https:\/\/me:\*+@example\.test\/a --password \*+ DB_PASS=\*+ mysql --api-key=\*+$/);
    const plain = { command: 'git log --oneline -- src/components/Button2/IndexPage.tsx && npm run build:production', path: '/home/ann/plans/src/Components2/useCallbackWithState', id: 'ses_e035b1053ffeZYusOfk4WqGDs0',
      uuid: '2f1c0d9e-8f7a-4b5c-9d0e-4f9a8b7c6d5e', text: 'Basic understanding of a token economy', docker: 'docker run -u 1000:1000 node', sorted: 'sort -u a.txt: all', quotedName: 'tokens: "12 of them" "compass": "a b c"', picture: `data:image/png;base64,${'iVBORw0KGgoAAAANSUhEUg'.repeat(5)}`, link: 'see /session/ses_e035b1053ffeZYusOfk4WqGDs0/message' };
    assert.deepEqual(json({ input: plain }, {}, false).input, plain);
    // Texts that grow stay as they are: their beginnings were shown.
    assert.equal(json({ text: secrets[0] }, {}, false).text, secrets[0]);
    assert.equal(new Scrubber(false).sentence('refused: sk-live-4f9a8b7c6d5e4f3a is no key'), 'refused: ************************ is no key');
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
