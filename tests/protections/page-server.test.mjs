// The page server (`scripts/serve.mjs`, what `npm start` serves with): its policy, whom it answers, and what it gives out.
import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { servePage } from '../../scripts/serve.mjs';
import { tempDir } from '../support/temp.mjs';

const SERVER = 'http://127.0.0.1:4096';
const SECRET = 'not for any page';
/** What the page needs, and not a word more. */
const POLICY = {
  'default-src': "'none'",
  'script-src': "'self' 'wasm-unsafe-eval'",
  'worker-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data: blob:",
  'connect-src': `'self' ${SERVER}`,
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
  'require-trusted-types-for': "'script'",
  'trusted-types': 'opencode-session',
};
const HEADERS = {
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

let folder;
let site;

before(async () => {
  folder = tempDir('site');
  const put = async (file, text) => {
    await mkdir(join(folder.path, file, '..'), { recursive: true });
    await writeFile(join(folder.path, file), text);
  };
  await put('www/index.html', '<!doctype html>');
  await put('www/chat/main.js', 'export {};');
  await put('www/chat/main.ts', SECRET);
  await put('www/.env.js', SECRET);
  await put('www/.git/config.js', SECRET);
  await put('dist/index.js', 'export {};');
  await put('dist/core_bg.wasm', 'wasm');
  await put('package.json', SECRET);
  await put('secret.js', SECRET);
  await put('elsewhere/secret.js', SECRET);
  await symlink(join(folder.path, 'elsewhere/secret.js'), join(folder.path, 'www/link.js'));
  await symlink(join(folder.path, 'elsewhere'), join(folder.path, 'www/linked'));
  await put('www-not/secret.js', SECRET);
  site = await servePage({ upstream: SERVER, root: folder.path, connect: [] });
});
after(async () => {
  await site?.close();
  await folder?.remove();
});

/** One request, its path and headers exactly as given: `fetch` and `URL` would tidy them up. */
function ask(path, { method = 'GET', headers = {} } = {}) {
  const { hostname, port } = new URL(site.url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (piece) => { body += piece; }).on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    sent.on('error', reject).end();
  });
}
const policyOf = ({ headers }) => Object.fromEntries(headers['content-security-policy'].split('; ').map((directive) => {
  const [, name, value] = /^(\S+) (.*)$/.exec(directive);
  return [name, value];
}));

describe('the policy', () => {
  for (const [path, status] of [['/', 200], ['/chat/main.js', 200], ['/opencode-session/core_bg.wasm', 200], ['/config.json', 200], ['/none.html', 404], ['/%00', 400]]) {
    test(`is on ${path}, to the letter`, async () => {
      const answer = await ask(path);
      assert.equal(answer.status, status);
      assert.deepEqual(policyOf(answer), POLICY);
      for (const [name, value] of Object.entries(HEADERS)) assert.equal(answer.headers[name], value, name);
    });
  }

  test('names the servers that ?server= may name, as origins, and no others', async () => {
    const wide = await servePage({ upstream: `${SERVER}/base`, root: folder.path, connect: ['https://other.example/path?x', SERVER] });
    try {
      const { headers } = await fetch(wide.url);
      assert.match(headers.get('content-security-policy'), /connect-src 'self' http:\/\/127\.0\.0\.1:4096 https:\/\/other\.example;/);
    } finally {
      await wide.close();
    }
    await assert.rejects(servePage({ upstream: SERVER, root: folder.path, connect: ["*; script-src 'unsafe-inline'"] }), /no address of a server/);
  });

  test('lets wasm be compiled while it comes: it has its own type', async () => {
    assert.equal((await ask('/opencode-session/core_bg.wasm')).headers['content-type'], 'application/wasm');
    assert.match((await ask('/chat/main.js')).headers['content-type'], /^text\/javascript/);
  });
});

describe('who is answered', () => {
  const port = () => new URL(site.url).port;

  test('this machine by its own names', async () => {
    for (const host of [`127.0.0.1:${port()}`, `localhost:${port()}`, `[::1]:${port()}`, 'localhost']) assert.equal((await ask('/', { headers: { host } })).status, 200, host);
  });

  test('no foreign name that leads to this machine', async () => {
    for (const host of ['evil.example', `evil.example:${port()}`, 'localhost.evil.example', '127.0.0.1.evil.example', 'evil.example:localhost', '127.0.0.1:80@evil.example', 'localhost:x', '0.0.0.0']) {
      for (const path of ['/', '/config.json', '/opencode-session/index.js']) {
        const { status, body } = await ask(path, { headers: { host } });
        assert.equal(status, 421, `${host} ${path}`);
        assert.doesNotMatch(body, /baseUrl|doctype|export/);
      }
    }
  });

  test('nobody on another address of this machine', async () => {
    const others = Object.values(networkInterfaces()).flat().filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address);
    // 127.0.0.2 leads to this machine as well, and to nothing that listens on 127.0.0.1 alone.
    for (const host of [...others, '127.0.0.2']) {
      const outcome = await new Promise((resolve) => {
        const socket = connect({ host, port: Number(port()), timeout: 5_000 }, () => resolve('connected'));
        socket.on('error', ({ code }) => resolve(code)).on('timeout', () => resolve('timeout'));
        socket.on('close', () => undefined);
      });
      assert.notEqual(outcome, 'connected', host);
    }
  });

  test('no other methods than for reading', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
      const { status, headers } = await ask('/', { method });
      assert.deepEqual([status, headers.allow, headers['access-control-allow-origin']], [405, 'GET, HEAD', undefined], method);
    }
    const { status, body } = await ask('/', { method: 'HEAD' });
    assert.deepEqual([status, body], [200, '']);
  });
});

describe('what is given out', () => {
  test('no file outside of the two folders, however the path is written', async () => {
    const up = ['..', '%2e%2e', '.%2e', '%2e.', '%252e%252e', '..%00', '....', '..;'];
    const slashes = ['/', '%2f', '\\', '%5c', '//'];
    const paths = up.flatMap((dots) => slashes.flatMap((slash) => [
      `/${dots}${slash}secret.js`, `/chat/${dots}${slash}${dots}${slash}secret.js`, `/opencode-session/${dots}${slash}secret.js`,
      `/${dots}${slash}www-not${slash}secret.js`, `/opencode-session${slash}${dots}${slash}elsewhere${slash}secret.js`,
    ]));
    for (const path of [...paths, `/${folder.path}/secret.js`, `//${folder.path}/secret.js`, `file://${folder.path}/secret.js`]) {
      const { status, body } = await ask(path);
      assert.ok(status === 400 || status === 404, `${path}: ${status}`);
      assert.doesNotMatch(body, /not for any page/, path);
    }
  });

  test('no link that leads out of them', async () => {
    for (const path of ['/link.js', '/linked/secret.js']) assert.deepEqual(await ask(path).then(({ status, body }) => [status, body]), [404, '404\n'], path);
  });

  test('no sources, settings, folders and hidden files', async () => {
    for (const path of ['/chat/main.ts', '/package.json', '/../package.json', '/.env.js', '/.git/config.js', '/chat', '/chat/']) {
      const { status, body } = await ask(path);
      assert.ok(status === 400 || status === 404, `${path}: ${status}`);
      assert.doesNotMatch(body, /not for any page/, path);
    }
  });
});
