// Builds dist/: wasm and glue (xtask), optimised wasm (binaryen), bundled ESM (esbuild), declarations (tsc).
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { shortNames, slim } from './lib/glue.mjs';
import { need, root, run } from './lib/tools.mjs';

const core = `${root}/src/js/core`;
const keeperCore = `${root}/src/js/keeper/core`;
const v2Core = `${root}/src/js/v2/core`;
const providerCore = `${root}/src/js/provider/core`;
const relayCore = `${root}/src/js/relay/core`;
const dist = `${root}/dist`;

await need();
// Imported late: it needs the packages.
const { optimise, optimiseForSpeed } = await import('./lib/wasm.mjs');
// Over wasm that was built before: the bundles alone (`--script`), or with the provider's wasm (`--provider`). For trying a change of those.
const scriptOnly = process.argv.includes('--script');
const providerOnly = process.argv.includes('--provider');
const isWhole = !scriptOnly && !providerOnly;
if (isWhole) {
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  compile('page', core);
  compile('keeper', keeperCore);
  compile('v2', v2Core);
  optimise(`${core}/core_bg.wasm`, `${dist}/core_bg.wasm`);
  for (const [folder, name] of [[keeperCore, 'keeper'], [v2Core, 'v2']]) {
    optimise(`${folder}/${name}_bg.wasm`, `${folder}/${name}.wasm`);
    writeFileSync(`${folder}/${name}.wasm.d.ts`, 'declare const bytes: Uint8Array<ArrayBuffer>;\nexport default bytes;\n');
  }
  // Also for those that bundle the sources themselves, as the keeper's tests do.
  for (const glue of [`${core}/core.js`, `${keeperCore}/keeper.js`, `${v2Core}/v2.js`]) writeFileSync(glue, shortNames(readFileSync(glue, 'utf8')));
  inline(`${dist}/core_bg.wasm`, `${dist}/wasm-inline.js`);
}
if (isWhole) {
  compile('relay', relayCore);
  optimiseForSpeed(`${relayCore}/relay_bg.wasm`, `${relayCore}/relay.wasm`);
  inline(`${relayCore}/relay.wasm`, `${dist}/relay-inline.js`);
}
if (!scriptOnly) {
  const glue = `${providerCore}/provider.js`;
  compile('provider', providerCore);
  optimise(`${providerCore}/provider_bg.wasm`, `${dist}/provider_bg.wasm`);
  writeFileSync(glue, shortNames(readFileSync(glue, 'utf8')));
  inline(`${dist}/provider_bg.wasm`, `${dist}/provider-inline.js`);
}
// A recording is played by the wasm that made it, or says so.
const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
const stamp = `${version}+${createHash('sha256').update(readFileSync(`${dist}/core_bg.wasm`)).digest('hex').slice(0, 12)}`;
await bundle({ index: 'index.ts', node: 'node.ts', shared: 'keeper/shared.ts', leader: 'keeper/leader.ts', commands: 'commands.ts', identity: 'identity.ts', person: 'person.ts', measure: 'measure.ts', problem: 'problem.ts', visible: 'visible.ts', eventsource: 'eventsource.ts', sessions: 'list/sessions.ts', v2: 'v2/v2.ts', provider: 'provider/index.ts', 'provider-extras': 'provider/provider-extras.ts', 'ai-sdk': 'provider/ai-sdk.ts' }, 'esm');
await bundle({ react: 'react/index.ts' }, 'esm');
await bundle({ relay: 'relay/index.ts' }, 'esm');
await bundle({ next: 'next/index.ts' }, 'esm');
await bundle({ metadata: 'metadata/index.ts' }, 'esm');
await bundle({ doctor: 'doctor/index.ts', 'doctor-node': 'doctor/node.ts' }, 'esm');
await bundle({ tape: 'recorder/tape.ts', recorder: 'recorder/index.ts', 'recorder-node': 'recorder/node.ts' }, 'esm');
// The service worker: one classic script, because not all browsers take modules there.
await bundle({ keeper: 'keeper/worker.ts' }, 'iife');
copyFileSync(`${root}/src/cli.mjs`, `${dist}/cli.js`);
if (isWhole) {
  run('cargo', ['run', '-q', '--locked', '--features', 'xtask', '--bin', 'xtask', '--', 'schema', `${dist}/provider-schema.json`]);
  run('npx', ['tsc', '-p', root]);
}
// The glue's types are not part of the public ones.
for (const folder of ['core', 'keeper', 'list', 'provider/core', 'relay/core', 'v2']) rmSync(`${dist}/${folder}`, { recursive: true, force: true });
for (const file of ['bound', 'bytes', 'client', 'changes', 'commands', 'eventsource', 'frames', 'guard', 'host', 'identity', 'initial', 'journal', 'link', 'load', 'options', 'person', 'prompt', 'session', 'storage', 'tabs', 'view', 'visible', 'node', 'doctor/answers', 'doctor/events', 'doctor/listener', 'doctor/node', 'doctor/older', 'doctor/permission', 'doctor/request', 'doctor/server', 'doctor/visit',
  ...['ai-sdk-prompt', 'auth', 'catalogue', 'extras', 'host', 'jwt', 'load', 'lock', 'oauth', 'provider-extras', 'taken', 'text'].map((name) => `provider/${name}`),
  ...['access', 'body', 'check', 'desk', 'hub', 'hubs', 'load', 'origin', 'pass', 'redis-script', 'stream', 'upstream'].map((name) => `relay/${name}`),
  'metadata/check', 'metadata/schema',
  ...['body', 'fault', 'later', 'stream', 'ui-message', 'walk'].map((name) => `next/${name}`),
  ...['mask', 'node', 'play', 'player', 'scrub', 'tape', 'write'].map((name) => `recorder/${name}`),
]) {
  rmSync(`${dist}/${file}.d.ts`, { force: true });
}

