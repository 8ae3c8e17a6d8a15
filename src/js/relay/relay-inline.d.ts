/** The wasm of the relay, as bytes. Made by the build. */
export default function bytes(): Uint8Array<ArrayBuffer>;
