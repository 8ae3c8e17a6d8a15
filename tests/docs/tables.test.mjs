// The tables of the pages against the code: what exists is in its table, with its value.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { read, ROOT, rows } from './pages.mjs';

const UNITS = { MiB: 2 ** 20, KiB: 2 ** 10, s: 1_000, ms: 1, days: 24 * 3_600_000 };

/** A value as a page writes it, in bytes or milliseconds. @param {string} cell */
function value(cell) {
  const [, number, unit] = /^([\d,\s]+?) ?(MiB|KiB|s|ms|days)?$/.exec(cell) ?? [];
  assert.ok(number, `no value: "${cell}"`);
  return Number(number.replace(/[,\s]/g, '')) * (unit === undefined ? 1 : UNITS[unit]);
}

/** A value as the code writes it: numbers, `<<` and `*`. @param {string} text */
function evaluated(text) {
  const number = (part) => {
    const digits = part.trim().replaceAll('_', '');
    assert.match(digits, /^\d+$/, `no number: ${text}`);
    return Number(digits);
  };
  const [first, shift] = text.split('<<');
  return first.split('*').map(number).reduce((all, each) => all * each) * 2 ** (shift === undefined ? 0 : number(shift));
}

/** The fields and values of a struct literal. @param {string} file @param {string} before @returns {Map<string, number>} */
function defaults(file, before) {
  const text = read(file);
  const body = text.slice(text.indexOf(before));
  const fields = [...body.slice(0, body.indexOf('\n        }')).matchAll(/^ +(\w+): ([\d_<* ]+),$/gm)];
  assert.ok(fields.length > 1, `${file} has no ${before}`);
  return new Map(fields.map(([, name, number]) => [name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()), evaluated(number)]));
}

/** Members of an interface with the default that their comment names. @param {string} name @returns {Map<string, string>} */
function members(name) {
  const text = read('src/js/types.ts');
  const body = text.slice(text.indexOf(`export interface ${name} {`));
  const found = body.slice(0, body.indexOf('\n}')).matchAll(/Default (.+?)\.(?: [^*]*)? \*\/\n +readonly (\w+): number;/g);
  return new Map([...found].map(([, number, member]) => [member, number]));
}

const page = rows(read('docs/limits.md'));
/** @param {string} prefix */
const told = (prefix) => new Map(page.filter(([name]) => name.startsWith(prefix)).map(([name, cell]) => [name.slice(prefix.length), value(cell)]));
const sorted = (map) => Object.fromEntries([...map].sort(([a], [b]) => a.localeCompare(b)));

