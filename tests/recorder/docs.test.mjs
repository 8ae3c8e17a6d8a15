// The examples of the documentation, run as they stand, one after the other in one folder.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../package/consumer.mjs';
import { startMock } from '../support/mock.mjs';
import { tempDir } from '../support/temp.mjs';

const ADDRESS = 'http://127.0.0.1:4096';

test('the examples of docs/observability.md run', async () => {
  const blocks = [...readFileSync(`${ROOT}/docs/observability.md`, 'utf8').matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
  assert.ok(blocks.length >= 3);
  const mock = await startMock();
  const temp = tempDir('examples');
  try {
    mkdirSync(join(temp.path, 'node_modules'));
    symlinkSync(ROOT, join(temp.path, 'node_modules/opencode-session'), 'dir');
    const outputs = [];
    for (const [at, code] of blocks.entries()) {
      assert.ok(at === blocks.length - 1 || code.includes(ADDRESS), 'the example names the usual address');
      const file = join(temp.path, `example-${at}.mjs`);
      writeFileSync(file, code.replaceAll(ADDRESS, mock.url));
      outputs.push(await run(file, temp.path));
    }
    assert.match(outputs.at(-1), /\d+ ses_\w+ live 0[\s\S]*\[ 'ses_\w+' \] all went as recorded/);
  } finally {
    await mock.close();
    await temp.remove();
  }
});

/** @param {string} file @param {string} cwd @returns {Promise<string>} */
function run(file, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.on('exit', (code) => (code === 0 ? resolve(out) : reject(new Error(`${file}: ${err}`))));
  });
}
