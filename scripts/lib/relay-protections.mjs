// The protections of the relay's core (docs/relay.md), in the form of protections.mjs.

const relay = (/** @type {string} */ name) => ({ file: 'tests/relay.rs', name });
const because = /panicked/;

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
];
