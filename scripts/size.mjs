// The size budget: what a page downloads for the core entry (wasm + JavaScript), Brotli 11. Fails when exceeded.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { root } from './lib/tools.mjs';

const BUDGET = 70_000;
const files = ['core_bg.wasm', 'index.js'];

const rows = files.map((file) => {
  const bytes = readFileSync(`${root}/dist/${file}`);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return { file, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes, { params }).length };
});
const total = rows.reduce((sum, row) => sum + row.brotli, 0);
console.log('| file | bytes | gzip | Brotli |\n| --- | ---: | ---: | ---: |');
for (const row of rows) console.log(`| ${row.file} | ${row.raw} | ${row.gzip} | ${row.brotli} |`);
console.log(`| both | | | ${total} of ${BUDGET} |`);
if (total > BUDGET) {
  console.error(`size: the core entry is ${total - BUDGET} bytes over its budget of ${BUDGET} (Brotli 11)`);
  process.exitCode = 1;
}
