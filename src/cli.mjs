#!/usr/bin/env node
// `npx opencode-session keeper <public folder>`, `… doctor`, `… replay FILE`, `… models`, `… complete` and `… usage`.
import { copyFileSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { exact, exactJson, inLine, visible } from './visible.js';

const NAME = 'opencode-session-keeper.js';
const USAGE = `usage: opencode-session keeper <public folder>
       opencode-session doctor [--url ADDRESS] [options]
       opencode-session replay FILE [--until N] [--json]
       opencode-session models --endpoint ADDRESS [--key KEY] [--only WORD] [--json]
       opencode-session complete --endpoint ADDRESS [--model ID] [options] [PROMPT]
       opencode-session usage --endpoint ADDRESS [--key KEY] [--path PATH] [--json]

keeper  copies ${NAME} into the folder that your web server serves as "/", such as "public".
        Run it again after each update of the package. Then: createClient({ baseUrl, keeper: true }).
doctor  looks at an OpenCode server and says what is wrong with it, and what to do.
        --url ADDRESS        default http://127.0.0.1:4096
        --username, --password, --token
                             default OPENCODE_SERVER_USERNAME and OPENCODE_SERVER_PASSWORD
        --directory PATH     the project's directory on the server
        --provider ID, --model PROVIDER/MODEL
        --message TEXT       what the check "message" says
        --origin ORIGIN      the origin of your page, for "cors" and "older"
        --test NAME          only this check and those it needs; may be given again
        --patience SECONDS   the longest wait for an answer of the model, default 60
        --json               the report as JSON
        ends with 0 when nothing failed, 1 when a check failed, 2 when it was called wrongly

replay  plays a file of client.record() again, and says what came out of it.
        --until N            only the first N entries
        --json               all of it as JSON, with the states of the sessions
        ends with 0 when all went as recorded, 1 when it did not, 2 when it was called wrongly or the file is none

models  lists the models of an OpenAI-compatible endpoint, with what each can do.
        --endpoint ADDRESS   with its version, such as http://127.0.0.1:8080/v1
        --key KEY            default OPENCODE_PROVIDER_KEY, which other users of the machine cannot see; none: no key is sent
        --only WORD          those that can do it: chat, completion, fim, tools or reasoning
        --json               the list as JSON
        ends with 0, 1 when the endpoint gave no list, 2 when it was called wrongly

complete  asks a model of such an endpoint, and prints what it answers as it comes.
        PROMPT               or what comes in at the standard input
        --endpoint, --key    as above
        --model ID           may be left out where the endpoint has one model
        --chat               asks as a person in a chat; --system TEXT is said before
        --suffix TEXT        fills the hole between PROMPT and TEXT, as the model's family does it
        --max-tokens N, --temperature N, --stop TEXT
                             --stop may be given again
        --patience SECONDS   the longest silence, 5 to 300, default 120
        --json               the whole answer as JSON
        Characters that move a terminal are spelled out; --json keeps them, escaped.
        ends with 0, 1 when there was no whole answer, 2 when it was called wrongly, 130 after Ctrl+C

usage   shows what the endpoint tells of usage and limits.
        --endpoint, --key    as above
        --path PATH          its route, default /usage
        --json               the answer as JSON
        ends with 0, 1 when the endpoint told nothing, 2 when it was called wrongly
`;
/** At most so much comes in as a prompt, bytes. */
const MAX_INPUT = 16 << 20;
/** What a model may be able to do. */
const ABILITIES = ['chat', 'completion', 'fim', 'tools', 'reasoning'];
const OPTIONS = /** @type {const} */ ({
  url: { type: 'string', default: 'http://127.0.0.1:4096' },
  username: { type: 'string' },
  password: { type: 'string' },
  token: { type: 'string' },
  directory: { type: 'string' },
  provider: { type: 'string' },
  model: { type: 'string' },
  message: { type: 'string' },
  origin: { type: 'string' },
  test: { type: 'string', multiple: true },
  patience: { type: 'string' },
  json: { type: 'boolean' },
});

/** Runs the command; gives the exit code. @param {string[]} args @returns {number | Promise<number>} */
export function main(args) {
  const [command, ...rest] = args;
  if (args.includes('--help') || args.includes('-h')) {
    put(process.stdout, USAGE);
    return 0;
  }
  if (command === 'keeper' && rest.length === 1) return keeper(rest[0]);
  if (command === 'doctor') return doctor(rest);
  if (command === 'replay') return replay(rest);
  if (command === 'models') return models(rest);
  if (command === 'complete') return complete(rest);
  if (command === 'usage') return usage(rest);
  put(process.stderr, USAGE);
  return 2;
}

/** @param {string} folder */
function keeper(folder) {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    return fail(`there is no folder ${inLine(folder)}; name the one that your web server serves as "/"`);
  }
  const to = join(folder, NAME);
  try {
    copyFileSync(fileURLToPath(new URL('./keeper.js', import.meta.url)), to);
  } catch (error) {
    return fail(`${inLine(to)} could not be written (${error.code ?? error.message})`);
  }
  put(process.stdout, `${inLine(to)} is in place\n`);
  return 0;
}

