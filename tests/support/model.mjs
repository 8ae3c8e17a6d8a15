// A model for tests: an OpenAI-compatible server on loopback that does what the user's message says (language: script.mjs).
// It keeps no conversation: the same request gets the same answer. Only `times N` counts the failures it already gave.
import { createServer } from 'node:http';
import { listen, LOOPBACK, shut } from './ports.mjs';
import { isCall, parseScript, rounds, speech, words } from './script.mjs';

/**
 * @typedef {import('./script.mjs').Step} Step
 * @typedef {{ role: string, content?: unknown, tool_calls?: unknown[], tool_call_id?: string }} ChatMessage
 * @typedef {{ model?: string, stream?: boolean, messages: ChatMessage[], tools?: { function: Tool }[] }} ChatBody
 * @typedef {{ name: string, parameters?: { properties?: Record<string, any>, required?: string[] } }} Tool
 * @typedef {{ count: number, go: Promise<void> }} Hold
 * @typedef {{ path: string, headers: import('node:http').IncomingHttpHeaders, body: ChatBody, prompt: string, title: boolean, ended: boolean, aborted: boolean }} ModelRequest
 */

export const MODELS = ['words', 'other'];
const KEEP = 500;
const TRY = 'Try: "words 40", "think 20 words 10", "tool bash: ls", "markdown", "ask Tea or coffee?: Tea | Coffee", "slow 3000 words 5", "error 500 times 1 words 5", "hang".';

/**
 * @param {{ port?: number }} [options]
 * @returns {Promise<{ url: string, port: number, requests: ModelRequest[], hold(count: number): () => void, close(): Promise<void> }>} `url` ends with /v1;
 *   `hold`: answers that begin from now on stop after so many chunks, until what it gives is called. So what a test does in the middle of an
 *   answer is in its middle on a slow machine, too.
 */
export async function startModel({ port = 0 } = {}) {
  /** @type {ModelRequest[]} */
  const requests = [];
  /** @type {Map<string, number>} */
  const failures = new Map();
  let count = 0;
  /** @type {Hold | undefined} */
  let held;
  const server = createServer((req, res) => {
    serve(req, res).catch((error) => {
      if (res.headersSent) res.destroy();
      else fail(res, 500, String(error));
    });
  });

  /** @param {import('node:http').IncomingMessage} req @param {import('node:http').ServerResponse} res */
  async function serve(req, res) {
    const { pathname } = new URL(req.url ?? '/', 'http://model');
    if (req.method === 'GET' && pathname === '/v1/models') {
      return json(res, 200, { object: 'list', data: MODELS.map((id) => ({ id, object: 'model', created: 0, owned_by: 'scripted' })) });
    }
    if (req.method !== 'POST' || pathname !== '/v1/chat/completions') return fail(res, 404, `no route ${req.method} ${pathname}`);
    const raw = await read(req);
    /** @type {ChatBody} */
    const body = JSON.parse(raw);
    const prompt = promptOf(body.messages);
    const request = { path: pathname, headers: req.headers, body, prompt, title: isTitle(body), ended: false, aborted: false };
    requests.push(request);
    if (requests.length > KEEP) requests.shift();
    const gone = new AbortController();
    res.on('close', () => {
      request.ended = true;
      request.aborted = !res.writableFinished;
      gone.abort();
    });
    const reply = new Reply(res, body, ++count, request.title ? undefined : held);
    const steps = stepsFor(body, prompt, request.title);
    for (const [index, step] of steps.entries()) {
      if (gone.signal.aborted) return;
      if (step.do === 'error' || step.do === 'cut') {
        const key = `${req.headers['x-session-affinity'] ?? ''} ${index} ${raw}`;
        const given = failures.get(key) ?? 0;
        if (given >= step.times) {
          failures.delete(key);
          continue;
        }
        if (step.times !== Infinity) failures.set(key, given + 1);
        // Servers obey this header, which keeps tests of their retries short; a lasting error leaves them their own patience.
        if (step.times !== Infinity && !res.headersSent) res.setHeader('retry-after-ms', '200');
        if (step.do === 'cut') return void res.destroy();
        return reply.error(step.status, step.text);
      }
      await reply.play(step, gone.signal);
    }
    if (!gone.signal.aborted) reply.end();
  }

  const hold = (/** @type {number} */ count) => {
    let release = () => {};
    held = { count, go: new Promise((resolve) => { release = resolve; }) };
    return () => {
      held = undefined;
      release();
    };
  };
  const taken = await listen(server, port);
  return { url: `http://${LOOPBACK}:${taken}/v1`, port: taken, requests, hold, close: () => shut(server) };
}

