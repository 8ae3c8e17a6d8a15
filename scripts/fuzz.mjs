// `npm run fuzz -- TARGET [seconds]`: fuzzes one target on a nightly toolchain, from its corpus. New inputs stay in
// .cache/fuzz; `npm run fuzz -- pack TARGET` puts the smallest set of them that reaches as much into fuzz/corpus, where
// `npm test` replays them. A crash is written to fuzz/crashes, by its name.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { root, run } from './lib/tools.mjs';

/** An archive holds no more than this, and no input that is longer. */
const MOST = 100_000;
const LONGEST = 1_000;

const targets = readdirSync(`${root}/fuzz/fuzz_targets`).map((file) => file.replace('.rs', ''));
const words = process.argv.slice(2);
const packs = words[0] === 'pack';
const [target, seconds = '300'] = packs ? words.slice(1) : words;

if (!targets.includes(target) || !(Number(seconds) > 0)) fail(`use: npm run fuzz -- TARGET [seconds], or pack TARGET; the targets are ${targets.join(', ')}`);
const has = (args) => spawnSync('cargo', args, { cwd: root, stdio: 'ignore' }).status === 0;
if (!has(['+nightly', '--version'])) fail('a nightly toolchain is missing: rustup toolchain install nightly');
if (!has(['+nightly', 'fuzz', '--version'])) fail('cargo-fuzz is missing: cargo install cargo-fuzz --locked');

const work = `${root}/.cache/fuzz/${target}`;
const archive = `${root}/fuzz/corpus/${target}.bin`;
mkdirSync(work, { recursive: true });
const fuzz = (...rest) => run('cargo', ['+nightly', 'fuzz', ...rest], { cwd: `${root}/fuzz` });
try {
  if (packs) pack();
  else {
    unpack();
    mkdirSync(`${root}/fuzz/crashes/${target}`, { recursive: true });
    fuzz('run', target, work, '--', `-max_total_time=${seconds}`, '-timeout=10', '-rss_limit_mb=2048', `-max_len=${2 * LONGEST}`, `-artifact_prefix=${root}/fuzz/crashes/${target}/`);
  }
} catch (error) {
  fail(error.message);
}

function unpack() {
  let bytes;
  try {
    bytes = readFileSync(archive);
  } catch {
    return;
  }
  for (let at = 0, count = 0; at < bytes.length; count += 1) {
    const length = bytes.readUInt16LE(at);
    writeFileSync(`${work}/seed-${count}`, bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
}

function pack() {
  const least = `${root}/.cache/fuzz/${target}-least`;
  rmSync(least, { recursive: true, force: true });
  mkdirSync(least, { recursive: true });
  fuzz('run', target, least, work, '--', '-merge=1', `-max_len=${LONGEST}`);
  const files = readdirSync(least).map((name) => `${least}/${name}`).sort((a, b) => statSync(a).size - statSync(b).size || (a < b ? -1 : 1));
  const pieces = [];
  let size = 0;
  for (const file of files) {
    const bytes = readFileSync(file);
    size += 2 + bytes.length;
    if (size > MOST) break;
    const length = Buffer.alloc(2);
    length.writeUInt16LE(bytes.length);
    pieces.push(length, bytes);
  }
  mkdirSync(`${root}/fuzz/corpus`, { recursive: true });
  writeFileSync(archive, Buffer.concat(pieces));
  console.log(`${pieces.length / 2} of ${files.length} inputs in ${archive}`);
}

function fail(message) {
  console.error(`npm run fuzz: ${message}`);
  process.exit(1);
}
