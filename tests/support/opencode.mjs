// A real OpenCode server for tests: own home, own project folder, free port, the scripted model, no traffic beyond loopback.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { ensureOpenCode } from './binary.mjs';
import { MODELS } from './model.mjs';
import { freePort, LOOPBACK } from './ports.mjs';
import { endAll, endAllNow } from './processes.mjs';
import { atExit, tempDir } from './temp.mjs';
import { PATIENCE, sleep } from './wait.mjs';
import { NEWEST } from './versions.mjs';

export { ensureOpenCode };

/**
 * @typedef {object} OpenCodeOptions
 * @property {{ url: string }} model a started scripted model
 * @property {string} [version]
 * @property {string} [password] turns HTTP Basic on
 * @property {string} [username]
 * @property {string[]} [cors] allowed origins besides localhost
 * @property {Record<string, string>} [env]
 * @property {object} [config] merged over the default config (first level)
 * @property {boolean} [v2] the config is a file too: turns of the v2 dialect read no other
 * @property {object} [permission] default `{ bash: 'ask' }`
 * @property {string} [directory] the project folder; default: an own temporary one
 * @property {number} [port]
 *
 * @typedef {object} OpenCode
 * @property {string} url
 * @property {number} port
 * @property {string} version
 * @property {string} directory the exact string that the server knows the project by
 * @property {string} home
 * @property {number} pid
 * @property {Record<string, string>} headers what each request needs: the Authorization header, or nothing
 * @property {() => string} log what the server printed, newest 200 kB
 * @property {() => Promise<void>} stop
 * @property {(options?: { signal?: NodeJS.Signals, downtime?: number, meanwhile?: () => Promise<void> }) => Promise<void>} restart
 *   `meanwhile` runs while there is no server
 */

const LOG = 200_000;

/**
 * @param {OpenCodeOptions} options
 * @returns {Promise<OpenCode>}
 */
export async function startOpenCode(options) {
  const { version = NEWEST, password, username = 'opencode', cors = [] } = options;
  const program = await ensureOpenCode(version);
  const temp = tempDir('server');
  const home = temp.path;
  const mark = `OPENCODE_TEST_HOME=${home}`;
  const directory = options.directory ?? join(home, 'project');
  const env = await furnish(home, directory, options, version);
  /** @type {Record<string, string>} */
  const headers = password ? { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` } : {};
  let port = options.port ?? (await freePort());
  let log = '';
  /** @type {import('node:child_process').ChildProcess} */
  let child;

  async function launch() {
    const args = ['serve', '--port', String(port), '--hostname', LOOPBACK, '--print-logs', ...cors.flatMap((origin) => ['--cors', origin])];
    // Its own process group, so that ending it cannot touch anybody else.
    child = spawn(program, args, { cwd: directory, env, detached: process.platform !== 'win32', stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (/** @type {Buffer | Error} */ chunk) => {
      log = (log + chunk).slice(-LOG);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.on('error', keep);
    await healthy(child, `http://${LOOPBACK}:${port}/global/health`, headers, () => log);
  }

  /** @param {NodeJS.Signals} [signal] */
  const end = (signal) => endAll(child, mark, signal);
  const forget = atExit(() => endAllNow(child, mark));

  for (let attempt = 1; ; attempt++) {
    try {
      await launch();
      break;
    } catch (error) {
      await end('SIGKILL');
      // The free port may be taken between the question and the start.
      if (attempt < 3 && options.port === undefined && /EADDRINUSE|port .*in use/i.test(log)) {
        port = await freePort();
        continue;
      }
      forget();
      await temp.remove();
      throw error;
    }
  }

  let stopped = false;
  return {
    url: `http://${LOOPBACK}:${port}`,
    port,
    version,
    directory,
    home,
    get pid() {
      return child.pid ?? 0;
    },
    headers,
    log: () => log,
    async stop() {
      if (stopped) return;
      stopped = true;
      await end();
      forget();
      await temp.remove();
    },
    async restart({ signal = 'SIGKILL', downtime = 0, meanwhile } = {}) {
      if (stopped) throw new Error('the server is stopped');
      await end(signal);
      await meanwhile?.();
      await sleep(downtime);
      await launch();
    },
  };
}

/**
 * Makes the folders and gives the whole environment of the server.
 * @param {string} home
 * @param {string} directory
 * @param {OpenCodeOptions} options
 * @param {string} version
 * @returns {Promise<Record<string, string>>}
 */
