/** What goes wrong, one case each. All rivals meet it at the same words of the same answer. */
import { sleep, waitFor } from '../../tests/support/wait.mjs';
import { REQUESTS } from './lane.mjs';

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} title
 * @property {string} [prompt]
 * @property {(lane: import('./lane.mjs').Lane) => Promise<unknown>} [before] sending
 * @property {(lane: import('./lane.mjs').Lane, once: (job: () => Promise<unknown>) => Promise<unknown>) => Promise<unknown>} [fault] in the answer
 * @property {(mock: import('../../tests/support/mock.mjs').Mock, sessionID: string) => Promise<unknown>} [answer] on the mock server, where a real one cannot be brought to it
 * @property {boolean} [throws] the page's listener throws
 * @property {boolean} [whole] the time counts until the whole answer is shown
 * @property {number} [limit] milliseconds until "never"
 */

const MIDDLE = 30;
const LIMIT = 15_000;
const LONG = 60_000;
const PROMPT = 'words 120 every 25';
/** Long enough for four pages to load. */
const SLOW = 'words 150 every 60';
const HTML = '<!doctype html><title>Sign in</title><form><input name="password"></form>';

/** @type {Case[]} */
export const CASES = [
  {
    name: 'cut',
    title: 'Connection reset in the middle of an answer',
    fault: async ({ proxy }) => proxy.drop(),
  },
  {
    name: 'cut-inside',
    title: 'Cut inside of an event, three times',
    prompt: 'words 200 every 25',
    async fault({ proxy }) {
      for (const bytes of [777, 3333, 2222]) {
        proxy.cutStreamAfter(bytes);
        await sleep(1200);
      }
    },
  },
  {
    name: 'end',
    title: 'Clean end of the stream (server or proxy limit)',
    fault: async ({ proxy }) => proxy.endStreams(),
  },
  {
    name: 'silence',
    title: 'Half-open connection: nothing comes any more',
    limit: LONG,
    fault: ({ proxy }) => silent(proxy, (on) => (on ? proxy.mute(true) : proxy.mute(false, 'late'))),
  },
  {
    name: 'beats',
    title: 'Heartbeats, but no events (12 s)',
    limit: LONG,
    async fault({ proxy }) {
      proxy.heartbeatsOnly(true);
      await sleep(12_000);
      proxy.heartbeatsOnly(false, 'kept');
    },
  },
  {
    name: 'buffer',
    title: 'Buffering proxy: events come 64 KiB at a time',
    limit: LONG,
    fault: async ({ proxy }) => proxy.buffer(true),
  },
  {
    name: 'slow-history',
    title: 'Reconnect, history 1.5 s late while text goes on',
    prompt: 'words 60 every 25 then words 60 every 25',
    async fault({ proxy }) {
      proxy.slow({ match: REQUESTS.snapshot, ms: 1500 });
      proxy.drop();
      await sleep(6000);
      proxy.slow();
    },
  },
  {
    name: 'fast-history',
    title: 'History newer than the events that still come (mock)',
    async answer(mock, id) {
      const ahead = 20;
      const words = numbered(120);
      let told = 0;
      const off = mock.on('GET', '/session/:id/message', async ({ next, params, reply }) => {
        if (params.id !== id) return next();
        const { items } = mock.store.page(id);
        for (const { parts } of items) {
          for (const part of parts) if (part.time && !part.time.end && part.type === 'text') part.text = words.slice(0, told + ahead).join('');
        }
        return reply(200, items);
      });
      await utter(mock, id, words, (at) => {
        told = at;
      });
      off();
    },
    fault: async ({ proxy }) => proxy.drop(),
  },
  {
    name: 'repeat',
    title: 'Each event comes twice',
    async before(lane) {
      lane.begin();
      lane.proxy.duplicate(true);
    },
  },
  {
    name: 'reload',
    title: 'Reload in the middle of an answer',
    prompt: SLOW,
    fault: (lane) => lane.reload(),
  },
  {
    name: 'tab',
    title: 'Second tab opened in the middle of an answer',
    prompt: SLOW,
    fault: (lane) => lane.secondTab(),
  },
  {
    name: 'kill',
    title: 'Server killed in the answer and started again; then one more prompt',
    whole: true,
    limit: 30_000,
    async fault(lane, once) {
      await once(() => lane.world.real.restart({ downtime: 500 }));
      // Until the observer sees the server again.
      await sleep(1500);
      lane.next();
      lane.begin();
      void lane.send('words 40 every 20');
    },
  },
  {
    name: 'post-before',
    title: 'Prompt lost on the way to the server, three times',
    whole: true,
    async before(lane) {
      lane.begin();
      lane.proxy.lose({ match: REQUESTS.prompt, when: 'before', times: 3 });
    },
  },
  {
    name: 'post-after',
    title: 'Prompt arrived, its answer lost',
    whole: true,
    async before(lane) {
      lane.begin();
      lane.proxy.lose({ match: REQUESTS.prompt, when: 'after', times: 1 });
    },
  },
  {
    name: 'late',
    title: 'Idle is told before the last text (mock)',
    async answer(mock, id) {
      const { store } = mock;
      store.setStatus(id, { type: 'busy' });
      const message = store.assistant(id);
      const part = store.begin(message);
      for (const word of numbered(40)) {
        store.delta(part, word);
        await sleep(20);
      }
      store.setStatus(id, { type: 'idle' });
      await sleep(400);
      store.end(part, numbered(60).join(''));
      store.complete(message);
    },
    fault: async () => {},
  },
  {
    name: 'retry',
    title: 'Model fails in the middle; the server tells both tries and stores the last',
    prompt: 'words 40 every 20 cut times 1 words 40 every 20',
    fault: async () => {},
  },
  {
    name: '503',
    title: 'Reset, then 503 for 3 s',
    limit: 30_000,
    async fault({ proxy }) {
      proxy.status(REQUESTS.all, 503, 'unavailable', {}, Number.POSITIVE_INFINITY);
      proxy.drop();
      await sleep(3000);
      proxy.status(REQUESTS.all);
    },
  },
  {
    name: 'offline',
    title: 'Offline for 2 s',
    limit: 30_000,
    async fault(lane) {
      await lane.offline(true);
      lane.proxy.drop();
      await sleep(2000);
      await lane.offline(false);
    },
  },
  {
    name: 'login',
    title: 'Reset, then a login page with status 200 for 3 s',
    limit: 30_000,
    async fault({ proxy }) {
      proxy.status(REQUESTS.all, 200, HTML, { 'content-type': 'text/html' }, Number.POSITIVE_INFINITY);
      proxy.drop();
      await sleep(3000);
      proxy.status(REQUESTS.all);
    },
  },
  {
    name: 'giant',
    title: 'An event of 10 MB (mock)',
    whole: true,
    async answer(mock, id) {
      const { store } = mock;
      store.setStatus(id, { type: 'busy' });
      const message = store.assistant(id);
      store.putPart(message, { type: 'text', text: 'ten million letters '.repeat(500_000), time: { start: 1, end: 2 } });
      store.complete(message);
      store.setStatus(id, { type: 'idle' });
    },
    async before(lane) {
      lane.begin();
    },
  },
  {
    name: 'throws',
    title: 'A listener of the page throws',
    throws: true,
    async before(lane) {
      lane.begin();
    },
  },
];

