// The protections of the relay's core (docs/relay.md), in the form of protections.mjs.

const relay = (/** @type {string} */ name) => ({ file: 'tests/relay.rs', name });
const because = /panicked/;
const http = (/** @type {string} */ name) => ({ file: 'tests/relay-http/relay.test.mjs', name });
const asserted = /AssertionError|ERR_ASSERTION|socket hang up/;
/** @param {string} name @param {number[]} rules @param {string} file @param {string} find @param {string} replace @param {string} test */
const row = (name, rules, file, find, replace, test) => ({ name: `relay: ${name}`, rules, file: `src/js/relay/${file}.ts`, find, replace, test: http(test), because: asserted });

/** @type {import('./protections.mjs').Protection[]} */
export const RELAY = [
  { name: 'relay: nothing of the server for those who do not see all', rules: [], file: 'src/proto/relay/feed.rs', find: 'Owner::Server => scope.all,', replace: 'Owner::Server => true,', test: relay('what_is_about_no_session'), because },
  { name: 'relay: nothing before it is decided', rules: [], file: 'src/proto/relay/feed.rs', find: 'None if planted::is(Bug::ShowUndecided) => true,', replace: 'None if most > 0 => true,', test: relay('what_is_not_decided'), because },
  { name: 'relay: each user is judged apart', rules: [], file: 'src/proto/relay/verdicts.rs', find: 'if planted::is(Bug::VerdictForAll) {', replace: 'if self.limit > 0 {', test: relay('what_one_user_may_see'), because },
  { name: 'relay: verdicts end', rules: [], file: 'src/proto/relay/verdicts.rs', find: 'now >= since + self.life && !planted::is(Bug::LateVerdict)', replace: 'now > since + self.life * 1_000', test: relay('a_verdict_does_not_count_for_ever'), because },
  { name: 'relay: readers are counted', rules: [], file: 'src/proto/relay/readers.rs', find: 'let counted = !planted::is(Bug::UncountedReaders);', replace: 'let counted = false;', test: relay('readers_are_counted'), because },
  { name: 'relay: nothing is queued for a slow reader', rules: [], file: 'src/proto/relay/readers.rs', find: 'reader.full = is_full.then(|| reader.full.unwrap_or(now));', replace: 'reader.full = None.filter(|_: &u64| is_full);', test: relay('a_slow_reader_gets_what_it_missed'), because },
  { name: 'relay: who was replaced leads no more', rules: [], file: 'src/proto/relay/shared.rs', find: 'let fenced = answer == Answer::Fenced && !planted::is(Bug::UnfencedLeader);', replace: 'let fenced = false;', test: relay('a_leader_that_was_replaced'), because },
  { name: 'relay: what waits for the store has a bound', rules: [], file: 'src/proto/relay/intake.rs', find: 'if self.bytes > self.limit && !planted::is(Bug::EndlessPending) {\n            // What', replace: 'if self.bytes > usize::MAX - 1 {\n            // What', test: relay('what_waits_for_the_store'), because },
  { name: 'relay: the upstream does not speak for it', rules: [], file: 'src/proto/relay/intake.rs', find: 'Event::ReplayOpened { .. } | Event::ReplayLive => {}', replace: 'Event::ReplayOpened { .. } | Event::ReplayLive => self.add(session, data.to_vec()),', test: relay('the_upstream_cannot_speak'), because },
  row('pages of other sites', [9], 'origin', "return site === 'same-origin' || site === 'none';", 'return true;', 'pages of other sites are refused'),
  row('origins of other sites', [9], 'origin', 'return host !== null && new URL(origin).host === host;', 'return host !== null;', 'pages of other sites are refused'),
  row('a forwarded host is the proxy\'s', [9], 'origin', "(trustProxy ? headers.get('x-forwarded-host') : null)", "headers.get('x-forwarded-host')", 'pages of other sites are refused'),
  row('only named origins read', [9], 'origin', 'if (origin === null || !trusted.has(origin)) return {};', 'if (origin === null) return {};', 'pages of other sites are refused'),
  row('JSON alone changes anything', [9], 'body', "if (type !== 'application/json')", "if (type === 'never')", 'bodies: JSON alone'),
  row('routes are named', [10], 'routes', 'if (verb !== method || names.length !== pieces.length ||', 'if (names.length !== pieces.length ||', 'only routes of a chat'),
  row('ids are plain', [10], 'routes', 'return isId(piece);', 'return true;', 'only routes of a chat'),
  row('a parent is an id', [10], 'pass', "if (!isId(parent)) throw new Refusal('bad_request');", '', 'a parent is named by its id'),
  row('what goes beyond a chat is named', [10], 'routes', '(extra !== undefined && !allow.has(extra))', "extra === ('never' as Extra)", 'only routes of a chat'),
  row('queries are named', [10], 'routes', '.filter(([name]) => QUERY.has(name))', '', 'headers of a browser stay here'),
  row('directories are the owner\'s to choose', [10], 'pass', "throw new Refusal('directory_denied');", 'return asked;', 'directories are the relay'),
  row('files by content alone', [10], 'pass', "if (!allow.has('files')) checkFiles(body, 0);", '', 'bodies: JSON alone'),
  row('no shell by a command', [10], 'pass', "if (!allow.has('shell') && words.includes('!`'))", "if (allow.has('shell') && words === '')", 'a command runs no shell'),
  row('no file by a command', [10], 'pass', "if (!allow.has('files') && /", "if (allow.has('files') && /", 'a command runs no shell'),
  row('nothing for the sessions of others', [12], 'pass', "if (sessions !== 'all' && !allow.has('permissions') &&", "if (sessions === 'all' && allow.has('permissions') &&", 'a request of another directory'),
  row('nothing is allowed unasked', [10], 'pass', "if (!allow.has('permissions') && (", "if (allow.has('permissions') && (", 'bodies: JSON alone'),
  row('no redirects', [11], 'upstream', "redirect: 'manual',", "redirect: 'follow',", 'no redirect is followed'),
  row('headers of answers are named', [11], 'pass', "status: response.status, headers: back(response.headers)", 'status: response.status, headers: response.headers', 'headers of a browser stay here'),
  row('keys of providers stay', [11], 'pass', 'const { key: _key, options: _options, env: _env, ...rest } = each', 'const { ...rest } = each', 'keys of providers stay'),
  row('somebody says who', [12], 'desk', "if (typeof access?.user !== 'string' || access.user === '') throw", "if (access?.user === '') throw", 'nobody without authorize'),
  row('without authorize there is none', [12], 'check', "if (typeof options.authorize !== 'function')", "if (options.authorize === null)", 'without authorize, or with options'),
  row('sessions of others', [12], 'pass', 'if (route.session !== undefined) await mustSee(access, route.session, upstream);', '', 'a session of somebody else'),
  row('requests of others', [12], 'pass', 'if (route.request !== undefined) await mayAnswer(route, access, upstream, directory);', '', 'a request of somebody else'),
  row('lists of others', [12], 'access', 'return list.filter((each) => verdicts.get(sessionOf(each)) === true);', 'return [...list];', 'lists hold what somebody may see'),
  row('a session belongs to its maker', [12], 'pass', "await upstream.ask({ method: 'DELETE',", "await upstream.ask({ method: 'GET',", 'a session is its maker'),
  row('a size of bodies', [12], 'body', 'if (left < 0) {', 'if (left < -1e12) {', 'bodies: JSON alone'),
  row('a depth of bodies', [14], 'pass', "if (depth > MAX_DEPTH) throw new Refusal('bad_request');", '', 'bodies: JSON alone'),
  row('a size of answers', [14], 'upstream', 'if (left < 0) throw new Large();\n      });', 'if (left < -1e12) throw new Large();\n      });', 'answers have a bound'),
  row('what is no request ends nothing', [17], 'node', "    return write(denied('route_denied'), response);", "    throw new Error('no request');", 'only routes of a chat'),
  row('a relay that was drained opens nothing', [13], 'desk', "if (this.#over.signal.aborted) throw new Refusal('full');", '', 'no end is left'),
];
