// The protections of SECURITY.md: how each is taken out, and which test has to see that. `npm run protections` tries them all;
// tests/protections/table.test.mjs holds that each place and each test is there.

import { PROVIDER } from './provider-protections.mjs';

/**
 * @typedef {object} Protection
 * @property {string} name
 * @property {number[]} rules rows of the table in SECURITY.md
 * @property {string} file where it is
 * @property {string} find stands there exactly once
 * @property {string} replace takes its place
 * @property {{ file: string, name: string }} test a file of tests, and words that stand in the name of the test
 * @property {RegExp} because what the test says when the protection is gone
 * @property {number} [limit] milliseconds, where the test never ends without it
 */

const pageServer = (/** @type {string} */ name) => ({ file: 'tests/protections/page-server.test.mjs', name });
const messages = (/** @type {string} */ name) => ({ file: 'tests/protections/keeper-messages.test.mjs', name });
const markup = (/** @type {string} */ name) => ({ file: 'tests/protections/markup.test.mjs', name });
const keys = (/** @type {string} */ name) => ({ file: 'tests/protections/keys.test.mjs', name });
const supply = (/** @type {string} */ name) => ({ file: 'tests/protections/supply.test.mjs', name });
const requests = (/** @type {string} */ name) => ({ file: 'tests/protections/requests.test.mjs', name });
const nginx = (/** @type {string} */ name) => ({ file: 'tests/protections/nginx.test.mjs', name });
const doctor = (/** @type {string} */ name) => ({ file: 'tests/doctor/trust.test.mjs', name });
const seen = (/** @type {string} */ name) => ({ file: 'tests/doctor/visible.test.mjs', name });
const scrub = (/** @type {string} */ name) => ({ file: 'tests/recorder/scrub.test.mjs', name });
const mineOnly = (/** @type {string} */ name) => ({ file: 'tests/keeper/identity.test.mjs', name });
const trusted = (/** @type {string} */ name) => ({ file: 'tests/keeper/trusted.test.mjs', name });
const signOut = (/** @type {string} */ name) => ({ file: 'tests/keeper/sign-out.test.mjs', name });
const rust = (/** @type {string} */ file, /** @type {string} */ name) => ({ file: `tests/${file}.rs`, name });