/** @param {string[]} args */
async function doctor(args) {
  let given;
  try {
    given = parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    return fail(`${error.message}\n${USAGE}`, 2);
  }
  const { url, username, password, token, test, patience, json, ...options } = given;
  if (patience !== undefined && !(Number(patience) > 0)) return fail('--patience wants a number of seconds', 2);
  const { describe, diagnose, summarize } = await import('./doctor-node.js');
  const say = (/** @type {string} */ text) => json || put(process.stdout, `${text}\n`);
  say(`OpenCode server at ${inLine(url)}\n`);
  const basic = (/** @type {string} */ secret) => ({ type: 'basic', username: username ?? process.env.OPENCODE_SERVER_USERNAME, password: secret });
  const auth = token !== undefined ? { type: 'bearer', token } : password !== undefined ? basic(password) : undefined;
  // Those of the environment are the ones of the server on this machine: to another one they go only when it asks.
  const own = auth === undefined && process.env.OPENCODE_SERVER_PASSWORD !== undefined ? basic(process.env.OPENCODE_SERVER_PASSWORD) : undefined;
  try {
    const report = await diagnose({
      ...options,
      baseUrl: url,
      ...(auth && { auth }),
      ...(own && { [isLoopback(url) ? 'auth' : 'authIfAsked']: own }),
      ...(test && { only: test }),
      ...(patience && { patience: Number(patience) * 1_000 }),
      onCheck: (check) => check.status !== 'running' && say(describe(check)),
    });
    if (json) putJson(report);
    say(`\n${summarize(report)}`);
    return report.failed > 0 ? 1 : 0;
  } catch (error) {
    return fail(`${error.message}${error.hint ?? error.remedy ? ` ${error.hint ?? error.remedy}` : ''}`, 2);
  }
}

/** Whether nobody else is at an address, whatever names are resolved to. @param {string} url */
function isLoopback(url) {
  return URL.canParse(url) && /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/.test(new URL(url).hostname);
}

/** @param {string[]} args */
async function replay(args) {
  let given;
  try {
    given = parseArgs({ args, allowPositionals: true, options: { until: { type: 'string' }, json: { type: 'boolean' } } });
  } catch (error) {
    return fail(`${error.message}\n${USAGE}`, 2);
  }
  const { values: { until, json }, positionals: [file, ...more] } = given;
  if (file === undefined || more.length > 0) return fail(`name one file\n${USAGE}`, 2);
  if (until !== undefined && !/^\d+$/.test(until)) return fail('--until wants the number of an entry', 2);
  let text;
  try {
    text = readFileSync(file);
  } catch (error) {
    return fail(`${inLine(file)} could not be read (${error.code ?? error.message})`, 2);
  }
  const { readRecording, replay: play } = await import('./recorder-node.js');
  try {
    const recording = await readRecording(text);
    const result = await play(recording, until === undefined ? {} : { until: Number(until) });
    if (json) putJson({ header: recording.header, ...result });
    else put(process.stdout, told(recording, result));
    return result.diverged === undefined ? 0 : 1;
  } catch (error) {
    return fail(`${error.message}${error.hint ? ` ${error.hint}` : ''}`, 2);
  }
}

