// What the mock server answers when the test says nothing else: the routes of a chat client, in the order of trying last to first.

/**
 * @param {import('./mock.mjs').Mock} mock
 * @returns {[string, string, import('./mock.mjs').Handler][]}
 */
export function defaultRoutes(mock) {
  const { store } = mock;
  const messages = '/session/:id/message';
  return [
    ['GET', '/global/health', () => ({ healthy: true, version: mock.version })],
    ['GET', '/path', () => ({ home: '/home', state: '/state', config: '/config', worktree: mock.directory, directory: mock.directory })],
    ['GET', '/config/providers', () => ({ providers: [PROVIDER], default: { mock: 'words' } })],
    ['GET', '/agent', () => AGENTS],
    ['GET', '/command', () => []],

    ['GET', '/session', () => [...store.sessions.values()].map(({ info }) => info).sort((a, b) => b.time.updated - a.time.updated)],
    ['POST', '/session', ({ body }) => store.createSession(body)],
    ['GET', '/session/:id', ({ params }) => store.session(params.id).info],
    ['PATCH', '/session/:id', ({ params, body }) => store.updateSession(params.id, body)],
    ['DELETE', '/session/:id', ({ params }) => store.removeSession(params.id)],
    ['GET', '/session/:id/children', ({ params }) => [...store.sessions.values()].map(({ info }) => info).filter(({ parentID }) => parentID === params.id)],
    ['GET', '/session/:id/todo', () => []],
    ['GET', '/session/:id/diff', () => []],
    // Later than /session/:id, so that "status" is no id.
    ['GET', '/session/status', () => store.status],

    ['GET', messages, ({ params, url, reply }) => {
      const { items, next } = store.page(params.id, Number(url.searchParams.get('limit') ?? 0), url.searchParams.get('before') ?? undefined);
      const older = new URL(url);
      if (next) older.searchParams.set('before', next);
      return reply(200, items, next ? { 'x-next-cursor': next, link: `<${older}>; rel="next"` } : {});
    }],
    ['GET', `${messages}/:message`, ({ params }) => store.message(params.id, params.message)],
    ['DELETE', `${messages}/:message`, ({ params }) => store.removeMessage(params.id, params.message)],
    ['POST', '/session/:id/prompt_async', ({ params, body, reply }) => {
      store.session(params.id);
      if (!Array.isArray(body?.parts)) return reply(400, { _tag: 'BadRequest' });
      store.user(params.id, body);
      if (!body.noReply) store.setStatus(params.id, { type: 'busy' });
      return reply(204);
    }],
    ['POST', '/session/:id/abort', ({ params }) => {
      if (store.status[params.id]) store.setStatus(params.id, { type: 'idle' });
      return true;
    }],

    ['GET', '/permission', () => store.permissions],
    ['POST', '/permission/:request/reply', ({ params, body, reply }) => settle(reply, store.replyPermission(params.request, body.reply))],
    ['POST', '/session/:id/permissions/:request', ({ params, body, reply }) => settle(reply, store.replyPermission(params.request, body.response))],
    ['GET', '/question', () => store.questions],
    ['POST', '/question/:request/reply', ({ params, body, reply }) => settle(reply, store.answerQuestion(params.request, body.answers))],
    ['POST', '/question/:request/reject', ({ params, reply }) => settle(reply, store.answerQuestion(params.request))],

    ['GET', '/event', (call) => mock.openStream(call, 'event')],
    ['GET', '/global/event', (call) => mock.openStream(call, 'global')],

    // Last, so that it is asked before every other one.
    ['*', '*', ({ req, url, reply, next }) => {
      const given = url.searchParams.get('auth_token') ?? /^Basic (.*)$/i.exec(req.headers.authorization ?? '')?.[1];
      if (!mock.basic || given === mock.basic) return next();
      return reply(401, '', { 'www-authenticate': 'Basic realm="Secure Area"' });
    }],
  ];
}

/** @param {import('./mock.mjs').Call['reply']} reply @param {boolean} known */
function settle(reply, known) {
  return known ? reply(200, true) : reply(404, { name: 'NotFoundError', data: { message: 'Request not found' } });
}

/** @param {string} id */
const model = (id) => ({
  id,
  providerID: 'mock',
  name: `Mock ${id}`,
  status: 'active',
  capabilities: { reasoning: true, attachment: false, toolcall: true },
  limit: { context: 100_000, output: 10_000 },
  cost: { input: 0, output: 0, cache: { read: 0, write: 0 } },
});

const PROVIDER = {
  id: 'mock',
  name: 'Mock',
  source: 'config',
  env: [],
  options: {},
  models: { words: model('words'), other: model('other') },
};

const AGENTS = [
  { name: 'build', description: 'The default agent.', mode: 'primary', native: true, options: {}, permission: [] },
  { name: 'plan', description: 'Reads and plans.', mode: 'primary', native: true, options: {}, permission: [] },
];
