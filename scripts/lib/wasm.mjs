// Makes the compiler's wasm small.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import binaryen from 'binaryen';
import { forgetPanics, shortImports } from './sections.mjs';

const wasmOpt = fileURLToPath(new URL('../../node_modules/binaryen/bin/wasm-opt', import.meta.url));
const STANDARD = /^<?(core|std|alloc|__rustc)[[:]|^<.* as core\[\w+\]::fmt::/;
/** What the standard library calls when something cannot go on. */
const PANIC = /\bpanicking::|slice_index_fail|slice_error_fail|unwrap_failed|expect_failed|assert_failed|mismatch_fail|panic_already|rust_begin_unwind|raw_vec::handle_error|handle_alloc_error/;
/** What puts texts together. Numbers alone go another way. */
const FORMAT = /\bfmt::(write\b|Write|Formatter|Display|Debug|Error)/;

/**
 * What makes the compressed file small: control flow built anew and then optimised twice, no hints about alignment
 * (engines do not use them), no inlining, and no sharing of expressions. The linker puts the stack first, so that no
 * address of a value is in the lowest kilobyte.
 */
const OPTIONS = ['--flatten', '--rereloop', '-Oz', '-Oz', '--dealign', '-ocimfs', '0', '-aimfs', '0', '-fimfs', '0', '--low-memory-unused', '--skip-pass=local-cse', '--converge', '--strip-target-features'];

/** Optimises a file that still has its names. */
export function optimise(from, to) {
  /** @type {[begin: number, end: number][]} */
  const emptied = [];
  writeFileSync(to, shortImports(forgetPanics(mute(readFileSync(from)), emptied)));
  execFileSync(process.execPath, [wasmOpt, ...OPTIONS, to, '-o', to], { stdio: 'inherit' });
  const bytes = readFileSync(to);
  if (!WebAssembly.validate(bytes)) throw new Error('the optimised wasm is not valid');
  if (emptied.length > 0) checkUnnamed(bytes, emptied);
}

/** Stops the build where code looks into what was emptied. */
function checkUnnamed(bytes, emptied) {
  const module = binaryen.readBinary(bytes);
  for (const [, value] of module.emitText().matchAll(/(?:i32\.const |offset=)(\d+)/g)) {
    if (emptied.some(([begin, end]) => value >= begin && value < end)) throw new Error(`the wasm looks into a table for {:?} that was emptied, at ${value}`);
  }
  module.dispose();
}

/** The same for a file that nobody downloads: it may be large, and texts of errors stay. */
export function optimiseForSpeed(from, to) {
  execFileSync(process.execPath, [wasmOpt, '-O3', '--strip-debug', '--enable-simd', '--enable-bulk-memory', '--enable-nontrapping-float-to-int', from, '-o', to], { stdio: 'inherit' });
}

/**
 * A panic ends in a trap, and on this target nobody hears what is said before. Only the trap is left of it, and nothing
 * of the formatting behind it; formatting that is of use elsewhere stops the build, because it is large.
 */
function mute(bytes) {
  const module = binaryen.readBinary(bytes);
  const muted = new Set();
  for (let at = 0; at < module.getNumFunctions(); at += 1) {
    const each = module.getFunctionByIndex(at);
    const { name, base } = binaryen.getFunctionInfo(each);
    if (base || !STANDARD.test(name) || !(PANIC.test(name) || FORMAT.test(name))) continue;
    binaryen.Function.setBody(each, module.unreachable());
    muted.add(name);
  }
  if (![...muted].some((name) => PANIC.test(name))) throw new Error('no panic in the wasm: the names of the standard library have changed');
  const users = new Set();
  for (const body of module.emitText().split('\n (func $').slice(1)) {
    for (const [, quoted, plain] of body.matchAll(/\(call \$(?:"([^"]+)"|([^\s)]+))/g)) {
      if (muted.has(quoted ?? plain) && FORMAT.test(quoted ?? plain)) users.add(`${body.slice(0, body.indexOf('\n'))} calls ${quoted ?? plain}`);
    }
  }
  if (users.size > 0) throw new Error(`the wasm formats text:\n${[...users].join('\n')}`);
  const small = module.emitBinary();
  module.dispose();
  return small;
}
