// What the examples meet when they are run: a real server, the same behind a password, a proxy with its own credentials.
import { createServer, request as ask } from 'node:http';
import { delimiter, dirname } from 'node:path';
import { startModel } from '../support/model.mjs';
import { ensureOpenCode, startOpenCode } from '../support/opencode.mjs';
import { listen, LOOPBACK, shut } from '../support/ports.mjs';
import { marked } from '../support/processes.mjs';

const PASSWORD = 'secret';
/** What no example needs of the network is refused at once. */
const NOWHERE = `http://${LOOPBACK}:9`;
/** What the proxy lets through. */
const KEYS = { authorization: 'Bearer token-1', 'x-api-key': 'key-1' };

/** @returns {Promise<{ addresses: Record<string, string>, env: Record<string, string>, close(): Promise<void> }>} */
export async function startWorld() {
  const model = await startModel();
  const config = configFor(model);
  const [server, locked] = await Promise.all([startOpenCode({ model, config }), startOpenCode({ model, config, password: PASSWORD })]);
  const proxy = createServer((request, response) => pass(request, response, locked));
  const port = await listen(proxy);
  const mark = `docs-${process.pid}-${Date.now()}`;
  const program = dirname(await ensureOpenCode(server.version));
  return {
    // What the processes of examples have: the server's program, and its password.
    env: {
      PATH: [program, process.env.PATH].join(delimiter),
      OPENCODE_SERVER_PASSWORD: PASSWORD,
      HTTP_PROXY: NOWHERE,
      HTTPS_PROXY: NOWHERE,
      NO_PROXY: `${LOOPBACK},localhost`,
      BUN_CONFIG_REGISTRY: NOWHERE,
      DOCS_EXAMPLES: mark,
    },
    addresses: {
      'http://127.0.0.1:4096': server.url,
      'https://opencode.example.com': locked.url,
      'https://models.example.com/v1': model.url,
      // No example leaves this machine. It has no catalogue: models are told without it.
      'https://models.dev/': `${new URL(model.url).origin}/`,
      'https://proxy.example.com': `http://${LOOPBACK}:${port}`,
    },
    async close() {
      // An example that failed may have left the server that it started.
      for (const pid of marked(`DOCS_EXAMPLES=${mark}`)) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has just ended.
        }
      }
      proxy.closeAllConnections();
      await shut(proxy);
      await Promise.all([server.stop(), locked.stop()]);
      await model.close();
    },
  };
}

/** The names that the examples use, all served by the scripted model. @param {{ url: string }} model */
function configFor(model) {
  const limit = { context: 1_000_000, output: 100_000 };
  return {
    provider: {
      anthropic: {
        npm: '@ai-sdk/openai-compatible',
        name: 'Anthropic',
        // Those that the server knows by itself would be asked for on the network.
        whitelist: ['claude-sonnet-4-5', 'claude-haiku-4-5'],
        options: { baseURL: model.url, apiKey: 'scripted' },
        models: {
          'claude-sonnet-4-5': { name: 'Claude Sonnet 4.5', tool_call: true, reasoning: true, attachment: true, modalities: { input: ['text', 'image', 'pdf'], output: ['text'] }, limit },
          'claude-haiku-4-5': { name: 'Claude Haiku 4.5', tool_call: true, limit },
        },
      },
    },
    model: 'anthropic/claude-sonnet-4-5',
    small_model: 'anthropic/claude-haiku-4-5',
    enabled_providers: ['anthropic'],
    command: { review: { template: 'Review $ARGUMENTS', description: 'Reviews a folder' } },
  };
}

/** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response @param {{ port: number, headers: Record<string, string> }} to */
function pass(request, response, to) {
  const { method, url } = request;
  const allowed = method === 'OPTIONS' || Object.entries(KEYS).some(([name, value]) => request.headers[name] === value);
  if (!allowed) return void response.writeHead(401, { 'content-type': 'text/plain' }).end('401');
  const headers = { ...request.headers, ...to.headers };
  const up = ask({ host: LOOPBACK, port: to.port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  up.on('error', () => response.destroy());
  response.on('close', () => up.destroy());
  request.pipe(up);
}
