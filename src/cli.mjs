#!/usr/bin/env node
// `npx opencode-session keeper <public folder>`, `… doctor`, `… replay FILE` and `… models`.
import { copyFileSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { exact, exactJson, inLine } from './visible.js';

const NAME = 'opencode-session-keeper.js';
const USAGE = `usage: opencode-session keeper <public folder>
       opencode-session doctor [--url ADDRESS] [options]
       opencode-session replay FILE [--until N] [--json]
       opencode-session models --endpoint ADDRESS [--key KEY] [--only WORD] [--json]

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
        --key KEY            default OPENCODE_PROVIDER_KEY, which other users of the machine cannot see
        --only WORD          those that can do it: chat, completion, fim, tools or reasoning
        --json               the list as JSON
        ends with 0, 1 when the endpoint gave no list, 2 when it was called wrongly
`;
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

/** @param {string[]} args */
async function models(args) {
  let given;
  try {
    given = parseArgs({ args, options: { endpoint: { type: 'string' }, key: { type: 'string' }, only: { type: 'string' }, json: { type: 'boolean' } } }).values;
  } catch (error) {
    return fail(`${error.message}\n${USAGE}`, 2);
  }
  const { endpoint, key = process.env.OPENCODE_PROVIDER_KEY ?? 'none', only, json } = given;
  if (endpoint === undefined) return fail(`--endpoint is missing\n${USAGE}`, 2);
  if (only !== undefined && !ABILITIES.includes(only)) return fail(`--only wants one of ${ABILITIES.join(', ')}`, 2);
  const { createProvider } = await import('./provider.js');
  let provider;
  try {
    provider = await createProvider({ apiEndpoint: endpoint, auth: { type: 'api-key', apiKey: key }, rateLimits: { requestsPerMinute: 60, tokensPerMinute: 60_000 } });
  } catch (error) {
    return fail(`${error.message} ${error.hint ?? ''}`, 2);
  }
  try {
    const list = (await provider.models()).filter((model) => only === undefined || model[only] === true);
    if (json) putJson(list);
    else put(process.stdout, list.map((model) => `${inLine(described(model))}\n`).join(''));
    return 0;
  } catch (error) {
    return fail(`${inLine(error.message)} ${error.hint ?? ''}`);
  } finally {
    provider.dispose();
  }
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

/** All that is written goes through here: nothing that a server, a file or an argument says moves the terminal. @param {NodeJS.WriteStream} stream @param {string} text */
function put(stream, text) {
  stream.write(exact(text));
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