function compile(feature, out) {
  run('cargo', ['run', '-q', '--locked', '--features', 'xtask', '--bin', 'xtask', '--', 'build', feature, out]);
}

async function bundle(entries, format) {
  const { build } = await import('esbuild');
  // What is loaded only when it is needed is a file of its own beside the others, for bundlers of users too.
  const beside = {
    name: 'beside',
    setup: ({ onResolve, onLoad }) => {
      onLoad({ filter: /core[/\\](?:core|keeper|v2|provider)\.js$/ }, ({ path }) => ({ contents: slim(readFileSync(path, 'utf8')) }));
      const outside = (path) => ({ path: `./${basename(path)}`, external: true });
      onResolve({ filter: /^\.\.?\// }, ({ kind, path }) => (kind === 'dynamic-import' ? outside(path) : undefined));
      // The package itself, from its further entries.
      onResolve({ filter: /^\.\.\/(index|node|problem)\.js$/ }, ({ path }) => outside(path));
      onResolve({ filter: /^\.\.\/relay\/index\.js$/ }, () => ({ path: './relay.js', external: true }));
    },
  };
  await build({
    entryPoints: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, `${root}/src/js/${file}`])),
    outdir: dist,
    bundle: true,
    format,
    target: 'es2022',
    minify: true,
    loader: { '.wasm': 'binary' },
    define: { __BUILD__: JSON.stringify(stamp) },
    // The user's own: there must be one of it in a page, or on a server.
    external: ['react', 'redis', 'drizzle-orm', 'pg', '@electric-sql/pglite'],
    plugins: [beside],
    logLevel: 'warning',
  });
}

function inline(from, to) {
  const text = readFileSync(from).toString('base64');
  writeFileSync(to, `const t="${text}";export default()=>Uint8Array.from(atob(t),(c)=>c.charCodeAt(0));\n`);
}

if (!existsSync(`${dist}/index.d.ts`)) throw new Error('the declarations are missing');
