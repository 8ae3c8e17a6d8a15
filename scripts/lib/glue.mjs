// Takes out of wasm-bindgen's glue what this package cannot reach: hosts older than its build target, other ways to call it,
// tidying after an allocation that failed, which ends the wasm instance anyway, and freeing of what nobody holds: a client
// that was not closed has timers and a stream, which hold it, and one that was closed frees what it had. Texts cross seldom: the plain way to encode them is good enough.

import { shorts } from './sections.mjs';

/** Streams what is served as wasm, and reads all else first. */
const LOAD = `async function __wbg_load(module, imports) {
    if (module instanceof Response) {
        if (!module.ok) throw new Error('wasm: ' + module.status);
        if (/^application.wasm/.test(module.headers.get('content-type'))) return WebAssembly.instantiateStreaming(module, imports);
        module = await module.arrayBuffer();
    }
    const made = await WebAssembly.instantiate(module, imports);
    return made instanceof WebAssembly.Instance ? { instance: made, module } : made;
}
`;

/** @type {[RegExp, string][]} */
const CUTS = [
  [/try \{\n(\s+ptr0 = (?:(?!\} catch).)*)\} catch \(e\) \{(?:(?!throw e;).)*throw e;\n\s+\}/gs, '$1'],
  [/(function passStringToWasm0)\(arg, malloc, realloc\) \{.*?\n\}/gs, '$1(arg, malloc) {\n    return passArray8ToWasm0(cachedTextEncoder.encode(arg), malloc);\n}'],
  [/, wasm\.__wbindgen_realloc\)/g, ')'],
  [/if \(!\('encodeInto' in cachedTextEncoder\)\) \{.*?\n\}\n/gs, ''],
  [/ {4}if \(module_or_path !== undefined\) \{.*?\n {4}\}\n\n\n/gs, '    ({ module_or_path } = module_or_path);\n'],
  [/async function __wbg_load\(.*?\n\}\n/gs, LOAD],
  [/typeof module_or_path === 'string' \|\| \(typeof Request.*?instanceof URL\)/g, "typeof module_or_path === 'string' || module_or_path instanceof URL"],
  // Each call makes an instance: one that trapped is replaced. Who loads remembers what is loaded.
  [/let __wbg_init_promise;\nasync function __wbg_init\(.*?\n\}\n\nasync function __wbg_init_once/gs, 'async function __wbg_init'],
  [/if \(Symbol\.dispose\).*?;\n/g, ''],
];

/**
 * Where an instance may be replaced, what was let go without a word must not be freed in the next one.
 * @type {[RegExp, string][]}
 */
const LASTING_CUTS = [
  [/ *\w+Finalization\.\w+\(.*?\);\n/g, ''],
  [/const \w+Finalization = .*?;\n/gs, ''],
];

/** Numbers are made numbers by the wasm call itself. @param {string} glue */
function plainNumbers(glue) {
  return glue.replace(/((?: {8}const val\d+ = \+\w+;\n)+)(.*?\n {4}\}\n)/gs, (_, made, rest) => {
    for (const [, name, from] of made.matchAll(/const (val\d+) = \+(\w+);/g)) rest = rest.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), from);
    return rest;
  });
}

const NAME = /^ {8}(__wbg_\w+)(?=: function)/gm;

/** The names of imports as the wasm file has them (`shortImports`). @param {string} glue */
export function shortNames(glue) {
  const names = shorts([...glue.matchAll(NAME)].map(([, name]) => name));
  return glue.replace(NAME, (_, name) => `        ${names.get(name)}`);
}

/** @param {string} glue */
export function slim(glue) {
  const isReplaced = /class (Core|Dialect) /.test(glue);
  for (const [cut, instead] of isReplaced ? [...CUTS, ...LASTING_CUTS] : CUTS) {
    const left = glue.replace(cut, instead);
    if (left === glue) throw new Error(`the glue has another form than expected: nothing is like ${cut}`);
    glue = left;
  }
  return plainNumbers(glue);
}
