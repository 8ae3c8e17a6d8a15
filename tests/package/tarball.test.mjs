// What is published: the right files, sound entry points, types that resolve, and nothing of the machine that built it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { tempDir } from '../support/temp.mjs';
import { consumer, MACHINE, pack, ROOT } from './consumer.mjs';

const run = promisify(execFile);
const bin = (name) => join(ROOT, 'node_modules', '.bin', name);
let packed;
let project;

before(async () => {
  packed = await pack();
  project = await consumer(packed, 'types');
});
after(() => packed?.remove());

const installed = (file) => readFile(join(project.path, 'node_modules', 'opencode-session', file));

test('the tarball holds the build and its papers, nothing else', () => {
  const foreign = packed.files.filter((file) => !/^(dist\/[\w.-]+\.(js|d\.ts|wasm)|dist\/(doctor|metadata|next|provider|react|recorder|relay)\/[\w-]+\.d\.ts|dist\/provider-schema\.json|package\.json|README\.md|CHANGELOG\.md|THIRD-PARTY-NOTICES\.md|LICENSE(-MIT|-APACHE)?)$/.test(file));
  assert.deepEqual(foreign, []);
  for (const file of ['README.md', 'LICENSE-MIT', 'LICENSE-APACHE', 'THIRD-PARTY-NOTICES.md']) assert.ok(packed.files.includes(file), `${file} is missing`);
});

test('the notices name everything of others in it', async () => {
  await run(process.execPath, ['scripts/notices.mjs', '--check'], { cwd: ROOT });
  const notices = (await installed('THIRD-PARTY-NOTICES.md')).toString();
  for (const name of ['memchr', 'talc', 'wasm-bindgen', "Rust's standard library"]) assert.match(notices, new RegExp(`^## ${name} [\\d.]+\n\n\`{3}text\n[^]+?Permission is hereby granted`, 'm'), name);
  assert.deepEqual(JSON.parse((await installed('package.json')).toString()).dependencies, undefined);
});

test('publint finds nothing', async () => {
  const { stdout } = await run(process.execPath, [bin('publint'), 'run', packed.file, '--strict'], { cwd: ROOT }).catch((error) => ({ stdout: `failed\n${error.stdout}${error.stderr}` }));
  assert.match(stdout, /All good/, stdout);
});

test('the keeper is one classic script, and the command copies it', async () => {
  const keeper = await installed('dist/keeper.js');
  assert.doesNotMatch(keeper.toString(), /^\s*(import|export)\b/m);
  const folder = tempDir('public');
  try {
    const command = join(project.path, 'node_modules', '.bin', 'opencode-session');
    await run(command, ['keeper', folder.path], { cwd: project.path });
    assert.deepEqual(await readFile(join(folder.path, 'opencode-session-keeper.js')), keeper);
    assert.match((await run(command, ['--help'])).stdout, /usage: opencode-session keeper <public folder>/);
    for (const [args, said] of [[[], /usage:/], [['keeper', join(folder.path, 'none')], /there is no folder/], [['magic', 'x'], /usage:/]]) {
      const { stderr, code } = await run(command, args).catch((error) => error);
      assert.ok(code > 0 && said.test(stderr), `${args}: ${code} ${stderr}`);
    }
  } finally {
    await folder.remove();
  }
});

test('no file names a place of this machine', async () => {
  for (const file of packed.files) {
    const bytes = await installed(file);
    const inner = Buffer.from(/"([\w+/=]{10000,})"/.exec(bytes.toString())?.[1] ?? '', 'base64');
    if (/(wasm-inline|keeper|leader|v2|provider-inline|relay-inline)\.js$/.test(file)) assert.ok(WebAssembly.validate(inner), `${file}: the inlined wasm was not found`);
    for (const path of MACHINE) {
      for (const each of [bytes, inner]) assert.ok(!each.includes(path), `${file} names ${path}`);
    }
  }
});

test('every entry point is there', async () => {
  const { exports } = JSON.parse((await installed('package.json')).toString());
  const targets = Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? [entry] : Object.values(entry)));
  assert.ok(targets.length > 5);
  for (const target of targets) assert.ok((await installed(target)).length > 0, target);
});

for (const [resolution, module] of [['bundler', 'esnext'], ['nodenext', 'nodenext']]) {
  test(`types resolve with moduleResolution ${resolution}`, async () => {
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--types', '', '--module', module, '--moduleResolution', resolution];
    await project.run(bin('tsc'), ...options, 'main.ts');
  });
}

// A project for Node: without the DOM's types, and with all declarations looked at.
for (const typescript of ['5.0.4', '5.4.5', '7.0.2']) {
  test(`types of TypeScript ${typescript} without the DOM library, skipLibCheck off`, async () => {
    const { run: command } = await consumer(packed, 'types', undefined, { typescript, '@types/node': '20.19.43' });
    for (const [resolution, module] of [['bundler', 'esnext'], ['nodenext', 'nodenext']]) {
      const options = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022', '--types', 'node', '--skipLibCheck', 'false'];
      await command('node_modules/.bin/tsc', ...options, '--module', module, '--moduleResolution', resolution, 'main.ts');
    }
  });
}
