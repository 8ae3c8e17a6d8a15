/** Puts the pinned rivals and this package where the adapters find them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const HERE = new URL('.', import.meta.url);

/** Installs only what is missing or not of the pinned version. */
export function install() {
  const { dependencies } = JSON.parse(readFileSync(new URL('package.json', HERE), 'utf8'));
  const fits = ([name, version]) => {
    const file = new URL(`node_modules/${name}/package.json`, HERE);
    return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === version;
  };
  if (!Object.entries(dependencies).every(fits)) {
    // Some rivals name a newer Node than they need.
    const flags = ['--no-engine-strict', '--no-audit', '--no-fund', '--loglevel=error'];
    execFileSync('npm', ['ci', ...flags], { cwd: fileURLToPath(HERE), stdio: ['ignore', 2, 2] });
  }
  // A link instead of a dependency, so that the lock file does not change with every version of the package.
  const link = new URL('node_modules/opencode-session', HERE);
  rmSync(link, { force: true });
  symlinkSync(fileURLToPath(new URL('..', HERE)), link, 'junction');
}

/** @returns {boolean} whether `npm run build` has been run */
export function isBuilt() {
  return existsSync(new URL('../dist/node.js', HERE)) && existsSync(new URL('../dist/index.js', HERE));
}