/** One answer: a stream of chunks, or the same in one piece. */
class Reply {
  /** @param {import('node:http').ServerResponse} res @param {ChatBody} body @param {number} count @param {Hold} [held] */
  constructor(res, body, count, held) {
    this.res = res;
    this.held = held;
    this.body = body;
    this.head = { id: `chatcmpl-${count}`, created: 0, model: body.model ?? MODELS[0] };
    this.text = '';
    this.thought = '';
    /** @type {{ index: number, id: string, type: 'function', function: { name: string, arguments: string } }[]} */
    this.calls = [];
    this.tokens = 0;
  }

  /** @param {Step} step @param {AbortSignal} gone */
  async play(step, gone) {
    if (step.do === 'slow') return pause(step.ms, gone);
    if (step.do === 'hang') return pause(Infinity, gone);
    if (isCall(step)) return this.call(step);
    if (step.do !== 'text' && step.do !== 'think') return;
    for (const chunk of step.chunks) {
      if (this.tokens === this.held?.count) await Promise.race([this.held.go, pause(Infinity, gone)]);
      if (gone.aborted) return;
      this.tokens += 1;
      if (step.do === 'think') this.thought += chunk;
      else this.text += chunk;
      const delta = step.do === 'think' ? { reasoning_content: chunk } : { content: chunk };
      const room = this.delta(delta);
      if (step.every || !room) await pause(step.every || 1, gone);
    }
  }

  /** @param {import('./script.mjs').Call | import('./script.mjs').Ask} step */
  call(step) {
    const name = step.do === 'ask' ? 'question' : step.name;
    const tool = this.body.tools?.find((each) => each.function.name === name)?.function;
    if (step.do === 'ask' && !tool) {
      this.text += 'No question tool is offered.';
      return void this.delta({ content: 'No question tool is offered.' });
    }
    const args = JSON.stringify(step.do === 'ask' ? questionArgs(step) : toolArgs(step.input, tool));
    const index = this.calls.length;
    // The server keeps call ids for the whole session, so they must differ between the turns of one history.
    const id = `call_${this.body.messages.length}_${index}`;
    this.calls.push({ index, id, type: 'function', function: { name, arguments: args } });
    this.delta({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] });
    const half = Math.ceil(args.length / 2);
    for (const piece of [args.slice(0, half), args.slice(half)]) {
      this.delta({ tool_calls: [{ index, function: { arguments: piece } }] });
    }
    this.tokens += 3;
  }

  open() {
    if (!this.body.stream || this.res.headersSent) return;
    this.res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    this.send({ choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] });
  }

  /** @param {object} delta */
  delta(delta) {
    this.open();
    return this.send({ choices: [{ index: 0, delta, finish_reason: null }] });
  }

  /** @param {object} fields @returns {boolean} whether the socket takes more */
  send(fields) {
    if (!this.body.stream) return true;
    return this.res.write(`data: ${JSON.stringify({ ...this.head, object: 'chat.completion.chunk', ...fields })}\n\n`);
  }

  end() {
    const finish_reason = this.calls.length ? 'tool_calls' : 'stop';
    const prompt_tokens = this.body.messages.length * 10;
    const usage = { prompt_tokens, completion_tokens: this.tokens, total_tokens: prompt_tokens + this.tokens };
    if (!this.body.stream) {
      const message = {
        role: 'assistant',
        content: this.text,
        ...(this.thought && { reasoning_content: this.thought }),
        ...(this.calls.length && { tool_calls: this.calls.map(({ index, ...call }) => call) }),
      };
      return json(this.res, 200, { ...this.head, object: 'chat.completion', choices: [{ index: 0, message, finish_reason }], usage });
    }
    this.open();
    this.send({ choices: [{ index: 0, delta: {}, finish_reason }] });
    this.send({ choices: [], usage });
    this.res.end('data: [DONE]\n\n');
  }

  /** @param {number} status @param {string} text */
  error(status, text) {
    if (!this.res.headersSent) return fail(this.res, status, text);
    this.res.end(`data: ${JSON.stringify({ error: { message: text, type: 'scripted', code: status } })}\n\n`);
  }
}

