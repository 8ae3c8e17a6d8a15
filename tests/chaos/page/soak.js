// The soak's one page: sessions opened and closed for as long as it takes, with a recorder on each.
import { held } from './meter.js';
import { Recorder } from './recorder.js';

const WAIT = 90_000;
const OPEN = 2;
/** @type {any[]} */
const open = [];
const wrong = [];
let client;
let checks = 0;

const soon = (promise, what) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited for ${what}`)), WAIT);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

globalThis.soak = {
  held,
  newest: () => open.at(-1),
  async start(options) {
    const { createClient } = await import('/lib/index.js');
    const before = held();
    client = await createClient(options);
    return before;
  },
  /** Opens a session, and closes the oldest. */
  async open(id) {
    const session = client.openSession(id);
    const recorder = new Recorder((found) => {
      if (wrong.length < 20) wrong.push({ session: id, ...found });
    });
    session.subscribe(() => {
      checks += 1;
      recorder.look(session.state.messages);
    });
    open.push(session);
    if (open.length > OPEN) open.shift().close();
    await soon(session.ready, 'ready');
  },
  /** Asks in the newest session, and waits until all is settled. */
  async say(text) {
    const session = open.at(-1);
    await soon(session.send(text).done.catch(() => undefined), `the answer to "${text}"`);
    await soon(session.settled(), 'settled');
    return session.state.messages.filter(({ delivery }) => delivery !== 'failed').map(({ info, parts }) => [info.id, ...parts.map(({ id, text }) => [id, text])]);
  },
  found: () => ({ wrong, checks }),
  closeSessions: () => {
    for (const session of open.splice(0)) session.close();
  },
  closeClient: () => client.close(),
};