/** What all commands of the provider take. */
const ENDPOINT = /** @type {const} */ ({ endpoint: { type: 'string' }, key: { type: 'string' }, json: { type: 'boolean' } });

/**
 * Reads the arguments of a command of the provider, and runs it on one.
 * @template {import('node:util').ParseArgsOptionsConfig} T
 * @param {string[]} args @param {T} options of this command
 * @param {(given: any, positionals: string[]) => string | undefined} wrong what the arguments lack
 * @param {(provider: import('./js/provider/index.js').Provider, given: any, positionals: string[]) => Promise<number>} run
 * @param {(given: any) => object} [more] of the configuration
 */
async function ask(args, options, wrong, run, more = () => ({})) {
  let given;
  let positionals;
  try {
    ({ values: given, positionals } = parseArgs({ args, allowPositionals: true, options: { ...ENDPOINT, ...options } }));
  } catch (error) {
    return fail(`${error.message}\n${USAGE}`, 2);
  }
  const { endpoint, key = process.env.OPENCODE_PROVIDER_KEY } = given;
  if (endpoint === undefined) return fail(`--endpoint is missing\n${USAGE}`, 2);
  const said = wrong(given, positionals);
  if (said !== undefined) return fail(said, 2);
  const { createProvider } = await import('./provider.js');
  let provider;
  try {
    provider = await createProvider({ apiEndpoint: endpoint, auth: key ? { type: 'api-key', apiKey: key } : { type: 'none' }, rateLimits: { requestsPerMinute: 60, tokensPerMinute: 1_000_000 }, ...more(given) });
  } catch (error) {
    return fail(`${inLine(error.message)} ${error.hint ?? ''}`, 2);
  }
  try {
    return await run(provider, given, positionals);
  } catch (error) {
    return fail(`${inLine(error.message)} ${error.hint ?? ''}`);
  } finally {
    provider.dispose();
  }
}

const noMore = (/** @type {string[]} */ positionals) => (positionals.length > 0 ? `${positionals[0]} is too much\n${USAGE}` : undefined);

/** @param {string[]} args */
function models(args) {
  return ask(args, { only: { type: 'string' } }, ({ only }, more) => noMore(more) ?? (only !== undefined && !ABILITIES.includes(only) ? `--only wants one of ${ABILITIES.join(', ')}` : undefined), async (provider, { only, json }) => {
    const list = (await provider.models()).filter((model) => only === undefined || model[only] === true);
    if (json) putJson(list);
    else put(process.stdout, list.map((model) => `${inLine(described(model))}\n`).join(''));
    return 0;
  });
}

/** @param {string[]} args */
function usage(args) {
  return ask(args, { path: { type: 'string', default: '/usage' } }, (_, more) => noMore(more), async (provider, { json }) => {
    const told = await provider.usage();
    if (json) putJson(told);
    else put(process.stdout, flat(told).map(([path, value]) => `${inLine(`${path}  ${value}`)}\n`).join(''));
    return 0;
  }, ({ path }) => ({ paths: { usage: path } }));
}

/** Each value with the path to it. @param {unknown} value @returns {[string, unknown][]} */
function flat(value, path = '') {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([name, inner]) => flat(inner, path === '' ? name : `${path}.${name}`));
}

