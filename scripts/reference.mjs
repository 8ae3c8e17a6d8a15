// `npm run docs`: the API reference of the package (typedoc, from the published types) and of the crate (rustdoc).
import { existsSync } from 'node:fs';
import { need, root, run } from './lib/tools.mjs';

const tools = `${root}/scripts/reference`;

await need();
if (!existsSync(`${root}/dist/index.d.ts`)) run(process.execPath, ['scripts/build.mjs']);
if (!existsSync(`${tools}/node_modules/typedoc`)) run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: tools });
run(process.execPath, [`${tools}/node_modules/typedoc/bin/typedoc`, '--options', tools]);
run('cargo', ['doc', '-q', '--locked', '--no-deps', '--lib'], { env: { ...process.env, RUSTDOCFLAGS: '-D warnings' } });
console.log('target/reference/index.html, target/doc/opencode_session/index.html');
