// `npm run contract`: launchdarkly/sse-contract-tests itself against our client. The program is SSE_CONTRACT_TESTS, or
// the one on the PATH, or is built when there is a Go toolchain. What it finds different by design is left out by name.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { root, run } from './lib/tools.mjs';

/** Of version 2.31.0. */
const COMMIT = '81fc820';

const program = find();
if (!existsSync(`${root}/dist/node.js`)) run(process.execPath, ['scripts/build.mjs']);
run('cargo', ['build', '-q', '--locked', '--profile', 'test', '--example', 'sse-pipe']);
const { startAdapter } = await import('../tests/contract/adapter.mjs');
const { freePort } = await import('../tests/support/ports.mjs');
const { different } = JSON.parse(readFileSync(`${root}/tests/contract/originals.json`, 'utf8'));
const adapter = await startAdapter();
const skips = different.flatMap((name) => ['-skip', `^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`]);
const child = spawn(program, ['-url', adapter.url, '-port', `${await freePort()}`, ...skips, ...process.argv.slice(2)], { stdio: 'inherit' });
child.on('close', async (code) => {
  await adapter.close();
  process.exit(code ?? 1);
});

function find() {
  const asked = process.env.SSE_CONTRACT_TESTS;
  if (asked) return asked;
  const built = `${root}/.cache/go/sse-contract-tests`;
  for (const each of ['sse-contract-tests', built]) if (spawnSync(each, ['-h']).error === undefined) return each;
  try {
    execFileSync('go', ['install', `github.com/launchdarkly/sse-contract-tests@${COMMIT}`], { stdio: 'inherit', env: { ...process.env, GOBIN: `${root}/.cache/go` } });
    return built;
  } catch {
    console.error('npm run contract: set SSE_CONTRACT_TESTS to the program of launchdarkly/sse-contract-tests, or install Go');
    process.exit(1);
  }
}