/** @param {string[]} args */
function complete(args) {
  const options = /** @type {const} */ ({
    model: { type: 'string' }, chat: { type: 'boolean' }, system: { type: 'string' }, suffix: { type: 'string' },
    'max-tokens': { type: 'string' }, temperature: { type: 'string' }, stop: { type: 'string', multiple: true }, patience: { type: 'string', default: '120' },
  });
  return ask(args, options, (given, [, ...more]) => {
    if (given['max-tokens'] !== undefined && !/^[1-9]\d{0,8}$/.test(given['max-tokens'])) return '--max-tokens wants a number above 0';
    if (given.temperature !== undefined && !/^\d+(\.\d+)?$/.test(given.temperature)) return '--temperature wants a number';
    if (!(Number(given.patience) >= 5 && Number(given.patience) <= 300)) return '--patience wants 5 to 300 seconds';
    if (given.suffix !== undefined && (given.chat || given.system !== undefined)) return '--suffix is of a hole, --chat and --system are of a chat: give one of them';
    return noMore(more);
  }, async (provider, given, [text]) => {
    const prompt = text ?? (await input());
    if (prompt === undefined) return fail(`the prompt is missing, or over ${MAX_INPUT >> 20} MiB\n${USAGE}`, 2);
    const controller = new AbortController();
    const stop = () => controller.abort();
    process.once('SIGINT', stop);
    const write = prose(process.stdout, stop);
    try {
      const { 'max-tokens': most, temperature, stop: stops, suffix, system } = given;
      const request = { model: given.model ?? (await only(provider)), ...(most && { maxTokens: Number(most) }), ...(temperature && { temperature: Number(temperature) }), ...(stops && { stop: stops }), signal: controller.signal };
      const messages = [...(system === undefined ? [] : [{ role: /** @type {const} */ ('system'), content: system }]), { role: /** @type {const} */ ('user'), content: prompt }];
      const stream = suffix !== undefined ? provider.streamFim({ ...request, prefix: prompt, suffix }) : given.chat || system !== undefined ? provider.streamChat({ ...request, messages }) : provider.streamCompletion({ ...request, prompt });
      if (given.json) {
        putJson(await stream.answer());
        return 0;
      }
      try {
        for await (const { text } of stream) await write.text(text);
      } finally {
        write.end();
      }
      const { finishReason, usage: used } = await stream.answer();
      put(process.stderr, `${inLine(finishReason)}: ${used.estimated ? 'about ' : ''}${used.promptTokens} tokens in, ${used.completionTokens} out${used.cost === undefined ? '' : `, $${used.cost}`}\n`);
      return 0;
    } catch (error) {
      if (controller.signal.aborted) return write.isGone() ? 0 : 130;
      throw error;
    } finally {
      process.off('SIGINT', stop);
    }
  }, ({ patience }) => ({ timeout: Number(patience) * 1_000, firstByteTimeout: Number(patience) * 1_000, idleTimeout: Number(patience) * 1_000 }));
}

/** What comes in; undefined: nothing does, or too much. */
async function input() {
  if (process.stdin.isTTY) return undefined;
  const pieces = [];
  let size = 0;
  for await (const piece of process.stdin) {
    pieces.push(piece);
    size += piece.length;
    if (size > MAX_INPUT) return undefined;
  }
  return size === 0 ? undefined : Buffer.concat(pieces).toString();
}

/** The one model that there is. @param {import('./js/provider/index.js').Provider} provider */
async function only(provider) {
  const list = await provider.models();
  if (list.length === 1) return list[0].id;
  throw Object.assign(new Error(`--model is missing; there ${list.length === 0 ? 'is none' : `are ${list.slice(0, 10).map(({ id }) => id).join(', ')}${list.length > 10 ? ' …' : ''}`}`), { hint: '' });
}

/**
 * Writes an answer as it comes: as `put`, but for signs that join what stands around them, which may come in the next piece.
 * @param {NodeJS.WriteStream} stream @param {() => void} gone nobody reads any more, as behind `head`
 */