/** @type {Protection[]} */
export const PROTECTIONS = [
  // 1: nothing is read as markup.
  { name: 'no markup', rules: [1], file: 'www/chat/dom.ts', find: "node.append(typeof child === 'string' ? visible(child) : child);", replace: "if (typeof child === 'string') node.insertAdjacentHTML('beforeend', child);\n    else if (child !== undefined) node.append(child);", test: markup('no page makes markup out of a text'), because: /insertAdjacentHTML/ },
  { name: 'no foreign links', rules: [1], file: 'www/chat/file-part.ts', find: 'if (this.picture.src !== part.url) this.picture.src = part.url;', replace: 'Object.assign(this.picture, { href: part.url });', test: markup('links lead into the page itself'), because: /file-part\.ts/ },
  // 2: the policy of the pages.
  { name: 'policy', rules: [2], file: 'scripts/serve.mjs', find: "    'content-security-policy': policy.join('; '),\n", replace: '', test: pageServer('is on /config.json'), because: /content-security-policy|Cannot read properties of undefined/ },
  { name: 'policy: own scripts only', rules: [2], file: 'scripts/serve.mjs', find: `"script-src 'self' 'wasm-unsafe-eval'"`, replace: `"script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'"`, test: pageServer('is on /, to the letter'), because: /unsafe-inline/ },
  { name: 'policy: trusted types', rules: [2], file: 'scripts/serve.mjs', find: `    "require-trusted-types-for 'script'",\n`, replace: '', test: pageServer('is on /, to the letter'), because: /require-trusted-types-for/ },
  { name: 'policy: no frames', rules: [2], file: 'scripts/serve.mjs', find: `    "frame-ancestors 'none'",\n`, replace: '', test: pageServer('is on /, to the letter'), because: /frame-ancestors/ },
  { name: 'policy: servers by name', rules: [2], file: 'scripts/serve.mjs', find: "`connect-src 'self' ${[...new Set(servers)].join(' ')}`", replace: '`connect-src *${servers.length > 99}`', test: pageServer('names the servers'), because: /connect-src/ },
  { name: 'policy: of the keeper', rules: [2], file: 'src/js/keeper/registration.ts', find: "  if (named.has(url)) return url;\n  throw new TypeError('This is not the keeper of this origin.');", replace: '  return url;', test: trusted('its policy lets the address of the keeper through'), because: /localhost:1\/keeper\.js/ },
  // 3
  { name: 'no eval', rules: [3], file: 'scripts/serve.mjs', find: "'self' 'wasm-unsafe-eval'", replace: "'self' 'unsafe-eval'", test: pageServer('is on /, to the letter'), because: /unsafe-eval/ },
  { name: 'type of wasm', rules: [3], file: 'scripts/serve.mjs', find: "'.wasm': 'application/wasm'", replace: "'.wasm': 'application/octet-stream'", test: pageServer('lets wasm be compiled'), because: /application\/wasm/ },
  // 4 to 6: secrets.
  { name: 'mine only: the journal', rules: [4], file: 'src/js/host.ts', find: "return secret === undefined ? '' : (await import('./identity.js')).digest([base], [secret]);", replace: "return secret === undefined ? '' : (await import('./identity.js')).digest([base], []);", test: mineOnly('bearer, own stream: the next person'), because: /waited \d+ ms|first/ },
  { name: 'names of owners', rules: [4, 18], file: 'src/js/identity.ts', find: "  return Array.from(new Uint8Array(bits), (byte) => byte.toString(16).padStart(2, '0')).join('');", replace: '  return JSON.stringify([bits.byteLength, scope, secret]);', test: { file: 'tests/keeper/leader.test.mjs', name: 'tabs with other credentials share nothing' }, because: /opencode-session-/ },
  { name: 'sign-out: the journal', rules: [4], file: 'src/js/person.ts', find: 'Promise.all([journal?.erase(who), ', replace: 'Promise.all([', test: signOut('bearer, own stream: signed out in one tab'), because: /PRIVATE of first/ },
  { name: 'sign-out: other tabs', rules: [4], file: 'src/js/person.ts', find: "      if (who !== undefined) this.#tell({ type: 'signed-out', who });\n", replace: '', test: signOut('bearer, own stream: signed out in one tab'), because: /the end in the other tab/ },
  { name: 'sign-out: the keeper', rules: [4, 18], file: 'src/js/keeper/worker.ts', find: '      hub.forget(request.base, request.who);\n', replace: '', test: signOut('bearer, keeper: signed out in one tab'), because: /the end of the streams/ },
  { name: 'sign-out: states', rules: [4], file: 'src/js/view.ts', find: '    this.state = INITIAL;\n    this.publish();\n', replace: '    this.publish();\n', test: { file: 'tests/wasm/sign-out.test.mjs', name: 'signOut ends the clients' }, because: /strictly/ },
  { name: 'sign-out: while a client is made', rules: [4], file: 'src/js/person.ts', find: '    for (const data of tabs.missed.splice(0)) void this.#hear(data);\n', replace: '', test: signOut('a tab that is still loading'), because: /lives/ },
  { name: 'sign-out: of whom is not known', rules: [4], file: 'src/js/person.ts', find: '      const who = await whose;', replace: '      const who = await whose.catch(() => undefined);', test: { file: 'tests/wasm/sign-out.test.mjs', name: 'signOut fails where auth never answers' }, because: /Missing expected rejection/ },
  { name: 'cookies: beside auth', rules: [4], file: 'src/js/keeper/protocol.ts', find: '(auth === undefined || new URL(base).origin === page.origin)', replace: 'auth === undefined', test: signOut('cookie and password, keeper: an old tab'), because: /the end of the old tab/ },
  { name: 'cookies: one of two stays', rules: [4], file: 'src/js/person.ts', find: '(isArrival && this.#isAfter(own, since, who))', replace: 'false', test: signOut('made at the same time'), because: /signed_out/ },
  { name: 'sign-out: prompts on their way', rules: [4], file: 'src/js/host.ts', find: '    this.#isOver = true;\n', replace: '', test: { file: 'tests/wasm/sign-out.test.mjs', name: 'what is on its way when the person signs out' }, because: /posted/ },
  { name: 'replaced cookies', rules: [4], file: 'src/js/person.ts', find: "    if (link.requests.isByCookie) void this.#arrive();\n", replace: '', test: signOut('cookie, own stream: an old tab'), because: /the end of the old tab/ },
  { name: 'said: what a page gives away', rules: [5], file: 'docs/auth.md', find: '- A page that knows the password gives it to whoever uses the page. To hide it, let a proxy of yours add it.\n', replace: '', test: { file: 'tests/protections/table.test.mjs', name: 'what is not promised is said' }, because: /docs\/auth\.md/ },
  { name: 'no secret in the wasm', rules: [6], file: 'src/js/client.ts', find: 'const plain = JSON.stringify({ directory, transport,', replace: 'const plain = JSON.stringify({ auth: options.auth, directory, transport,', test: { file: 'tests/protections/memory.test.mjs', name: 'bearer' }, because: /is in the wasm/ },
  { name: 'auth is asked for each request', rules: [6], file: 'src/js/host.ts', find: "const auth = typeof own === 'function' ? await bounded(patience, () => own()) : own;", replace: "const auth = typeof own === 'function' ? await ((this as { kept?: unknown } as { kept?: Auth | Promise<Auth> }).kept ??= own()) : own;", test: { file: 'tests/browser/transport.test.mjs', name: 'a function is asked for credentials' }, because: /unauthorized|asked \d times|waited/ },
  // 7, 8: what goes out, and what does not come back.
  { name: 'no credentials in addresses', rules: [7], file: 'src/js/host.ts', find: 'if (url?.username || url?.password) {', replace: "if (url?.username === 'never') {", test: { file: 'tests/browser/refusal.test.mjs', name: 'baseUrl "http' }, because: /credentials_in_url/ },
  { name: 'no-store', rules: [7], file: 'src/js/host.ts', find: "credentials, cache: 'no-store', redirect", replace: 'credentials, redirect', test: requests('has cache "no-store"'), because: /no-store/ },
  { name: 'no-referrer', rules: [7], file: 'src/js/host.ts', find: ", referrerPolicy: 'no-referrer' };", replace: ' };', test: requests('has referrerPolicy "no-referrer"'), because: /no-referrer/ },
  { name: 'no cookies', rules: [7], file: 'src/js/keeper/protocol.ts', find: "if (identity === undefined) return 'omit';", replace: "if (identity === undefined) return 'include';", test: requests('has credentials "omit"'), because: /omit/ },
  { name: 'attachments: no cookies', rules: [7], file: 'src/js/prompt.ts', find: "{ signal, credentials: 'omit', referrerPolicy", replace: '{ signal, referrerPolicy', test: requests("of the page's own server is read without cookies"), because: /canary/ },
  { name: 'attachments: no referrer', rules: [7], file: 'src/js/prompt.ts', find: "credentials: 'omit', referrerPolicy: 'no-referrer' }", replace: "credentials: 'omit' }", test: requests('that sends on is read without cookies'), because: /http:/ },
  { name: 'models of objects alone', rules: [14], file: 'src/js/client.ts', find: '.filter(([, model]) => isObject(model)).map', replace: '.map', test: { file: 'tests/wasm/large.test.mjs', name: 'models are made of objects alone' }, because: /\d+ models/ },
  { name: 'no redirects', rules: [7, 11], file: 'src/js/host.ts', find: "cache: 'no-store', redirect: 'manual',", replace: "cache: 'no-store', redirect: 'follow',", test: requests('has redirect "manual"'), because: /manual/ },
  { name: 'no redirects that an own fetch followed', rules: [7, 11], file: 'src/js/answer.ts', find: 'const hidden = redirected || type', replace: 'const hidden = redirected === undefined || type', test: { file: 'tests/wasm/answers.test.mjs', name: 'a redirect (307) is not followed' }, because: /resolved with/ },
  { name: 'keeper: no-store', rules: [7], file: 'src/js/keeper/upstream.ts', find: "cache: 'no-store', ", replace: '', test: requests('no cache answers the keeper'), because: /no-cache/ },
  { name: 'keeper: no-referrer', rules: [7], file: 'src/js/keeper/upstream.ts', find: ", referrerPolicy: 'no-referrer'", replace: '', test: requests('no referrer from the keeper'), because: /http:/ },
  { name: 'keeper: no redirects', rules: [7, 11], file: 'src/js/keeper/upstream.ts', find: "redirect: 'manual'", replace: "redirect: 'follow'", test: requests('nothing goes to another address from the keeper'), because: /\/event/ },
  { name: 'what auth throws', rules: [7, 8], file: 'src/js/host.ts', find: 'throw error instanceof Late ? error : new AuthError();', replace: 'throw error;', test: requests('throws an error: every call says auth_failed'), because: /auth_failed/ },
  { name: 'recordings: secret fields', rules: [8], file: 'src/js/recorder/scrub.ts', find: "      if (isSecretName(name)) return `${name}=***`;\n", replace: '', test: { file: 'tests/recorder/scrub.test.mjs', name: 'go from an address' }, because: /\*\*\*/ },
  { name: 'recordings: names of secrets', rules: [8], file: 'src/js/recorder/secrets.ts', find: ' || LAST_WORD.has(last)) return true;', replace: ') return true;', test: scrub('go by all names that people give them'), because: /hunter2/ },
  { name: 'recordings: what looks like a secret', rules: [8], file: 'src/js/recorder/secrets.ts', find: 'if (isRandom(token, isOne)) found', replace: 'if (isRandom(token, isOne) && index < 0) found', test: scrub('go by what they look like'), because: /AssertionError|falsy/ },
  { name: 'recordings: secrets in a text', rules: [8], file: 'src/js/recorder/secrets.ts', find: 'found.push([end - secret.length, end]);', replace: 'void end;\n      void secret;', test: scrub('go by what they look like'), because: /AssertionError|hunter2|falsy/ },
  { name: 'recordings: names', rules: [8], file: 'src/js/recorder/scrub.ts', find: 'if (!this.#masked || isWord(name) ||', replace: "if (!this.#masked || name !== '' || isWord(name) ||", test: scrub('has no name that somebody gave'), because: /Zanzibar/i },
  { name: 'recordings: headers', rules: [8], file: 'src/js/recorder/scrub.ts', find: "if (!this.#masked || value === '') return value;", replace: "if (!this.#masked || value !== '-') return value;", test: scrub('of headers keeps what the client goes by'), because: /zanzibar/ },
  { name: 'recordings: sessions', rules: [14], file: 'src/js/recorder/read.ts', find: 'if (open > SESSIONS || opened > OPENED) throw', replace: 'if (open > 9e9 * SESSIONS || opened > 9e9 * OPENED) throw', test: { file: 'tests/recorder/recorder.test.mjs', name: 'reads no more than a client ever writes' }, because: /Missing expected rejection|bad_recording/ },
  { name: 'recordings: size', rules: [14], file: 'src/js/recorder/read.ts', find: 'if (size > FILE) throw', replace: 'if (size > 9e9 * FILE) throw', test: { file: 'tests/recorder/recorder.test.mjs', name: 'reads no more than a client ever writes' }, because: /larger than|no recording|not match/ },
  { name: 'lists: a few at a time', rules: [14], file: 'src/js/list/sessions.ts', find: 'if (this.#looking >= LOOKING || ', replace: 'if (this.#looking >= 9e9 * LOOKING || ', test: { file: 'tests/wasm/large.test.mjs', name: 'sessions that only requests name' }, because: /at the same time/ },
  { name: 'lists: not for ever', rules: [14], file: 'src/js/list/sessions.ts', find: '|| this.#looked.size >= LOOKED ||', replace: '|| this.#looked.size >= 9e9 * LOOKED ||', test: { file: 'tests/wasm/large.test.mjs', name: 'sessions that only requests name' }, because: /in all/ },
  { name: 'lists: what was asked for', rules: [14], file: 'src/js/list/roll.ts', find: 'answer.sessions.slice(0, question.most)', replace: 'answer.sessions.slice(0)', test: { file: 'tests/wasm/large.test.mjs', name: 'a list longer than what was asked for' }, because: /are read/ },
  // 9, 10: who is answered by the servers that this repository brings.
  { name: 'lab: token', rules: [9], file: 'scripts/lib/lab.mjs', find: 'return given.length === wanted.length && timingSafeEqual(given, wanted);', replace: 'return given.length !== wanted.length || timingSafeEqual(given, given);', test: { file: 'tests/browser/lab.test.mjs', name: 'the controls are for the lab page alone' }, because: /403/ },
  { name: 'lab: origin', rules: [9], file: 'scripts/lib/lab.mjs', find: "  if (origin !== undefined && origin !== `http://${host}`) return false;\n", replace: '  void origin;\n  void host;\n', test: { file: 'tests/browser/lab.test.mjs', name: 'the controls are for the lab page alone' }, because: /403/ },
  { name: 'page server: Host', rules: [10], file: 'scripts/serve.mjs', find: '    if (!isLocal(request.headers.host)) return refuse(response, 421);\n', replace: '    void isLocal;\n', test: pageServer('no foreign name that leads to this machine'), because: /421/ },
  { name: 'page server: whole Host', rules: [10], file: 'scripts/serve.mjs', find: '(?::\\d+)?$/.test(host)', replace: '(?::\\d+)?/.test(host)', test: pageServer('no foreign name that leads to this machine'), because: /421/ },
  { name: 'page server: loopback', rules: [10], file: 'scripts/serve.mjs', find: 'server.listen(port, LOOPBACK, ', replace: 'server.listen(port, ', test: pageServer('nobody on another address'), because: /connected/ },
  { name: 'page server: methods', rules: [10], file: 'scripts/serve.mjs', find: "    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, { allow: 'GET, HEAD' });\n", replace: '', test: pageServer('no other methods'), because: /405/ },
  { name: 'page server: path', rules: [10], file: 'scripts/serve.mjs', find: 'return plain ? path : undefined;', replace: 'return plain || path.startsWith("/") ? path : undefined;', test: pageServer('no sources, settings'), because: /\.env\.js|\.git/ },
  { name: 'page server: real path', rules: [10], file: 'scripts/serve.mjs', find: 'isFile && file.startsWith(home + sep) ?', replace: 'isFile && sep !== home ?', test: pageServer('no link that leads out'), because: /200/ },
  { name: 'page server: kinds of files', rules: [10], file: 'scripts/serve.mjs', find: 'if (!folder || !TYPES.has(extname(path))) return undefined;', replace: 'if (!folder) return undefined;', test: pageServer('no sources, settings'), because: /main\.ts/ },
  { name: 'ids are pieces of paths', rules: [10], file: 'src/js/host.ts', find: "|| /^\\.{0,2}$|\\//.test(id)", replace: '', test: { file: 'tests/wasm/arguments.test.mjs', name: 'ids that are no piece of a path' }, because: /Missing expected rejection|bad_option/ },
  { name: 'doctor: no redirects', rules: [11], file: 'src/js/doctor/request.ts', find: "redirect: 'manual'", replace: "redirect: 'follow'", test: doctor('that sends on is not followed'), because: /was followed|GET \/x/ },
  { name: 'doctor: its own command alone', rules: [], file: 'src/js/doctor/permission.ts', find: "own ? 'once' : 'reject'", replace: "own === undefined ? 'reject' : 'once'", test: doctor('for another command are refused'), because: /once/ },
  { name: 'doctor: whose call it is', rules: [], file: 'src/js/doctor/permission.ts', find: '.find(({ info }) => info.id === tool.messageID);', replace: '.find(({ parts }) => parts.some(({ callID }) => callID === tool.callID));', test: doctor('for a call by the name of an earlier, innocent one'), because: /once|passed/ },
  { name: 'doctor: what the shell is really told', rules: [], file: 'src/js/doctor/permission.ts', find: '    commands.push(...calls);\n', replace: '', test: doctor('for a call that writes a file are refused'), because: /once|passed/ },
  { name: 'doctor: no sub-agents', rules: [], file: 'src/js/doctor/permission.ts', find: 'sessionID !== session.id || ', replace: '', test: doctor('for a sub-agent'), because: /once|passed/ },
  { name: 'doctor: no password unasked', rules: [7], file: 'src/cli.mjs', find: "[isLoopback(url) ? 'auth' : 'authIfAsked']: own", replace: "[isLoopback(url) ? 'auth' : 'auth']: own", test: doctor('goes to no other address that does not ask'), because: /Basic/ },
  { name: 'doctor: time of an answer', rules: [14], file: 'src/js/doctor/request.ts', find: 'return bounded(patience, async', replace: 'return bounded(patience * 0, async', test: doctor('that never ends ends the check "scope"'), because: /waited \d+ ms|testTimeoutFailure/, limit: 60_000 },
  { name: 'doctor: size of an answer', rules: [14], file: 'src/js/doctor/request.ts', find: 'if (left >= 0) return;', replace: 'if (left >= 0 || left < 0) return;', test: doctor('that is too large ends the check'), because: /too_large|testTimeoutFailure/, limit: 60_000 },
  { name: 'doctor: size of a line', rules: [14], file: 'src/js/doctor/listener.ts', find: 'const LINE = 1024 * 1024;', replace: 'const LINE = 64 * 1024 * 1024;', test: doctor('is not looked at beyond its longest line'), because: /buffering_proxy/ },
  // 13
  { name: 'keeper: lets go', rules: [13], file: 'src/js/keeper/upstream.ts', find: '  closeStream(): void {\n    this.#stream?.abort();', replace: '  closeStream(): void {\n    void this.#stream;', test: { file: 'tests/keeper/worker.test.mjs', name: 'a stream that nobody needs is let go' }, because: /the end of the stream/ },
  { name: 'keeper: closed tabs', rules: [13], file: 'src/js/keeper/port.ts', find: "    addEventListener('pagehide', this.#hidden);\n", replace: '', test: { file: 'tests/keeper/worker.test.mjs', name: 'a tab that is closed is a reader that goes' }, because: /the end of the stream/ },
  // 9 to 13: the proxy of docs/auth.md.
  { name: 'proxy: sign-in', rules: [9, 12], file: 'docs/auth.md', find: '        auth_request /may-come;\n', replace: '', test: nginx('lets nobody through'), because: /401/ },
  { name: 'proxy: Origin', rules: [9], file: 'docs/auth.md', find: '        if ($foreign_origin) { return 403; }\n', replace: '', test: nginx('takes nothing that another site sends'), because: /403/ },
  { name: 'proxy: Sec-Fetch-Site', rules: [9], file: 'docs/auth.md', find: '        if ($foreign_site) { return 403; }\n', replace: '', test: nginx('takes nothing that another site sends'), because: /403/ },
  { name: 'proxy: forms', rules: [9], file: 'docs/auth.md', find: '        if ($form) { return 415; }\n', replace: '', test: nginx('takes nothing that another site sends'), because: /415/ },
  { name: 'proxy: routes', rules: [10], file: 'docs/auth.md', find: '        if ($route = 0) { return 404; }\n', replace: '', test: nginx('passes on no other route'), because: /GET \/file: 200/ },
  { name: 'proxy: whole routes', rules: [10], file: 'docs/auth.md', find: '|session|session/status)$" 1;', replace: '|session|session/status)" 1;', test: nginx('passes on no other route'), because: /eventx/ },
  { name: 'proxy: redirects', rules: [11], file: 'docs/auth.md', find: '        error_page 301 302 303 307 308 =502 @sent-on;\n', replace: '', test: nginx('follows and passes on no redirect'), because: /evil/ },
  { name: 'proxy: cookies', rules: [11], file: 'docs/auth.md', find: '        proxy_set_header Cookie "";\n', replace: '', test: nginx('gives the server its password'), because: /cookie/ },
  { name: 'proxy: forwarded', rules: [11], file: 'docs/auth.md', find: '        proxy_set_header X-Forwarded-For "";\n', replace: '', test: nginx('gives the server its password'), because: /x-forwarded-for/ },
  { name: 'proxy: headers of the server', rules: [11], file: 'docs/auth.md', find: '        proxy_hide_header Set-Cookie;\n', replace: '', test: nginx('gives the server its password'), because: /set-cookie/ },
  { name: 'proxy: bodies', rules: [12], file: 'docs/auth.md', find: '    client_max_body_size 32m;\n', replace: '    client_max_body_size 0;\n', test: nginx('takes bodies as large as'), because: /false|AssertionError/ },
  { name: 'proxy: nothing is collected', rules: [13], file: 'docs/auth.md', find: '        proxy_buffering off;\n', replace: '        proxy_buffering on;\n        proxy_ignore_client_abort on;\n', test: nginx('carries a whole session'), because: /the stream|the answer|the end of the stream/ },
  // 14, 15: bounds.
  { name: 'bound: depth of JSON', rules: [14], file: 'src/proto/json/cursor.rs', find: 'if self.depth <= MAX_DEPTH && self.take(bracket) {', replace: 'if self.depth <= MAX_DEPTH * 99 && self.take(bracket) {', test: rust('json', 'deep_nesting_is_skipped_without_bound_and_visited_to_one'), because: /panicked at tests\/json\.rs/ },
  { name: 'bound: line', rules: [14], file: 'src/proto/sse/decoder.rs', find: 'let fits = line.len() <= self.limits.line;', replace: 'let fits = true;', test: rust('conformance_sse', 'tiny_limits'), because: /panicked at tests\/conformance_sse\.rs/ },
  { name: 'bound: event', rules: [14], file: 'src/proto/sse/decoder.rs', find: 'if !fits || self.data.len() + value.len() > self.limits.event {', replace: 'if !fits {', test: rust('conformance_sse', 'tiny_limits'), because: /panicked at tests\/conformance_sse\.rs/ },
  { name: 'bound: events while loading', rules: [14], file: 'src/proto/sync/buffer.rs', find: '            || buffer.events.len() >= context.limits.buffered_events;', replace: '            || buffer.events.len() == usize::MAX;', test: rust('hostile', 'events_too_many_while_the_history_loads_are_a_visible_error'), because: /limit_reached/ },
  { name: 'bound: unknown messages', rules: [14], file: 'src/proto/sync/parked.rs', find: 'self.full |= self.groups.len() >= MAX_UNKNOWN;', replace: 'self.full |= self.groups.len() >= MAX_UNKNOWN * 9_999;', test: rust('hostile', 'unknown_messages_are_fetched_a_few_at_a_time'), because: /panicked at tests\/hostile\.rs/ },
  { name: 'bound: answers', rules: [14], file: 'src/js/host.ts', find: 'if (left < 0) throw new Large();', replace: 'if (left < Number.NEGATIVE_INFINITY) throw new Large();', test: { file: 'tests/wasm/large.test.mjs', name: 'a live list says so, and asks again later' }, because: /waited \d+ ms|testTimeoutFailure/, limit: 30_000 },
  { name: 'bound: waits that a server asks for', rules: [15], file: 'src/proto/retry/backoff.rs', find: 'asked.clamp(self.policy.min, MAX_RETRY_AFTER)', replace: 'asked.max(MAX_RETRY_AFTER - MAX_RETRY_AFTER)', test: rust('connection', 'retry_after_is_honoured_up_to_five_minutes'), because: /panicked at tests\/connection\.rs/ },
  // 16
  { name: 'keys: a part that steps hold', rules: [16], file: 'src/js/view.ts', find: '  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });', replace: '  (target as Record<string, unknown>)[key] = value;', test: keys('keeps them as plain keys of messages and parts'), because: /another prototype|"type":"text"/ },
  { name: 'keys: a part that is copied', rules: [16], file: 'src/js/view.ts', find: 'const part = { ...old };', replace: 'const part = Object.assign({}, old) as DraftPart;', test: keys('keeps them as plain keys of messages and parts'), because: /another prototype/ },
  { name: 'keys: a session that is listed', rules: [16], file: 'src/js/list/roll.ts', find: 'const made = Object.freeze({ ...info, status, requests });', replace: 'const made = Object.freeze(Object.assign({}, info, { status, requests })) as ListedSession;', test: keys('a live list keeps them as plain keys'), because: /another prototype/ },
  { name: 'keys: a session that is made whole', rules: [16], file: 'src/js/list/wire.ts', find: "{ ...value, title: typeof value['title'] === 'string' ? value['title'] : '', time: { ...times, created, updated } };", replace: "Object.assign({}, value, { title: typeof value['title'] === 'string' ? value['title'] : '', time: { ...times, created, updated } });", test: keys('a live list keeps them as plain keys'), because: /error: 'ses_o'|another prototype/ },
  // 17
  { name: 'a trap ends the client', rules: [17], file: 'src/js/guard.ts', find: '        if (asked && error instanceof TypeError) throw error;\n', replace: '        if (asked || !asked) throw error;\n', test: { file: 'tests/wasm/trap.test.mjs', name: 'a trap ends the clients' }, because: /testTimeoutFailure|ERR_ASSERTION/, limit: 60_000 },
  // 18
  { name: 'keeper: streams', rules: [14], file: 'src/js/keeper/hub.ts', find: 'const STREAMS = 32;', replace: 'const STREAMS = 64;', test: { file: 'tests/keeper/worker.test.mjs', name: 'a worker holds 32 streams' }, because: /waited|timed out|Timeout|strictly/ , limit: 60_000 },
  { name: 'keeper: a trap', rules: [17], file: 'src/js/keeper/upstream.ts', find: '    instance.users.add(this.#broke);\n', replace: '', test: { file: 'tests/keeper/leader.test.mjs', name: 'where the wasm of the keeper traps' }, because: /the end/ },
  { name: 'journal: records in memory', rules: [14], file: 'src/js/storage.ts', find: 'const MEMORY = 16 * 1024 * 1024;', replace: 'const MEMORY = 64 * 1024 * 1024;', test: { file: 'tests/wasm/sign-out.test.mjs', name: 'records in memory have a bound' }, because: /strictly/ },
  { name: 'journal: storage that hangs', rules: [14], file: 'src/js/journal.ts', find: 'const WRITES = 4;', replace: 'const WRITES = 1_000;', test: { file: 'tests/browser/journal.test.mjs', name: 'storage that never answers' }, because: /the log line/ },
  { name: 'keeper: address of a target', rules: [18], file: 'src/js/keeper/protocol.ts', find: "  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return undefined;\n", replace: '  void url;\n', test: messages('takes no target whose base is none'), because: /answers/ },
  { name: 'keeper: path of a target', rules: [18], file: 'src/js/keeper/protocol.ts', find: "|| path === undefined || !path.startsWith('/')) return undefined;", replace: '|| path === undefined) return undefined;', test: messages('takes no target whose path is none'), because: /answers/ },
  { name: 'keeper: credentials of a target', rules: [18], file: 'src/js/keeper/protocol.ts', find: "const value = text(auth?.['value']);", replace: "const value = text(auth?.['value']) ?? '';", test: messages('takes no target whose auth is none'), because: /answers/ },
  { name: 'keeper: identity of a target', rules: [18], file: 'src/js/keeper/protocol.ts', find: "  if (identity === undefined && fields['identity'] !== undefined) return undefined;\n", replace: '', test: messages('takes no target whose identity is none'), because: /answers/ },
  { name: 'keeper: sizes of texts', rules: [18], file: 'src/js/keeper/protocol.ts', find: "typeof value === 'string' && value.length <= LONGEST ?", replace: "typeof value === 'string' && value.length >= LONGEST - LONGEST ?", test: messages('hands on numbers and texts of sane size'), because: /kinds/ },
  { name: 'page: numbers of an answer', rules: [18], file: 'src/js/keeper/protocol.ts', find: "        status: whole(fields['status']),", replace: "        status: fields['status'] as number,", test: messages('hands on numbers and texts of sane size'), because: /status/ },
  { name: 'page: bytes of an answer', rules: [18], file: 'src/js/keeper/protocol.ts', find: 'if (data instanceof ArrayBuffer) return new Uint8Array(data);', replace: 'if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) return new Uint8Array(data as ArrayBuffer);', test: messages('takes nothing that is none'), because: /text|waited/ },
  // 19: what a person reads.
  { name: 'seen: what is decided on', rules: [19], file: 'src/js/visible.ts', find: 'return text.replace(HIDDEN, spell);', replace: 'return spell(text.slice(0, 0)) && text;', test: seen('that a person decides on hides nothing'), because: /AssertionError|The input was expected/ },
  { name: 'seen: prose', rules: [19], file: 'src/js/visible.ts', find: '? char : spell(char));', replace: '? char : char);', test: seen('of prose keeps the joiners'), because: /U\\\+|AssertionError/ },
  { name: 'seen: what follows an escape', rules: [19], file: 'src/js/visible.ts', find: "text.replace(COLOUR, '')", replace: "text.replace(COLOUR, '').replace(/\\u001b\\][^\\u0007]*/g, '')", test: seen('keeps all letters around what it spells out'), because: /AssertionError|strictly equal/ },
  { name: 'seen: permission card', rules: [19], file: 'www/chat/permission-card.ts', find: "'aria-label': 'What it wants to do' }, exact(text))", replace: "'aria-label': 'What it wants to do' }, text)", test: { file: 'tests/browser/chat.test.mjs', name: 'is on the permission card' }, because: /a block/ },
  { name: 'seen: tool input', rules: [19], file: 'www/chat/tool-part.ts', find: "new Section('Input', exact)", replace: "new Section('Input', plainOutput)", test: { file: 'tests/browser/chat.test.mjs', name: 'is in the input and the title of a tool' }, because: /tool-input/ },
  { name: 'seen: command line', rules: [19], file: 'src/cli.mjs', find: 'stream.write(exact(text));', replace: 'stream.write(exact(text) && text);', test: seen('writes nothing that an argument'), because: /operator: 'doesNotMatch'/ },
  { name: 'seen: JSON of the command line', rules: [19], file: 'src/cli.mjs', find: 'exactJson(JSON.stringify(value, null, 2))', replace: "JSON.stringify(value, null, 2) ?? exactJson('')", test: seen('writes nothing that a server says'), because: /operator: 'doesNotMatch'|falsy value/ },
  { name: 'seen: linear', rules: [19], file: 'src/js/visible.ts', find: "text.replace(/\\r\\n/g, '\\n')", replace: "text.replace(/\\r+(?=\\n|$)/g, '')", test: seen('takes as many steps as it has letters'), because: /steps, then/ },
  // 20
  { name: 'supply: licences of crates', rules: [20], file: 'scripts/lib/supply.mjs', find: "    if (!license || !isLicensed(license, licences)) wrong.push(`${name} ${version}: its licence is ${license ?? 'not told'}`);\n    if (!sources", replace: '    if (!sources', test: supply('a crate of another licence'), because: /GPL-3\.0/ },
  { name: 'supply: sources of crates', rules: [20], file: 'scripts/lib/supply.mjs', find: "    if (!sources.has(source ?? '')) wrong.push(`${name} ${version}: comes from ${source}`);\n", replace: '    void source;\n    void sources;\n', test: supply('a crate of another licence'), because: /comes from git/ },
  { name: 'supply: checksums', rules: [20], file: 'scripts/lib/supply.mjs', find: "    if (!/^sha512-/.test(integrity ?? '')) wrong.push(`no checksum of ${name} ${version}`);\n", replace: '    void integrity;\n', test: supply('a package of another licence'), because: /no checksum/ },
  { name: 'supply: scripts at install', rules: [20], file: 'scripts/lib/supply.mjs', find: "    if (hasInstallScript && !scripts.includes(name)) wrong.push(`${name} ${version} runs a script when it is installed`);\n", replace: '    void hasInstallScript;\n    void scripts;\n', test: supply('a package of another licence'), because: /runs a script/ },
  { name: 'supply: none for users', rules: [20], file: 'package.json', find: '"devDependencies"', replace: '"dependencies"', test: supply('the package brings no others'), because: /dependencies/ },
  ...PROVIDER,
];

/** The text of its file without it. @param {Protection} protection @param {string} text */
export function without({ name, file, find, replace }, text) {
  const places = text.split(find).length - 1;
  if (places !== 1) throw new Error(`${name}: its text stands ${places} times in ${file}`);
  return text.replace(find, () => replace);
}
