// Takes out of wasm-bindgen's glue what this package cannot reach: hosts older than its build target, other ways to call it, and
// tidying after an allocation that failed, which ends the wasm instance anyway.

/** @type {[RegExp, string][]} */
const CUTS = [
  [/try \{\n(\s+ptr0 = (?:(?!\} catch).)*)\} catch \(e\) \{(?:(?!throw e;).)*throw e;\n\s+\}/gs, '$1'],
  [/ {4}if \(realloc === undefined\) \{.*?\n {4}\}\n/gs, ''],
  [/if \(!\('encodeInto' in cachedTextEncoder\)\) \{.*?\n\}\n/gs, ''],
  [/ {4}if \(module_or_path !== undefined\) \{.*?\n {4}\}\n\n\n/gs, '    ({ module_or_path } = module_or_path);\n'],
  [/console\.warn\("`WebAssembly\.instantiateStreaming`.*?, e\);/gs, "console.warn('core_bg.wasm is not served as application/wasm: it loads slower.');"],
  [/if \(Symbol\.dispose\).*?;\n/g, ''],
];

/** @param {string} glue */
export function slim(glue) {
  for (const [cut, instead] of CUTS) {
    const left = glue.replace(cut, instead);
    if (left === glue) throw new Error(`the glue has another form than expected: nothing is like ${cut}`);
    glue = left;
  }
  return glue;
}
