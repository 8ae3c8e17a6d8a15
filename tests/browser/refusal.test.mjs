// Options, servers and prompts that cannot work: each is refused with its own code and a hint, and nothing secret.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startMock } from '../support/mock.mjs';
import { assertProblem, assertQuiet } from './checks.mjs';
import { NEWEST, onPage, onServers, withStage } from './scene.mjs';

const shared = withStage();
const SECRET = 'canary-77aa-password';

/** Runs `job` with a mock server and a page. @param {(mock: any, opened: import('./stage.mjs').Opened) => Promise<void>} job @param {object} [options] */
async function onMock(job, options) {
  const mock = await startMock(options);
  try {
    await onPage(shared, [mock.url], (opened) => job(mock, opened));
  } finally {
    await mock.close();
  }
}

/** What opening a session of this server ends in. */
const opening = (page, options, id = 'ses_00000000000000000000000000') => page.evaluate(async ([options, id]) => {
  const client = await drive.connect(options);
  const session = client.openSession(id);
  const ready = await drive.problem(session.ready);
  const { connection, error } = session.state;
  return { ready, shown: drive.plainError(connection.error ?? error), logs: drive.logs.map((entry) => JSON.stringify(entry)) };
}, [options, id]);

describe('options', () => {
  const BASES = [
    [`http://user:${SECRET}@127.0.0.1:4096`, 'credentials_in_url'],
    [`http://${SECRET}@127.0.0.1:4096`, 'credentials_in_url'],
    ['ftp://127.0.0.1/', 'bad_base_url'],
    ['javascript:alert(1)', 'bad_base_url'],
    ['', 'bad_base_url'],
    ['127.0.0.1', 'bad_base_url'],
    [`http://127.0.0.1/?auth_token=${SECRET}`, 'bad_base_url'],
  ];
  for (const [baseUrl, code] of BASES) {
    test(`baseUrl "${baseUrl}"`, () => onPage(shared, [], async ({ page, requests, said }) => {
      const before = requests.length;
      const error = await page.evaluate((baseUrl) => drive.problem(drive.connect({ baseUrl })), baseUrl);
      assertProblem(error, code, [SECRET]);
      assertQuiet([error.stack, ...said], [SECRET]);
      assert.equal(requests.length, before, 'something was asked');
    }));
  }

  for (const [title, more, code] of [
    ['an unknown transport', { transport: 'pigeon' }, 'bad_option'],
    ['a limit that is no number', { limits: { event: 'big' } }, 'bad_option'],
    ['a negative wait', { retry: { min: -1 } }, 'bad_option'],
    ['an unknown kind of auth', { auth: { type: 'magic', password: SECRET } }, 'bad_option'],
  ]) {
    test(title, () => onPage(shared, ['http://127.0.0.1:9'], async ({ page }) => {
      const error = await page.evaluate((more) => drive.problem(drive.connect({ baseUrl: 'http://127.0.0.1:9', ...more }).then((client) => client.health())), more);
      assertProblem(error, code, [SECRET]);
    }));
  }
});

describe('servers', () => {
  test('a web page for everything', () => onMock(async (mock, { page, said }) => {
    mock.on('*', '*', ({ reply }) => reply(200, '<!doctype html><title>Login</title>', { 'content-type': 'text/html' }));
    const seen = await opening(page, { baseUrl: mock.url });
    assertProblem(seen.ready, 'html_response');
    assertProblem(seen.shown, 'html_response');
    assert.deepEqual(said, []);
  }));

  test('401', () => onMock(async (mock, { page, requests, said }) => {
    const seen = await opening(page, { baseUrl: mock.url, auth: { type: 'basic', password: `${SECRET}-wrong` } });
    for (const error of [seen.ready, seen.shown]) assertProblem(error, 'unauthorized', [SECRET]);
    assertQuiet([...said, ...seen.logs, ...requests.map((request) => request.url())], [SECRET, btoa(SECRET)]);
  }, { password: SECRET }));

  test('403', () => onMock(async (mock, { page }) => {
    mock.on('GET', '*', ({ reply }) => reply(403, { message: 'no' }));
    const seen = await opening(page, { baseUrl: mock.url });
    for (const error of [seen.ready, seen.shown]) assertProblem(error, 'forbidden');
  }));

  test('an unknown session', () => onMock(async (mock, { page }) => {
    const seen = await opening(page, { baseUrl: mock.url });
    for (const error of [seen.ready, seen.shown]) assertProblem(error, 'session_not_found');
  }));
});

