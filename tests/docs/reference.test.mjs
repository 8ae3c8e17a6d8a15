// The API reference: it can be written without a warning (every export and method has a comment, no link is broken), every export
// has its example, and the examples fit the types.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { promisify } from 'node:util';
import { tempDir } from '../support/temp.mjs';
import { read, ROOT } from './pages.mjs';

const run = promisify(execFile);
/** What the examples of the comments speak of without making it. */
const SPOKEN_OF = `
declare const baseUrl: string, id: string, messageID: string, input: { files: File[] }, file: File, node: HTMLElement;
declare const client: Client, session: ChatSession, list: LiveSessions, recording: Recording, link: HTMLAnchorElement, diverged: Divergence | undefined, message: Message, part: Part, report: Report;
declare function useSyncExternalStore<T>(subscribe: (listener: () => void) => () => void, read: () => T, server: () => T): T;
declare function readFile(path: string): Promise<Uint8Array>;
declare const provider: Provider, chat: Chat;
declare const relay: Relay, request: Request, record: StoreRecord, events: ChatEvent[], options: ChatRouteOptions, upstream: string, authorize: RelayOptions['authorize'];
declare const db: { owns(user: string, id: string): boolean; sessionOf(user: string, chat: string): string | undefined; setSession(user: string, chat: string, session: string): void };
declare function whoIs(request: Request): Access | undefined;
declare function createServer(listener: Listener): { listen(port: number): void };
declare function createElement<P>(type: (props: P) => unknown, props: P): unknown;
declare function showEmpty(): void;
declare function showCountdown(milliseconds: number, why?: string): void;
declare function showSpinner(tool?: string, input?: object): void;
declare function showFile(name?: string, mime?: string, url?: string): void;
declare function render(state: SessionState): void;
`;

/** @typedef {{ name: string, variant?: string, children?: Reflection[], signatures?: Reflection[], comment?: { summary: Content[], blockTags?: { tag: string, content: Content[] }[] } }} Reflection */
/** @typedef {{ kind: string, text: string }} Content */

/** The entry points that have types: typedoc's name of each, the name that is imported, the file. */
const entries = Object.entries(JSON.parse(read('package.json')).exports)
  .filter(([, { types }]) => types !== undefined)
  .map(([path, { types }]) => ({ name: types.replace(/^\.\/dist\//, '').replace(/(?<=.)\/index\.d\.ts$|\.d\.ts$/, ''), from: path.replace('.', 'opencode-session'), types }))
  .filter(({ types }, at, all) => all.findIndex((each) => each.types === types) === at);

/** @type {{ entry: string, each: Reflection }[]} */
let exported;

before(async () => {
  await run(process.execPath, ['scripts/reference.mjs'], { cwd: ROOT }).catch(({ stdout, stderr }) => assert.fail(`${stdout}\n${stderr}`));
  const { children } = JSON.parse(readFileSync(join(ROOT, 'target/reference/api.json'), 'utf8'));
  // What an entry gives on from another one is told there.
  const own = ({ variant }) => variant !== 'reference';
  exported = children.flatMap((entry) => entry.children.filter(own).map((each) => ({ entry: entry.name, each })));
});

/** @param {Reflection} each */
const commentOf = (each) => each.comment ?? each.signatures?.[0]?.comment;
/** @param {Reflection} each */
const examplesOf = (each) => commentOf(each)?.blockTags?.filter(({ tag }) => tag === '@example').map(({ content }) => content.map(({ text }) => text).join('')) ?? [];
/** @param {Content[]} content */
const textOf = (content) => content.map(({ text }) => text).join('').trim();

test('the reference has what the entries export', () => {
  assert.deepEqual([...new Set(exported.map(({ entry }) => entry))].sort(), entries.map(({ name }) => name).sort(), 'entryPoints of scripts/reference/typedoc.json');
  const names = exported.map(({ each }) => each.name);
  for (const name of ['createClient', 'Client', 'ChatSession', 'SessionState', 'SessionError', 'diagnose', 'Report']) assert.ok(names.includes(name), name);
});

test('every export has a summary and an example', () => {
  for (const { entry, each } of exported) {
    assert.ok(textOf(commentOf(each)?.summary ?? []).length > 5, `${entry}: ${each.name} has no summary`);
    assert.ok(examplesOf(each).length > 0, `${entry}: ${each.name} has no example`);
  }
});

test('the examples fit the types, with tsc --strict', async () => {
  const temp = tempDir('reference');
  try {
    const imports = entries.map(({ name, from }) => `import { ${exported.filter(({ entry }) => entry === name).map(({ each }) => each.name).join(', ')} } from '${from}';\n`);
    let count = 0;
    for (const { each } of exported) {
      for (const example of examplesOf(each)) {
        const [, code] = /^```ts\n(.*)\n```$/s.exec(example.trim()) ?? assert.fail(`${each.name}: the example is no ts block`);
        writeFileSync(join(temp.path, `${each.name}-${count}.ts`), `${imports.join('')}${SPOKEN_OF}{\n${code}\n}\n`);
        count += 1;
      }
    }
    assert.ok(count >= exported.length);
    const paths = Object.fromEntries(entries.map(({ from, types }) => [from, [join(ROOT, types)]]));
    const { compilerOptions } = JSON.parse(read('tests/docs/project/tsconfig.json'));
    writeFileSync(join(temp.path, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...compilerOptions, types: [], paths }, include: ['*.ts'] }));
    const { stdout = '' } = await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', temp.path]).then(() => ({}), (error) => error);
    assert.equal(stdout.trim(), '');
  } finally {
    await temp.remove();
  }
});
