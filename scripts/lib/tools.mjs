// What the scripts share: running commands, and installing what is missing.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Runs a command with its output shown; throws one clear line when it fails. */
export function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (done.error) throw new Error(`${command} could not be started: install it first (${done.error.code})`);
  if (done.status !== 0) throw new Error(`${command} ${args.slice(0, 4).join(' ')} failed`);
}

/** npm packages and the Rust toolchain with its wasm target: what every script needs. */
export async function need() {
  if (!existsSync(`${root}/node_modules/.package-lock.json`)) run('npm', ['ci', '--no-audit', '--no-fund']);
  mkdirSync(`${root}/.cache`, { recursive: true });
  needRust();
}

function needRust() {
  if (spawnSync('rustup', ['--version']).status !== 0) {
    throw new Error('rustup is missing: install it from rustup.rs, then run this again');
  }
  const wanted = readFileSync(`${root}/rust-toolchain.toml`, 'utf8').match(/channel = "([^"]+)"/)?.[1];
  const has = (args) => {
    try {
      return execFileSync('rustup', args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] }).toString();
    } catch {
      return '';
    }
  };
  if (!has(['target', 'list', '--installed', '--toolchain', wanted]).includes('wasm32-unknown-unknown')) {
    run('rustup', ['toolchain', 'install', wanted, '--profile', 'minimal', '--target', 'wasm32-unknown-unknown', '--component', 'clippy', '--component', 'rustfmt']);
  }
}
