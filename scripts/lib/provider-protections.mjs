// The protections of the provider (docs/provider.md), in the form of protections.mjs.

const at = (/** @type {string} */ file) => (/** @type {string} */ name) => ({ file: `tests/provider/${file}.test.mjs`, name });
const auth = at('auth');
const client = at('client');
const command = at('command');
const browser = at('browser');
const oauth = at('oauth');
const vault = at('vault');
const rust = (/** @type {string} */ file, /** @type {string} */ name) => ({ file: `tests/${file}.rs`, name });

/** @type {import('./protections.mjs').Protection[]} */
export const PROVIDER = [
  { name: 'provider: keys outside of the wasm', rules: [], file: 'src/js/provider/auth.ts', find: "shown[name] = 'x';", replace: 'void name;', test: auth('is in the header alone'), because: /memory of the wasm/ },
  { name: 'provider: headers outside of the wasm', rules: [], file: 'src/js/provider/auth.ts', find: "isSendable(value) ? 'x'", replace: 'isSendable(value) ? value', test: auth('is in the header alone'), because: /memory of the wasm/ },
  { name: 'provider: tokens outside of the wasm', rules: [], file: 'src/js/provider/oauth.ts', find: 'const handle = `t', replace: 'const handle = secret + `', test: oauth('is in no error and not in the memory'), because: /falsy value|includes/ },
  { name: 'provider: one refresh at a time', rules: [], file: 'src/js/provider/lock.ts', find: '(tails.get(name) ?? Promise.resolve()).then(run, run)', replace: 'run()', test: oauth('that is old is refreshed once'), because: /ProviderError|AssertionError/ },
  { name: 'provider: a token is renewed once', rules: [], file: 'src/js/provider/jwt.ts', find: 'return stale && isOld;', replace: 'return stale;', test: auth('that the server refuses once it is old'), because: /AssertionError/ },
  { name: 'provider: a login works once', rules: [], file: 'src/js/provider/login.ts', find: '  storage.removeItem(PREFIX + state);\n', replace: '', test: oauth('with PKCE, whose tokens'), because: /AssertionError/ },
  { name: 'provider: a login that began here', rules: [], file: 'src/js/provider/login.ts', find: "if (state === '' || verifier === null)", replace: "if (state === 'never' || verifier === '')", test: oauth('of another state is refused'), because: /AssertionError/ },
  { name: 'provider: the server that was asked', rules: [], file: 'src/js/provider/login.ts', find: "issuer !== undefined && searchParams.get('iss') !== issuer", replace: "issuer === 'never'", test: oauth('of another server is refused'), because: /no fault/ },
  { name: 'provider: a key that stays', rules: [], file: 'src/js/provider/vault.ts', find: 'length: 256 }, false,', replace: 'length: 256 }, true,', test: vault('holds nothing that can be read'), because: /taken/ },
  { name: 'provider: a fresh IV', rules: [], file: 'src/js/provider/vault.ts', find: 'crypto.getRandomValues(new Uint8Array(IV))', replace: 'new Uint8Array(IV)', test: vault('holds nothing that can be read'), because: /ivs/ },
  { name: 'provider: a secret has its place', rules: [], file: 'src/js/provider/vault.ts', find: 'JSON.stringify([this.#name, name, version])', replace: 'JSON.stringify([this.#name, name.length, version])', test: vault('notices what was changed or moved'), because: /vault_damaged/ },
  { name: 'provider: tabs change the vault in turn', rules: [], file: 'src/js/provider/vault.ts', find: 'return locked(`', replace: 'return locked(Math.random() + `', test: vault('gets a new key'), because: /AssertionError|vault/ },
  { name: 'provider: no secret of a client in a page', rules: [], file: 'src/js/provider/oauth.ts', find: "typeof document !== 'undefined' && options", replace: "typeof document === 'never' && options", test: vault('a secret of a client has no place'), because: /secret_in_page/ },
  { name: 'provider: who reads slowly slows the server', rules: [], file: 'src/js/provider/stream.ts', find: 'if (this.#queue.length - this.#at < MAX_CHUNKS) return undefined;', replace: 'if (this.#queue.length >= 0) return undefined;', test: client('that nobody takes is not read on'), because: /were sent to a reader|waited \d+ ms/ },
  { name: 'provider: the end reaches the server', rules: [], file: 'src/js/provider/stream.ts', find: '    this.#cancel();\n    this.#open', replace: '    this.#open', test: client('by return()'), because: /testTimeoutFailure|AssertionError/, limit: 15_000 },
  { name: 'provider: the client sets what it lives by', rules: [], file: 'src/proto/provider/ask/body.rs', find: '"prompt", "stream", "stream_options"]', replace: '"prompt", "stream"]', test: rust('provider_ask', 'parameters_cannot_set'), because: /panicked/ },
  { name: 'provider: a size of requests', rules: [], file: 'src/proto/provider/ask/read.rs', find: 'if json.len() > MAX_REQUEST {', replace: 'if json.len() > usize::MAX - 1 {', test: rust('provider_ask', 'requests_have_a_size'), because: /panicked/ },
  // These are in Rust, or in the script that it reads bodies with: the wasm of the provider is built anew for each.
  { name: 'provider: no redirects', rules: [], file: 'src/web/http/request.rs', find: 'init.set_redirect(RequestRedirect::Manual);', replace: 'init.set_redirect(RequestRedirect::Follow);', test: client('redirects are not followed'), because: /no fault|AssertionError/ },
  { name: 'provider: a size of bodies', rules: [], file: 'src/web/http/body.rs', find: 'if bytes.len() + piece.len() > limit {', replace: 'if bytes.len() + piece.len() > limit.max(usize::MAX) {', test: client('a list of models is read no further'), because: /AssertionError|testTimeoutFailure/, limit: 60_000 },
  { name: 'provider: a size of errors', rules: [], file: 'src/web/provider/exchange.rs', find: 'const MAX_ERROR: usize = 256 << 10;', replace: 'const MAX_ERROR: usize = 1 << 30;', test: client('an error is read no further'), because: /all of it was read/, limit: 60_000 },
  { name: 'provider: a page that is not answered', rules: [], file: 'src/web/provider/exchange.rs', find: 'hidden.is_ok_and(|hidden| hidden.is_truthy())', replace: 'hidden.is_ok_and(|hidden| hidden.is_null())', test: browser('a server that answers no page'), because: /'cors'/ },
  { name: 'provider: an end of the silence', rules: [], file: 'src/web/http/wait.rs', find: 'Some(heard) => (heard + times.idle as f64, Stage::Idle),', replace: 'Some(heard) => (heard + times.idle as f64 + 1e9, Stage::Idle),', test: client('waits: for the first byte'), because: /AssertionError|testTimeoutFailure/, limit: 60_000 },
  // And these in scripts.
  { name: 'provider: no word of a bad header', rules: [], file: 'src/js/provider/host.ts', find: '    } catch {\n      // Not the host', replace: '    } catch (error) {\n      throw error;\n      // Not the host', test: auth('is in the header alone'), because: /AssertionError|strictly equal/ },
  { name: 'provider: tokens are asked for at one address', rules: [], file: 'src/js/provider/oauth.ts', find: "redirect: 'error',", replace: "redirect: 'follow',", test: oauth('is asked for at one address'), because: /elsewhere|auth_unavailable/ },
  { name: 'provider: a size of token answers', rules: [], file: 'src/js/provider/oauth.ts', find: 'await textOf(response, MAX_TOKEN_ANSWER)', replace: 'await textOf(response, 1e12)', test: oauth('from an answer without end is none'), because: /bytes were taken|no fault|invalid_response/, limit: 60_000 },
  { name: 'provider: answers on a terminal', rules: [], file: 'src/cli.mjs', find: ': visible(text, before));', replace: ': text);', test: command('moves no terminal'), because: /AssertionError/ },
];