describe('docs/limits.md', () => {
  // The last: what never gets to the core.
  for (const [type, prefix, file, before, own] of [
    ['Limits', 'limits.', 'src/proto/limits.rs', 'impl Default for Limits', { attachments: /ATTACHMENTS = ([\d *]+);/.exec(read('src/js/prompt.ts'))?.[1], answer: /ANSWER = ([\d *]+);/.exec(read('src/js/host.ts'))?.[1] }],
    ['RetryPolicy', 'retry.', 'src/proto/retry/backoff.rs', 'impl Default for RetryPolicy', {}],
  ]) {
    test(`has every one of ${type}, with the defaults of the code`, () => {
      const core = defaults(file, before);
      const code = new Map([...core, ...Object.entries(own).map(([name, number]) => [name, evaluated(number ?? '')])]);
      assert.deepEqual(sorted(told(prefix)), sorted(code));
      const comments = new Map([...members(type)].map(([name, number]) => [name, value(number)]));
      assert.deepEqual(sorted(comments), sorted(code), 'the comments of types.ts');
      for (const name of core.keys()) assert.ok(read('src/web/options.rs').includes(`key.is("${name}")`), `${name} is no option`);
    });
  }

  test("has every one of the keeper's, with its value", () => {
    const code = new Map([...defaults('src/proto/keeper/mod.rs', 'Config {\n            retry'), ...defaults('src/proto/replay/mod.rs', 'impl Default for ReplayLimits')]);
    const at = page.findIndex(([name]) => name === 'bytes');
    code.set('streams', evaluated(/STREAMS = (\d+);/.exec(read('src/js/keeper/hub.ts'))?.[1] ?? ''));
    const own = page.slice(at, at + code.size).map(([name, cell]) => [name, value(cell)]);
    assert.deepEqual(sorted(new Map(own)), sorted(code));
  });

  for (const [start, file, name] of [
    ['wait for the first event of a stream', 'src/proto/connection/link.rs', 'CONNECT_TIMEOUT'],
    ['the same, when the server answers other', 'src/proto/connection/link.rs', 'HELD_BACK'],
    ['the history is shown without', 'src/proto/connection/link.rs', 'PATIENCE'],
    ['silence that is never', 'src/proto/connection/watchdog.rs', 'FLOOR'],
    ["the same, while the server's beat", 'src/proto/connection/watchdog.rs', 'FIRST_GUESS'],
    ['longest Retry-After', 'src/proto/retry/backoff.rs', 'MAX_RETRY_AFTER'],
    ['a better source', 'src/proto/connection/link.rs', 'PROBE_AFTER'],
    ['the same, after many', 'src/proto/connection/link.rs', 'MAX_PROBE_AFTER'],
    ['a history whose newest', 'src/proto/sync/loading.rs', 'LARGE_AGAIN'],
    ['polling while a turn', 'src/proto/client/mod.rs', 'POLL_BUSY'],
    ['polling while none', 'src/proto/client/stream.rs', 'POLL_IDLE'],
    ['the same, when nothing moves', 'src/proto/client/stream.rs', 'POLL_LONGEST'],
    ['after broken events', 'src/proto/client/stream.rs', 'RESYNC_EVERY'],
    ['a state is told', 'src/js/frames.ts', 'LATEST'],
    ['steps that a reader', 'src/js/changes.ts', 'LIMIT'],
    ['the journal is written', 'src/js/journal.ts', 'EVERY'],
    ['history and prompts wait', 'src/js/journal.ts', 'PATIENCE'],
    ['journal records that nobody', 'src/js/storage.ts', 'KEEP'],
    ['journal records in memory', 'src/js/storage.ts', 'MEMORY'],
    ['writes of the journal', 'src/js/journal.ts', 'WRITES'],
    ['storage that takes longer', 'src/js/journal.ts', 'HUNG'],
    ['messages that are looked through', 'src/proto/sync/restored.rs', 'LOOK'],
    ['events of messages that are not known', 'src/proto/sync/parked.rs', 'FETCHES'],
    ['messages that are followed so', 'src/proto/sync/parked.rs', 'MAX_UNKNOWN'],
    ['parts kept', 'src/proto/store/page.rs', 'MAX_PARTS'],
    ['permissions kept', 'src/proto/sync/fields.rs', 'MAX_REQUESTS'],
    ['removed messages', 'src/proto/store/messages.rs', 'MAX_TOMBSTONES'],
    ['sessions open', 'src/js/client.ts', 'SESSIONS'],
    ['words of other tabs', 'src/js/client.ts', 'MISSED'],
    ['sessions that a live list', 'src/js/list/roll.ts', 'MAX_KNOWN'],
    ['work on a stream', 'src/js/answer.ts', 'TURN'],
    ['statuses that a live list', 'src/js/list/roll.ts', 'MAX_STATUSES'],
    ['requests for a person that it', 'src/js/list/roll.ts', 'MAX_REQUESTS'],
    ['sessions that a live list asks', 'src/js/list/sessions.ts', 'LOOKING'],
    ['sessions that it asks', 'src/js/list/sessions.ts', 'LOOKED'],
    ['depth of JSON', 'src/proto/json/cursor.rs', 'MAX_DEPTH'],
    ['depth of sub-agents', 'src/proto/sync/family.rs', 'MAX_DEPTH'],
    ['sessions whose parents', 'src/proto/sync/family.rs', 'MAX_LINKS'],
    ['requests of sessions', 'src/proto/sync/family.rs', 'MAX_STRAYS'],
    ['a session or list of React', 'src/js/react/leases.ts', 'LINGER'],
    ['largest file of a recording', 'src/js/recorder/read.ts', 'FILE'],
    ['entries of it', 'src/js/recorder/read.ts', 'ENTRIES'],
    ['sessions that it may have open', 'src/js/recorder/read.ts', 'SESSIONS'],
    ['sessions that it may open', 'src/js/recorder/read.ts', 'OPENED'],
    ['the doctor waits', 'src/js/doctor/server.ts', 'SOON'],
    ['largest answer that the doctor', 'src/js/doctor/request.ts', 'ANSWER'],
    ['longest line of the event stream that the doctor', 'src/js/doctor/listener.ts', 'LINE'],
    ['an answer of a model', 'src/proto/provider/answer/stream.rs', 'MAX_ANSWER'],
    ['answers and tool calls', 'src/proto/provider/answer/stream.rs', 'MAX_CHOICES'],
    ['a request, as JSON', 'src/proto/provider/ask/read.rs', 'MAX_REQUEST'],
    ['a prompt of a hole', 'src/proto/provider/family/fim.rs', 'MAX_PROMPT'],
    ['chunks that wait', 'src/js/provider/stream.ts', 'MAX_CHUNKS'],
    ['models and endpoints of a fallback', 'src/proto/provider/fallback.rs', 'MAX_FALLBACKS'],
    ['a catalogue by its address', 'src/js/provider/catalogue.ts', 'MAX_CATALOGUE'],
    ['it has to answer within', 'src/js/provider/catalogue.ts', 'PATIENCE'],
    ['after a failure nobody', 'src/js/provider/catalogue.ts', 'PAUSE'],
    ['a list of models', 'src/proto/provider/models/list.rs', 'MAX_BODY'],
    ['models of a list', 'src/proto/provider/models/list.rs', 'MAX_MODELS'],
    ['the body of an error', 'src/web/provider/exchange.rs', 'MAX_ERROR'],
    ['after [DONE]', 'src/proto/provider/answer/stream.rs', 'LINGER'],
    ['after the last finish', 'src/proto/provider/answer/stream.rs', 'LINGER_FINISHED'],
    ['tokens that an answer without', 'src/web/provider/call.rs', 'EXPECTED'],
    ['requests measured', 'src/proto/provider/models/measure.rs', 'MAX_SAMPLES'],
    ['models that are measured', 'src/proto/provider/models/measure.rs', 'MAX_MEASURED'],
    ['models whose tokens', 'src/web/provider/inner.rs', 'MAX_ESTIMATORS'],
    ['days that are remembered', 'src/proto/provider/budget/ledger.rs', 'MAX_DAYS'],
    ['the token endpoint has', 'src/js/provider/oauth.ts', 'PATIENCE'],
    ['the largest answer of a token', 'src/js/provider/oauth.ts', 'MAX_TOKEN_ANSWER'],
    ['a prompt that the command', 'src/cli.mjs', 'MAX_INPUT'],
    ['a server that answers no page', 'src/js/provider/host.ts', 'LOOK'],
    ['requests that wait for a token', 'src/proto/provider/refresh/machine.rs', 'MAX_WAITING'],
  ]) {
    test(`"${start} …" is ${name}`, () => {
      const row = page.find(([what]) => what.startsWith(start));
      assert.ok(row, 'the row is missing');
      const [, code] = new RegExp(`const ${name}(?:: \\w+)? = ([^;]+);`).exec(read(file)) ?? [];
      assert.ok(code, `${file} has no ${name}`);
      assert.equal(value(row[1]), evaluated(code));
    });
  }
});

