//! The build tool: `cargo run --features xtask --bin xtask -- build page OUT` compiles what a page loads to wasm and writes
//! the glue, `build keeper OUT`, `build v2 OUT`, `build provider OUT` and `build relay OUT` do so for the others; `schema OUT` writes
//! the JSON Schema of the provider's configuration. Functions keep their names: `scripts/lib/wasm.mjs` needs them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "usage: xtask build page|keeper|v2|provider|relay OUT, or xtask schema OUT";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let done = match args.next().as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("build") => match (args.next().as_deref().and_then(std::ffi::OsStr::to_str), args.next()) {
            (Some("page"), Some(out)) => build("page", "core", Path::new(&out)),
            (Some("keeper"), Some(out)) => build("keeper", "keeper", Path::new(&out)),
            (Some("v2"), Some(out)) => build("v2", "v2", Path::new(&out)),
            (Some(name @ ("provider" | "relay")), Some(out)) => build(name, name, Path::new(&out)),
            _ => Err(USAGE.into()),
        },
        Some("schema") => args.next().map_or(Err(USAGE.into()), |out| schema(Path::new(&out))),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The schema and the check are written from one table.
fn schema(out: &Path) -> Result<(), Failure> {
    Ok(std::fs::write(
        out,
        opencode_session::proto::provider::config::json_schema() + "\n",
    )?)
}

/// Compiles with one feature, generates the glue, and puts `name.js`, `name.d.ts` and `name_bg.wasm` into `out`.
fn build(feature: &str, name: &str, out: &Path) -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let status = Command::new("cargo")
        .args([
            "rustc",
            "--quiet",
            "--release",
            "--locked",
            "--lib",
            "--crate-type",
            "cdylib",
        ])
        .args(["--target", "wasm32-unknown-unknown"])
        .args(["--no-default-features", "--features", feature])
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(root)?)
        .current_dir(root)
        .status()?;
    if !status.success() {
        return Err("the wasm build failed; the messages above say why".into());
    }
    let wasm = target.join("wasm32-unknown-unknown/release/opencode_session.wasm");
    wasm_bindgen_cli_support::Bindgen::new()
        .input_path(wasm)
        .out_name(name)
        .typescript(true)
        .omit_default_module_path(true)
        .remove_name_section(false)
        .remove_producers_section(true)
        .web(true)?
        .generate(out)?;
    Ok(())
}

/// SIMD for the byte scans, and no path of this machine in the published file.
fn rust_flags(root: &Path) -> Result<OsString, Failure> {
    let mut flags = vec![OsString::from("-Ctarget-feature=+simd128")];
    let mut hide = |path: &Path, name: &str| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(path);
        flag.push(format!("={name}"));
        flags.push(flag);
    };
    hide(root, "opencode-session");
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    if let Some(sources) = home.map(|home| home.join("registry/src"))
        && let Ok(entries) = std::fs::read_dir(sources)
    {
        for entry in entries.flatten() {
            hide(&entry.path(), "registry");
        }
    }
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output()?.stdout;
    let sysroot = String::from_utf8(sysroot)?;
    hide(&Path::new(sysroot.trim()).join("lib/rustlib/src/rust"), "rust");
    Ok(flags.join(std::ffi::OsStr::new("\u{1f}")))
}
