//! The shell's wasm half: it runs the client and carries its outputs to JavaScript, and decides nothing.
//!
//! Requests, timers and streams are done by the host object (`src/js/link.ts`): a read that stays in JavaScript costs
//! half of one that is driven from here, and secrets never come into wasm memory.

#[cfg(feature = "page")]
mod core;
#[cfg(feature = "page")]
mod host;
#[cfg(feature = "provider")]
mod http;
#[cfg(feature = "keeper")]
mod keeper;
#[cfg(feature = "page")]
mod options;
#[cfg(feature = "provider")]
mod provider;
#[cfg(feature = "relay")]
mod relay;
#[cfg(feature = "page")]
mod shell;
#[cfg(feature = "page")]
mod sink;
#[cfg(feature = "v2")]
mod v2;

/// Half the code of the default allocator: 2 KB less of the core entry's Brotli size.
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