/** All sources of the package. @param {string} folder @param {string} extension @returns {string[]} */
const sources = (folder, extension) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(extension) && !/(^|\/)core\//.test(file))
    .map((file) => readFileSync(join(ROOT, folder, file), 'utf8'));

describe('docs/errors.md', () => {
  const errors = rows(read('docs/errors.md'));
  const codes = new Map(errors.filter(([, , retryable]) => retryable === 'yes' || retryable === 'no').map(([code, , retryable]) => [code, retryable]));
  const rust = new Map([...read('src/proto/error.rs').matchAll(/=> \(\s*"(\w+)",\s*"(?:[^"\\]|\\.)*",\s*(true|false),?\s*\)/g)].map(([, code, retryable]) => [code, retryable === 'true' ? 'yes' : 'no']));
  const typed = sources('src/js', '.ts').flatMap((text) => [...text.matchAll(/(?:\bcode: |refused\(\s*)'([a-z_]+)'/g)].map(([, code]) => code));

  test('every code of the core, with whether it may be tried again', () => {
    const variants = read('src/proto/error.rs').match(/Code::\w+ => \(/g) ?? [];
    assert.equal(rust.size, variants.length, 'a code of error.rs was not read');
    for (const [code, retryable] of rust) assert.equal(codes.get(code), retryable, code);
  });

  test('every code of the TypeScript side', () => {
    assert.ok(typed.length > 10);
    for (const code of typed) assert.ok(codes.has(code), `${code} is missing`);
  });

  test('a sentence for each of them, and for no others', async () => {
    const { SENTENCES } = await import('../../dist/problem.js');
    assert.deepEqual(Object.keys(SENTENCES).sort(), [...codes.keys()].sort());
    for (const sentence of Object.values(SENTENCES)) assert.match(sentence, /^[A-Z][^{}_]+[.]$/);
  });

  test('no code that there is not', () => {
    const known = new Set([...rust.keys(), ...typed]);
    assert.deepEqual([...codes.keys()].filter((code) => !known.has(code)), []);
  });
});

describe('docs/provider.md', () => {
  const page = read('docs/provider.md');
  const told = new Map(rows(page).filter(([, retryable]) => retryable === 'yes' || retryable === 'no').map(([code, retryable]) => [code, retryable]));
  const rust = [...read('src/proto/provider/fault.rs').matchAll(/^ {4}\(\s*"(\w+)",\s*(true|false),/gm)].map(([, code, retryable]) => [code, retryable === 'true' ? 'yes' : 'no']);
  const typed = sources('src/js/provider', '.ts').flatMap((text) => [...text.matchAll(/\b(?:fault|refused)\('(\w+)'/g)].map(([, code]) => [code, 'no']));

  test('every code, with whether it may be tried again, and no other', () => {
    assert.ok(rust.length > 20 && typed.length > 5);
    const known = new Map([...typed, ...rust]);
    assert.deepEqual(sorted(told), sorted(known));
  });

  test('every option, whether it is required, its default and its bounds', () => {
    /** @param {any} schema @param {string} at @returns {[string, any, boolean][]} */
    const leaves = (schema, at) => Object.entries(schema.properties).flatMap(([name, rule]) => (rule.properties === undefined ? [[at + name, rule, schema.required?.includes(name) ?? false]] : leaves(rule, `${at}${name}.`)));
    const shown = (/** @type {unknown} */ value) => (typeof value === 'number' ? value.toLocaleString('en') : String(value));
    const table = page.slice(page.indexOf('| option | default |'), page.indexOf('## Errors'));
    const written = rows(table).filter(([name]) => name !== 'option' && !name.startsWith('---'));
    const options = leaves(JSON.parse(read('dist/provider-schema.json')), '');
    assert.deepEqual(written.map(([name]) => name), options.map(([name]) => name));
    for (const [at, [name, { default: usual, minimum, maximum, maxItems, description }, required]] of options.entries()) {
      const [, first, range] = written[at];
      const unit = /millisecond/.test(description) ? ' ms' : /in seconds/.test(description) ? ' s' : /^Minutes/.test(description) ? ' min' : '';
      assert.equal(first, required ? 'required' : usual === undefined ? '' : shown(usual) + unit, name);
      const bounds = maximum !== undefined ? `${shown(minimum)} to ${shown(maximum)}${unit}` : minimum !== undefined ? `at least ${shown(minimum)}${unit}` : maxItems !== undefined ? `at most ${maxItems}` : '';
      assert.equal(range, bounds, name);
    }
  });

  test('every field of a request', () => {
    const told = rows(page).flatMap(([cell]) => cell.replace(/^of \w+: /, '').split(', '));
    const types = read('src/js/provider/types.ts');
    const fields = ['RequestOptions', 'ChatRequest', 'CompletionRequest', 'FimRequest'].flatMap((name) => {
      const [, body] = new RegExp(`interface ${name}[^{]*\\{\n([\\s\\S]*?)\n\\}`).exec(types) ?? [];
      return [...(body ?? '').matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, field]) => field);
    });
    assert.ok(fields.length > 25);
    assert.deepEqual(fields.filter((field) => !told.includes(field)), []);
  });
});

describe('docs/relay.md and docs/next.md', () => {
  const relay = rows(read('docs/relay.md'));
  const coded = (cells) => Object.fromEntries(cells.filter(([, status]) => /^[45]\d\d$/.test(status)).map(([code, status]) => [code, Number(status)]));

  test('every code of the relay, with its status, and no other', () => {
    const code = Object.fromEntries([...read('src/js/relay/errors.ts').matchAll(/^ {2}(\w+): \[(\d+), /gm)].map(([, name, status]) => [name, Number(status)]));
    assert.ok(Object.keys(code).length > 15);
    assert.deepEqual(coded(relay), code);
  });

  test('every code of the chat endpoint, with its status, and no other', () => {
    const table = /const STATUS = \{([^}]+)\}/.exec(read('src/js/next/fault.ts'))?.[1] ?? '';
    const code = Object.fromEntries([...table.matchAll(/(\w+): (\d+)/g)].map(([, name, status]) => [name, Number(status)]));
    assert.deepEqual(coded(rows(read('docs/next.md'))), code);
  });

  test('every limit, with the default of the code', () => {
    const own = { body: /BODY = ([^;]+);/, answer: /ANSWER = ([^;]+);/, requestTimeout: /PATIENCE = ([^;]+);/ };
    const desk = read('src/js/relay/desk.ts') + read('src/js/relay/body.ts');
    const rust = [...read('src/proto/relay/mod.rs').matchAll(/^ {12}(\w+): ([\d_<* ]+),$/gm)].map(([, name, number]) => [name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()), number]);
    const code = new Map([...rust, ...Object.entries(own).map(([name, form]) => [name, form.exec(desk)?.[1] ?? ''])].map(([name, number]) => [name, evaluated(number)]));
    const [, body] = /interface RelayLimits \{([\s\S]*?)\n\}/.exec(read('src/js/relay/options.ts')) ?? [];
    const names = [...(body ?? '').matchAll(/readonly (\w+)\?:/g)].map(([, name]) => name);
    const shown = new Map(relay.flatMap(([cells, values]) => {
      const [all, each] = [cells.split(', '), values?.split(', ') ?? []];
      return all.length === each.length ? all.map((name, at) => [name, each[at]]) : [[cells, values]];
    }));
    for (const name of names.filter((each) => !['replay', 'tail'].includes(each))) assert.equal(value(shown.get(name) ?? ''), code.get(name), name);
    assert.ok(names.length > 18);
  });
});

describe('docs/doctor.md', () => {
  const doctor = read('docs/doctor.md');
  const code = sources('src/js/doctor', '.ts').join('\n');

  test('every check', () => {
    const checks = [...code.matchAll(/: Job = \{\n {2}name: '(\w+)'/g)].map(([, name]) => name);
    assert.ok(checks.length > 10);
    assert.deepEqual(rows(doctor).map(([name]) => name).filter((name) => checks.includes(name)).sort(), checks.sort());
  });

  test('every cause that is no error of the client', () => {
    const causes = [...code.matchAll(/\bfailed\(\s*'(\w+)'/g)].map(([, cause]) => cause);
    assert.ok(causes.length > 15);
    const codes = rows(read('docs/errors.md')).map(([name]) => name);
    for (const cause of causes) assert.ok(doctor.includes(`\`${cause}\``) || codes.includes(cause), `${cause} is missing`);
  });

  test('every option of the command', () => {
    const options = [...read('src/cli.mjs').matchAll(/^ {2}(\w+): \{ type:/gm)].map(([, name]) => name);
    assert.ok(options.length > 8);
    for (const name of options) assert.ok(doctor.includes(`\`--${name}`), `--${name} is missing`);
  });
});

test('the names of options are those of the types', () => {
  const types = ['types', 'command-options', 'recording', 'recorder/types', 'doctor/types'].map((file) => read(`src/js/${file}.ts`)).join('\n');
  for (const [of, name] of [
    ['createClient', 'ClientOptions'], ['retry', 'RetryPolicy'], ['limits', 'Limits'], ['openSession', 'OpenOptions'], ['send', 'SendOptions'],
    ['prompt', 'PromptInput'], ['createSession', 'SessionInit'], ['list', 'ListQuery'], ['live', 'LiveQuery'], ['command', 'CommandOptions'],
    ['shell', 'ShellOptions'], ['record', 'RecordOptions'], ['file', 'RecordingFileOptions'], ['replay', 'ReplayOptions'], ['diagnose', 'DoctorOptions'],
  ]) {
    const body = types.slice(types.indexOf(`export interface ${name} {`));
    const members = [...body.slice(0, body.indexOf('\n}')).matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, member]) => member);
    const known = new RegExp(`^ {2}${of}: '(.*)',$`, 'm').exec(read('src/js/options.ts'))?.[1].split(' ');
    assert.deepEqual(known?.sort(), members.sort(), of);
  }
});
