/** The wasm file's bytes; written by the build. */
export default function bytes(): Uint8Array<ArrayBuffer>;
