// One tab of the chaos run: the package, a session, and a recorder on every state that it shows.
import { createClient } from '/lib/index.js';
import { Recorder } from './recorder.js';

const logs = [];
let client;
let session;
let recorder;

/** When the newest request for status or history that was answered had been sent. */
let asked = 0;
const bare = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const at = Date.now();
  const response = await bare(input, init);
  if (!/\/(status|message)(\?|$)/.test(input) || response.status !== 200) return response;
  const body = await response.arrayBuffer();
  asked = Math.max(asked, at);
  return new Response(body, response);
};

/** Messages in the server's own shape, without prompts that were never stored. */
function plain() {
  const stored = session.state.messages.filter(({ delivery }) => delivery !== 'failed');
  return stored.map(({ info, parts }) => ({ info, parts: parts.map(({ continuity, gap, tail, ...part }) => part) }));
}

/** Own prompts as they stand here. */
const prompts = () => session.state.messages.filter(({ info }) => info.role === 'user').map(({ info, delivery }) => `${info.id.slice(-6)} ${info.time.created} ${delivery ?? ''}`);

/** What was looked at, for the count at the end. */
const counted = () => ({ kind: 'checks', checks: recorder.checks, gapped: recorder.gapped.size });

globalThis.tab = {
  async open(number, options, id) {
    const tell = (found) => globalThis.report({ tab: number, at: Date.now(), ...found });
    client = await createClient({
      ...options,
      onLog: (entry) => {
        logs.push(`${entry.time} ${entry.code} ${entry.message}`);
        if (logs.length > 40) logs.shift();
      },
    });
    session = client.openSession(id);
    recorder = new Recorder(tell);
    const look = () => recorder.look(session.state.messages);
    session.subscribe(look);
    // What a page did until it was reloaded or closed counts too.
    addEventListener('pagehide', () => tell(counted()));
    look();
    let source;
    const ways = () => {
      if (source === session.state.connection.source) return;
      source = session.state.connection.source;
      tell({ kind: 'source', source });
    };
    session.subscribe(ways);
    ways();
    let waiting = false;
    globalThis.tab.watch = () => {
      if (waiting) return;
      waiting = true;
      session.settled().then(() => tell({ kind: 'settled', asked, messages: plain() }), () => undefined).finally(() => {
        waiting = false;
      });
    };
    globalThis.tab.watch();
    globalThis.tab.send = (text, noReply) => {
      const { stored, done } = session.send(text, { noReply });
      const say = (kind, outcome, code) => tell({ kind, text, outcome, code });
      say('sending', 'sending');
      globalThis.tab.watch();
      stored.then(() => say('stored', 'stored'), ({ code }) => say('stored', 'failed', code));
      done.then(() => say('done', 'done'), ({ code }) => say('done', 'failed', code));
    };
  },
  counted,
  abort: () => session.abort().catch(() => undefined),
  ready: () => session.ready,
  async settle(ms) {
    globalThis.tab.watch();
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('not settled')), ms));
    await Promise.race([session.settled(), late]);
    for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
  },
  plain,
  where: () => ({ ...session.state.connection, error: session.state.connection.error?.code, status: session.state.status.type, problem: session.state.error?.code, prompts: prompts(), logs }),
  close: () => client.close(),
};
