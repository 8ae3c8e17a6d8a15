// Builds dist/: wasm and glue (xtask), optimised wasm (binaryen), bundled ESM (esbuild), declarations (tsc).
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { need, root, run } from './lib/tools.mjs';

const core = `${root}/src/js/core`;
const dist = `${root}/dist`;

await need();
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
run('cargo', ['run', '-q', '--locked', '--features', 'xtask', '--bin', 'xtask', '--', 'build', core]);
optimise(`${core}/core_bg.wasm`, `${dist}/core_bg.wasm`);
await bundle();
inline(`${dist}/core_bg.wasm`, `${dist}/wasm-inline.js`);
await keeper();
copyFileSync(`${root}/src/cli.mjs`, `${dist}/cli.js`);
run('npx', ['tsc', '-p', root]);
// The glue's types are not part of the public ones.
for (const folder of ['core', 'keeper']) rmSync(`${dist}/${folder}`, { recursive: true, force: true });
for (const file of ['client', 'changes', 'frames', 'host', 'journal', 'link', 'prompt', 'session', 'storage', 'tabs', 'view', 'node']) {
  rmSync(`${dist}/${file}.d.ts`, { force: true });
}

/** No inlining: it makes the file bigger once compressed. No feature flags: the file names its own. */
function optimise(from, to) {
  const wasmOpt = fileURLToPath(new URL('../node_modules/binaryen/bin/wasm-opt', import.meta.url));
  execFileSync(process.execPath, [wasmOpt, '-Oz', '-ocimfs', '0', '-aimfs', '0', '-fimfs', '0', from, '-o', to], { stdio: 'inherit' });
  if (!WebAssembly.validate(readFileSync(to))) throw new Error('the optimised wasm is not valid');
}

async function bundle() {
  const { build } = await import('esbuild');
  await build({
    entryPoints: { index: `${root}/src/js/index.ts`, node: `${root}/src/js/node.ts` },
    outdir: dist,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    keepNames: false,
    // Written below; a bundler of the user must see it as a file of its own, loaded only when it is needed.
    external: ['./wasm-inline.js'],
    logLevel: 'warning',
  });
}

/** The service worker: one classic script with the wasm inside, because not all browsers take modules there. */
async function keeper() {
  const { build } = await import('esbuild');
  const inlined = {
    name: 'inlined wasm',
    setup: ({ onResolve }) => onResolve({ filter: /wasm-inline\.js$/ }, () => ({ path: `${dist}/wasm-inline.js` })),
  };
  await build({
    entryPoints: [`${root}/src/js/keeper/worker.ts`],
    outfile: `${dist}/keeper.js`,
    bundle: true,
    format: 'iife',
    target: 'es2022',
    minify: true,
    plugins: [inlined],
    logLevel: 'warning',
  });
}

function inline(from, to) {
  const text = readFileSync(from).toString('base64');
  writeFileSync(to, `const t="${text}";export default()=>Uint8Array.from(atob(t),(c)=>c.charCodeAt(0));\n`);
}

if (!existsSync(`${dist}/index.d.ts`)) throw new Error('the declarations are missing');
