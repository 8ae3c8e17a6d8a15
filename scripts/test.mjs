// `npm test`: everything, in the order in which failures are cheapest. `npm test -- NAME…` runs only the named steps.
import { readdirSync } from 'node:fs';
import { need, root, run } from './lib/tools.mjs';

const node = (...folders) => {
  const files = folders.flatMap((folder) =>
    readdirSync(`${root}/${folder}`).filter((file) => file.endsWith('.test.mjs')).map((file) => `${folder}/${file}`),
  );
  if (files.length === 0) throw new Error(`no tests in ${folders.join(', ')}`);
  // One file at a time: each starts servers and a browser of its own. The limit is for a whole file, on a machine with other work.
  run(process.execPath, ['--test', '--test-concurrency=1', '--test-timeout=1800000', ...files]);
};

const steps = {
  format: () => run('cargo', ['fmt', '--check']),
  clippy: () => {
    run('cargo', ['clippy', '-q', '--locked', '--all-targets', '--features', 'xtask,planted', '--', '-D', 'warnings']);
    run('cargo', ['clippy', '-q', '--locked', '--all-targets', '--features', 'xtask', '--', '-D', 'warnings']);
    for (const feature of ['page', 'keeper', 'v2']) {
      run('cargo', ['clippy', '-q', '--locked', '--lib', '--target', 'wasm32-unknown-unknown', '--no-default-features', '--features', feature, '--', '-D', 'warnings']);
    }
  },
  native: () => run('cargo', ['test', '--locked']),
  sim: () => {
    run(process.execPath, ['scripts/sim.mjs', '--seeds', '10000']);
    run(process.execPath, ['scripts/sim.mjs', '--planted']);
  },
  build: () => run(process.execPath, ['scripts/build.mjs']),
  types: () => {
    run('npx', ['tsc', '-p', '.', '--noEmit', '--emitDeclarationOnly', 'false']);
    run('npx', ['tsc', '-p', 'www']);
  },
  lint: () => run('npx', ['biome', 'lint', '--error-on-warnings']),
  size: () => run(process.execPath, ['scripts/size.mjs']),
  support: () => node('tests/support', 'tests/faults'),
  wasm: () => node('tests/wasm'),
  list: () => node('tests/list'),
  doctor: () => node('tests/doctor'),
  recorder: () => node('tests/recorder'),
  browser: () => node('tests/browser'),
  wpt: () => node('tests/wpt'),
  contract: () => {
    run('cargo', ['build', '-q', '--locked', '--profile', 'test', '--example', 'sse-pipe']);
    node('tests/contract');
  },
  keeper: () => node('tests/keeper'),
  chaos: () => node('tests/chaos'),
  continuity: () => node('tests/continuity'),
  package: () => node('tests/package'),
  interop: () => node('tests/interop'),
  docs: () => node('tests/docs'),
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in steps));
if (unknown.length > 0) fail(`no step ${unknown.join(', ')}; there are ${Object.keys(steps).join(', ')}`);

try {
  await need();
  // Said before the long part, if one of them cannot be had. Imported late: they need the packages.
  const { findChromium } = await import('../tests/support/browser.mjs');
  const { findFirefox } = await import('../tests/support/firefox.mjs');
  const { ensureOpenCode } = await import('../tests/support/opencode.mjs');
  await findChromium();
  await findFirefox();
  for (const version of ['1.18.33', '1.2.27', '1.1.65']) await ensureOpenCode(version);
  const names = chosen.length > 0 ? chosen : Object.keys(steps);
  for (const name of names) {
    const begin = performance.now();
    console.log(`\n=== ${name}`);
    await steps[name]();
    console.log(`=== ${name}: good, ${((performance.now() - begin) / 1000).toFixed(0)} s`);
  }
  console.log(`\n${names.length} passed, 0 failed`);
} catch (error) {
  fail(error.message);
}

function fail(message) {
  console.error(`npm test: ${message}`);
  process.exit(1);
}