onServers('an unknown session', (scene) => {
  for (const id of ['ses_00000000000000000000000000', 'nonsense', '../../global/health']) {
    test(`"${id}"`, () => onPage(shared, [scene.server.url], async ({ page }) => {
      const seen = await opening(page, { baseUrl: scene.server.url }, id);
      // To an id without its prefix the server says 500; the library may know better.
      const code = id.startsWith('ses_') || seen.ready?.code !== 'server_error' ? 'session_not_found' : 'server_error';
      for (const error of [seen.ready, seen.shown]) assertProblem(error, code);
    }));
  }
}, { versions: [NEWEST] });

describe('prompts', () => {
  /** What a prompt ends in: both promises, and what is shown. */
  const sending = (mock, page, prompt, options) => page.evaluate(async ([baseUrl, id, prompt, options]) => {
    const session = await drive.open({ baseUrl }, id);
    const sent = session.send(prompt, options);
    const errors = [await drive.problem(sent.stored), await drive.problem(sent.done)];
    return { errors, deliveries: session.state.messages.map(({ delivery }) => delivery), status: session.state.status.type };
  }, [mock.url, mock.store.createSession().id, prompt, options]);
  const posted = (mock) => mock.requests.filter(({ method, path }) => method === 'POST' && /prompt|message/.test(path));

  for (const [title, prompt] of [['an empty text', ''], ['white space', ' \n\t'], ['no parts', { parts: [] }], ['nothing', {}]]) {
    test(title, () => onMock(async (mock, { page }) => {
      const seen = await sending(mock, page, prompt, {});
      for (const error of seen.errors) assertProblem(error, 'bad_prompt');
      assert.deepEqual(posted(mock), []);
      assert.deepEqual(seen.deliveries, []);
    }));
  }

  for (const [title, options, code, near] of [
    ['an unknown model', { model: 'mock/wrods' }, 'unknown_model', 'mock/words'],
    ['an unknown model, nested', { model: { providerID: 'mock', modelID: 'othr' } }, 'unknown_model', 'mock/other'],
    ['an unknown provider', { model: 'mokc/words' }, 'unknown_model', 'mock/words'],
    ['an unknown agent', { agent: 'biuld' }, 'unknown_agent', 'build'],
  ]) {
    test(title, () => onMock(async (mock, { page }) => {
      const seen = await sending(mock, page, 'hello', options);
      for (const error of seen.errors) {
        assertProblem(error, code);
        assert.ok(error.near?.includes(near), `near names: ${error.near}`);
      }
      assert.deepEqual(posted(mock), []);
      assert.deepEqual(seen.deliveries, ['failed']);
      assert.equal(seen.status, 'idle');
    }));
  }

  test('a model is sent nested, whichever form it was given in', () => onMock(async (mock, { page }) => {
    const { id } = mock.store.createSession();
    await page.evaluate(async ([baseUrl, id]) => {
      const session = await drive.open({ baseUrl }, id);
      for (const model of ['mock/other', { providerID: 'mock', modelID: 'other' }]) await drive.soon(session.send('hi', { model, noReply: true }).stored, 'stored');
    }, [mock.url, id]);
    assert.deepEqual(posted(mock).map(({ body }) => body.model), Array(2).fill({ providerID: 'mock', modelID: 'other' }));
    assert.ok(posted(mock).every(({ body }) => !('modelID' in body) && !('providerID' in body)));
  }));
});
