// Runs in the page: what the tests call through page.evaluate, as `drive`.
import { createClient, SessionError } from '/lib/index.js';
import { PATIENCE } from '/page/wait.js';

const logs = [];

/** Text and reasoning parts as they were shown, without repeats, by part id. */
function watch(session) {
  const shown = {};
  const look = () => {
    for (const { parts } of session.state.messages) {
      for (const part of parts) {
        if (typeof part.text !== 'string' || part.continuity === 'gapped') continue;
        const texts = (shown[part.id] ??= []);
        if (texts.at(-1) !== part.text) texts.push(part.text);
      }
    }
  };
  look();
  session.subscribe(look);
  return shown;
}

/** Resolves with what `probe` gives for a state of the session; rejects when none gives anything. */
function until(session, probe, what = String(probe)) {
  return new Promise((resolve, reject) => {
    const look = () => {
      const found = probe(session.state);
      if (!found) return;
      stop();
      clearTimeout(timer);
      resolve(found);
    };
    const stop = session.subscribe(look);
    const timer = setTimeout(() => {
      stop();
      const { messages, status, connection, error } = session.state;
      reject(new Error(`waited for ${what}; the state: ${JSON.stringify({ status, connection, error, messages }).slice(-2500)}`));
    }, PATIENCE);
    look();
  });
}

/** A promise with a deadline of its own, so that a test says what never came. */
function soon(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited for ${what}`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What a promise rejects with, ready to leave the page. */
async function problem(promise) {
  const outcome = Promise.resolve(promise).then(() => undefined, plainError);
  return soon(outcome, 'a promise to resolve or reject');
}

function plainError(error) {
  if (error === undefined) return undefined;
  const { code, hint, message, status, near, retryable, stack } = error;
  return { isSessionError: error instanceof SessionError, code, hint, message, status, near, retryable, stack };
}

/** Messages in the server's own shape: without what the library adds. */
function plain(messages) {
  return messages.map(({ info, parts }) => ({ info, parts: parts.map(({ continuity, gap, tail, ...part }) => part) }));
}

/** All text of the answers, or of the newest one. */
const textOf = ({ messages }, type = 'text') =>
  messages.filter(({ info }) => info.role === 'assistant').flatMap(({ parts }) => parts).filter((part) => part.type === type).map(({ text }) => text).join('');

async function connect(options) {
  drive.client = await createClient({ ...options, onLog: (entry) => logs.push(entry) });
  return drive.client;
}

/** Connects and opens a session, a new one when no id is given. */
async function open(options, id, how) {
  const client = await connect(options);
  const session = id === undefined ? await client.createSession({ title: 'Test' }) : client.openSession(id, how);
  drive.session = session;
  await soon(session.ready, 'ready');
  return session;
}

/** Waits until the state is settled and its listeners were told, which takes a frame. */
async function settle(session) {
  await soon(session.settled(), 'settled');
  for (let frame = 0; frame < 2; frame += 1) await soon(new Promise(requestAnimationFrame), 'a frame');
}

/** Sends a prompt, waits for the whole turn and for the state to settle. */
async function turn(session, text, options) {
  const sent = session.send(text, options);
  const answer = await soon(sent.done, `the answer to "${text}"`);
  await settle(session);
  return answer;
}

/** Codes of what was logged, but for how the connection went. */
const codes = () => logs.map(({ code }) => code).filter((code) => code !== 'connection');

globalThis.drive = { createClient, SessionError, logs, codes, watch, until, soon, problem, plainError, plain, textOf, connect, open, settle, turn };
