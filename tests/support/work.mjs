// Counts what the wasm does: calls of its functions and rounds of its loops. The same calls give the same count on every machine.
import { readFileSync } from 'node:fs';
import binaryen from 'binaryen';

let steps = 0;

/** Bytes of `file` that count, for the option `wasm`. @param {URL} file */
export function counting(file) {
  const module = binaryen.readBinary(readFileSync(file));
  const { BulkMemory, MutableGlobals, SignExt, NontrappingFPToInt, ReferenceTypes, Multivalue } = binaryen.Features;
  module.setFeatures(BulkMemory | MutableGlobals | SignExt | NontrappingFPToInt | ReferenceTypes | Multivalue);
  module.runPasses(['log-execution']);
  const bytes = module.emitBinary();
  module.dispose();
  const { instantiate } = WebAssembly;
  // The glue names the imports that the wasm had before.
  WebAssembly.instantiate = /** @type {typeof instantiate} */ ((source, imports) => {
    const more = Object.entries(imports ?? {}).map(([name, own]) => [name, { ...own, log_execution: count }]);
    return instantiate(source, Object.fromEntries(more));
  });
  return bytes;
}

function count() {
  steps += 1;
}

/** What was done since the last call. */
export function work() {
  const done = steps;
  steps = 0;
  return done;
}