async function furnish(home, directory, options, version) {
  const cache = join(home, 'cache');
  const tools = join(home, 'tools');
  const folders = [directory, tools, join(cache, 'opencode'), ...['data', 'config', 'state', 'tmp'].map((name) => join(home, name))];
  for (const folder of folders) await mkdir(folder, { recursive: true });
  if (!options.directory) initGit(directory);
  // Servers before 1.14 ask the network for their catalogue unless the cache has one.
  if (older(version, 1, 14)) await writeFile(join(cache, 'opencode', 'models.json'), JSON.stringify(CATALOGUE));
  const config = JSON.stringify({ ...configFor(options), ...options.config });
  if (options.v2) {
    await mkdir(join(home, 'config', 'opencode'), { recursive: true });
    await writeFile(join(home, 'config', 'opencode', 'opencode.json'), config);
  }
  // Without ripgrep on PATH the server downloads it; one that finds nothing is enough for tests.
  if (!onPath('rg') && process.platform !== 'win32') {
    await writeFile(join(tools, 'rg'), '#!/bin/sh\nexit 1\n');
    await chmod(join(tools, 'rg'), 0o755);
  }
  return {
    PATH: [process.env.PATH ?? '', tools].join(delimiter),
    HOME: home,
    USERPROFILE: home,
    TMPDIR: join(home, 'tmp'),
    LANG: 'C.UTF-8',
    SHELL: '/bin/sh',
    ...pick(process.env, ['SystemRoot', 'ComSpec', 'PATHEXT']),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_CACHE_HOME: cache,
    XDG_STATE_HOME: join(home, 'state'),
    OPENCODE_TEST_HOME: home,
    ...Object.fromEntries(SWITCHES.map((name) => [name, '1'])),
    ...OFFLINE,
    ...(options.password && { OPENCODE_SERVER_PASSWORD: options.password }),
    ...(options.password && options.username && { OPENCODE_SERVER_USERNAME: options.username }),
    OPENCODE_CONFIG_CONTENT: config,
    ...options.env,
  };
}

const SWITCHES = [
  'OPENCODE_DISABLE_MODELS_FETCH',
  'OPENCODE_DISABLE_AUTOUPDATE',
  'OPENCODE_DISABLE_SHARE',
  'OPENCODE_DISABLE_LSP_DOWNLOAD',
  'OPENCODE_DISABLE_DEFAULT_PLUGINS',
  'OPENCODE_PURE',
  'OPENCODE_DISABLE_EXTERNAL_SKILLS',
  'OPENCODE_DISABLE_CLAUDE_CODE',
  'OPENCODE_DISABLE_PROJECT_CONFIG',
  'OPENCODE_DISABLE_AUTOCOMPACT',
  'OPENCODE_DISABLE_PRUNE',
  'OPENCODE_EXPERIMENTAL_DISABLE_FILEWATCHER',
  'OPENCODE_ENABLE_QUESTION_TOOL',
];

// What no switch turns off (the install of @opencode-ai/plugin) meets a proxy that refuses at once.
const NOWHERE = `http://${LOOPBACK}:9`;
const OFFLINE = {
  HTTP_PROXY: NOWHERE,
  HTTPS_PROXY: NOWHERE,
  NO_PROXY: `${LOOPBACK},localhost`,
  npm_config_registry: NOWHERE,
  BUN_CONFIG_REGISTRY: NOWHERE,
};

const CATALOGUE = {
  scripted: { id: 'scripted', name: 'Scripted', env: [], npm: '@ai-sdk/openai-compatible', models: {} },
};

/** @param {OpenCodeOptions} options */
function configFor({ model, permission = { bash: 'ask' } }) {
  const one = { tool_call: true, reasoning: true, limit: { context: 1_000_000, output: 100_000 } };
  return {
    provider: {
      scripted: {
        npm: '@ai-sdk/openai-compatible',
        name: 'Scripted',
        options: { baseURL: model.url, apiKey: 'scripted' },
        models: Object.fromEntries(MODELS.map((id) => [id, { name: `Scripted ${id}`, ...one }])),
      },
    },
    model: `scripted/${MODELS[0]}`,
    small_model: `scripted/${MODELS[0]}`,
    enabled_providers: ['scripted'],
    autoupdate: false,
    share: 'disabled',
    plugin: [],
    mcp: {},
    lsp: false,
    formatter: false,
    snapshot: false,
    compaction: { auto: false, prune: false },
    permission,
  };
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} url
 * @param {Record<string, string>} headers
 * @param {() => string} log
 */
async function healthy(child, url, headers, log) {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) break;
    try {
      // 1.18 accepts a connection before it can answer, and such a request stays unanswered for seconds.
      const answer = await fetch(url, { headers, signal: AbortSignal.timeout(500) });
      const body = await answer.text();
      if (answer.ok && /json/.test(answer.headers.get('content-type') ?? '')) return void JSON.parse(body);
    } catch {
      // Not listening yet.
    }
    await sleep(50);
  }
  const how = child.exitCode !== null || child.signalCode !== null ? 'ended' : `gave no health answer in ${PATIENCE} ms`;
  throw new Error(`the OpenCode server ${how}; its last lines:\n${log().slice(-2000)}`);
}

/** Most projects are git repositories; in a plain folder the server takes "/" for the worktree. @param {string} directory */
function initGit(directory) {
  const as = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false'];
  try {
    execFileSync('git', ['init', '-q', '-b', 'main'], { cwd: directory, stdio: 'ignore' });
    execFileSync('git', [...as, 'commit', '-q', '--allow-empty', '-m', 'start'], { cwd: directory, stdio: 'ignore' });
  } catch {
    // Without git the server works too.
  }
}

/** @param {string} version @param {number} major @param {number} minor */
function older(version, major, minor) {
  const [a, b] = version.split('.').map(Number);
  return a < major || (a === major && b < minor);
}

/** @param {string} name */
const onPath = (name) => (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));

/** @param {NodeJS.ProcessEnv} from @param {string[]} names @returns {Record<string, string>} */
const pick = (from, names) => Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));