/** @param {Case} each @returns {Required<Pick<Case, 'prompt' | 'limit'>>} */
export const defaults = ({ prompt = PROMPT, limit = LIMIT }) => ({ prompt, limit });

/** Plays one case with one rival. @param {Case} each @param {import('./lane.mjs').Lane} lane @param {(job: () => Promise<unknown>) => Promise<unknown>} once */
export async function playCase(each, lane, once) {
  const { prompt, limit } = defaults(each);
  await each.before?.(lane);
  void lane.send(prompt);
  if (each.fault) {
    await lane.produced(MIDDLE);
    lane.begin();
    await each.fault(lane, once);
  }
  return lane.verdict(limit, each.whole);
}

const numbered = (count) => Array.from({ length: count }, (_, at) => `w${at + 1} `);

async function utter(mock, id, words, tell) {
  const { store } = mock;
  store.setStatus(id, { type: 'busy' });
  const message = store.assistant(id);
  const part = store.begin(message);
  for (const [at, word] of words.entries()) {
    store.delta(part, word);
    tell(at + 1);
    await sleep(25);
  }
  store.end(part);
  store.complete(message);
  store.setStatus(id, { type: 'idle' });
}

/** The open streams stay silent for ever; the first one that is opened anew speaks. */
async function silent(proxy, set) {
  const { total } = proxy.stats().streams;
  set(true);
  const again = () => proxy.stats().streams.total > total;
  void waitFor(again, { timeout: LONG, every: 10 }).then(() => set(false), () => undefined);
}