/** @param {ChatBody} body @param {string} prompt @param {boolean} title @returns {Step[]} */
function stepsFor(body, prompt, title) {
  if (title) return [speech('text', [`About ${prompt.replace(/\s+/g, ' ').slice(0, 40)}`], '0')];
  if (/summary|continuing our conversation/i.test(prompt) && !body.tools?.length) {
    return [speech('text', words(`Summary of ${body.messages.length} messages.`))];
  }
  const script = parseScript(prompt) ?? wished(prompt, body.messages);
  if (!script) return [speech('text', words(`You said: ${prompt.slice(0, 500)}\n\nI am a scripted model. ${TRY}`))];
  const turn = body.messages.slice(body.messages.findLastIndex((message) => message.role === 'user') + 1);
  const round = turn.filter((message) => message.tool_calls?.length).length;
  const steps = rounds(script)[round];
  if (steps) return steps;
  const output = turn.filter((message) => message.role === 'tool').map((message) => textOf(message.content)).join('\n').trim();
  return [speech('text', words(`done: ${words(output).length} words\n${output}`))];
}

/**
 * What any model does when it is asked in plain words, so that checks written for real models work here too.
 * @param {string} prompt @param {ChatMessage[]} messages @returns {Step[] | undefined}
 */
function wished(prompt, messages) {
  const count = /^Count from 1 to (\d+)/.exec(prompt);
  if (count) return [speech('text', Array.from({ length: Number(count[1]) }, (_, at) => `${at + 1} `))];
  const command = /exactly this command: (.+)$/.exec(prompt);
  if (command) return parseScript(`tool bash: ${command[1]}`);
  if (!/^Which word did I ask you to remember/.test(prompt)) return undefined;
  const said = messages.map(({ content }) => /Remember this word: ([\w-]+)/.exec(textOf(content))?.[1]).find(Boolean);
  return [speech('text', words(`The word is ${said ?? 'not known to me'}.`))];
}

/** @param {ChatBody} body */
function isTitle(body) {
  if (body.tools?.length) return false;
  return body.messages.some((message) => message.role !== 'assistant' && /title generator|^\s*Generate a title/i.test(textOf(message.content)));
}

/** What the user asks last, without what the server wraps around it. @param {ChatMessage[]} messages */
function promptOf(messages) {
  const last = messages.findLast((message) => message.role === 'user');
  const text = textOf(last?.content);
  const steered = /The user sent the following message:\n([\s\S]*?)\n\n?Please address/.exec(text);
  const titled = /summarize:\s*<text>\s*([\s\S]*?)\s*<\/text>/.exec(text);
  return (steered?.[1] ?? titled?.[1] ?? text.replace(/<system-reminder>[\s\S]*?<\/system-reminder>/g, '')).trim();
}

/** @param {unknown} content */
function textOf(content) {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (typeof part?.text === 'string' ? part.text : '')).filter(Boolean).join('\n');
}

/** @param {string} input @param {Tool} [tool] */
function toolArgs(input, tool) {
  if (input.startsWith('{')) return JSON.parse(input);
  const { properties = {}, required = ['command'] } = tool?.parameters ?? {};
  /** @type {Record<string, unknown>} */
  const fill = { number: 1, integer: 1, boolean: false, array: [], object: {} };
  return Object.fromEntries(required.map((name, index) => {
    if (index === 0) return [name, input];
    return [name, fill[properties[name]?.type] ?? `Scripted ${name}`];
  }));
}

/** @param {import('./script.mjs').Ask} step */
function questionArgs({ question, options }) {
  return { questions: [{ question, header: question.slice(0, 12), options: options.map((label) => ({ label, description: `Choose ${label}` })) }] };
}

/** @param {number} ms @param {AbortSignal} gone @returns {Promise<void>} */
function pause(ms, gone) {
  return new Promise((resolve) => {
    if (gone.aborted) return resolve();
    const timer = ms === Infinity ? undefined : setTimeout(finish, ms);
    function finish() {
      clearTimeout(timer);
      gone.removeEventListener('abort', finish);
      resolve();
    }
    gone.addEventListener('abort', finish);
  });
}

/** @param {import('node:http').IncomingMessage} req */
async function read(req) {
  const pieces = [];
  for await (const piece of req) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** @param {import('node:http').ServerResponse} res @param {number} status @param {object} value */
function json(res, status, value) {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** @param {import('node:http').ServerResponse} res @param {number} status @param {string} message */
function fail(res, status, message) {
  json(res, status, { error: { message, type: 'scripted', code: status } });
}