function prose(stream, gone) {
  let [before, held, isGone] = ['', '', false];
  let go = () => {};
  stream.on('drain', () => go());
  stream.on('error', () => {
    isGone = true;
    gone();
    go();
  });
  const write = (/** @type {string} */ text) => {
    const isRoom = text === '' || isGone || put(stream, text, before);
    before = (before + text).slice(-4);
    return isRoom;
  };
  return {
    isGone: () => isGone,
    /** @param {string} piece */
    async text(piece) {
      const text = held + piece;
      [held] = /[\u200c\u200d\ufe0f\r]$/.exec(text) ?? [''];
      if (write(text.slice(0, text.length - held.length))) return;
      await /** @type {Promise<void>} */ (new Promise((resolve) => {
        go = resolve;
      }));
    },
    /** What came ends with a line of its own, also before an error. */
    end() {
      write(held);
      if (before !== '' && !before.endsWith('\n')) write('\n');
    },
  };
}

/** A model in a line: its id, its context, what it can do, and what a million tokens cost. @param {any} model */
function described(model) {
  const { id, contextWindow, price, active } = model;
  const able = ABILITIES.filter((name) => model[name] === true);
  return [id, contextWindow === undefined ? '' : `${contextWindow} tokens`, able.join(' '), price === undefined ? '' : `$${price.input} in, $${price.output} out`, active ? '' : 'switched off'].filter(Boolean).join('  ');
}

/** What a person wants to know of a replay. @param {any} recording @param {any} result */
function told({ header, cut }, { entries, total, sessions, diverged, trapped, ended, build }) {
  const lines = [`Recorded ${new Date(header.started).toISOString()} by ${build.recorded} on ${header.host}`];
  if (build.recorded !== build.here) lines.push(`This is ${build.here}: it may go another way.`);
  if (cut) lines.push('The last line is cut off; it is left out.');
  if (ended === 'limit') lines.push('The recording ended when it was full: what came later is not in it.');
  lines.push(`Played ${entries} of ${total} entries.`);
  for (const [id, { messages, status, connection, error }] of Object.entries(sessions)) {
    const parts = messages.flatMap((message) => message.parts);
    const letters = parts.reduce((sum, part) => sum + (part.text?.length ?? 0) + (part.tail?.length ?? 0), 0);
    const gaps = parts.filter((part) => part.continuity === 'gapped').length;
    lines.push(`  ${id}  ${messages.length} messages, ${letters} characters${gaps > 0 ? `, ${gaps} with a gap` : ''}; ${status.type}, ${connection.phase} (${connection.source})`);
    for (const problem of [error, connection.error, status.error]) if (problem) lines.push(`    ${problem.code}: ${problem.message}`);
  }
  if (trapped !== undefined) lines.push(`The core ended in a trap at entry ${trapped}, as recorded.`);
  if (diverged === undefined) lines.push('All went as recorded.');
  else lines.push(`Diverged at entry ${diverged.entry}:`, `  recorded: ${diverged.expected}`, `  now:      ${diverged.got}`);
  return `${lines.map(inLine).join('\n')}\n`;
}

/** @param {string} message */
function fail(message, code = 1) {
  put(process.stderr, `opencode-session: ${message}\n`);
  return code;
}

/**
 * All that is written goes through here: nothing that a server, a file or an argument says moves the terminal.
 * @param {NodeJS.WriteStream} stream @param {string} text @param {string} [before] what it goes on from, of an answer that comes in pieces
 */
function put(stream, text, before) {
  return stream.write(before === undefined ? exact(text) : visible(text, before));
}

/** For programs: the same characters, escaped. @param {unknown} value */
function putJson(value) {
  put(process.stdout, `${exactJson(JSON.stringify(value, null, 2))}\n`);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  // Node would print what went wrong as it is.
  process.on('uncaughtException', (error) => process.exit(fail(String(error?.stack ?? error))));
  process.exitCode = await main(process.argv.slice(2));
}
