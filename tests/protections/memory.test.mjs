// Secrets stay on the side of JavaScript: the memory of the wasm is searched for them, and all that a page is shown.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startMock } from '../support/mock.mjs';
import { waitFor } from '../support/wait.mjs';

/** @type {WebAssembly.Memory[]} */
const memories = [];
const SECRET = 'canary-55d0-password';
const AUTHS = {
  basic: { type: 'basic', password: SECRET },
  bearer: { type: 'bearer', token: SECRET },
  header: { type: 'header', name: 'x-api-key', value: SECRET },
  function: async () => ({ type: 'bearer', token: SECRET }),
};
const forms = [SECRET, Buffer.from(`opencode:${SECRET}`).toString('base64'), Buffer.from(SECRET).toString('base64').replace(/=+$/, '')];
let createClient;
let mock;

before(async () => {
  const keep = (instance) => {
    for (const each of Object.values(instance.exports)) if (each instanceof WebAssembly.Memory) memories.push(each);
    return instance;
  };
  const { instantiate, Instance } = WebAssembly;
  WebAssembly.instantiate = async (...args) => {
    const made = await instantiate.apply(WebAssembly, args);
    keep(made.instance ?? made);
    return made;
  };
  WebAssembly.Instance = class extends Instance {
    constructor(...args) {
      super(...args);
      keep(this);
    }
  };
  ({ createClient } = await import('../../dist/node.js'));
  mock = await startMock();
});
after(() => mock?.close());

/** Whether a text stands anywhere in the wasm, as UTF-8 or as UTF-16. @param {string} text */
const isInWasm = (text) => memories.some(({ buffer }) => ['utf8', 'utf16le'].some((encoding) => Buffer.from(buffer).includes(Buffer.from(text, encoding))));

describe('credentials are in no memory of the wasm, no state, no step, no log and no recording', () => {
  for (const [kind, auth] of Object.entries(AUTHS)) {
    test(kind, async () => {
      const logs = [];
      const { id } = mock.store.createSession({ title: `seen-${kind}` });
      const client = await createClient({ baseUrl: mock.url, auth, record: true, onLog: (line) => logs.push(line) });
      try {
        // What a call leaves behind is soon written over: looked for at once, and again at the end.
        for (const form of forms) assert.ok(!isInWasm(form), `${form} is in the wasm`);
        const session = client.openSession(id);
        const steps = [];
        const reader = session.changes();
        (async () => { for await (const step of reader) steps.push(step); })();
        await session.ready;
        await session.send(`said-${kind}`).stored;
        await mock.answer(id, ['heard ', kind]);
        await waitFor(() => session.state.messages.at(-1)?.parts.some(({ text }) => text === `heard ${kind}`), { message: 'the answer' });
        await client.models();
        await client.sessions.list();
        const list = await client.sessions.live();
        await list.ready;
        assert.ok(memories.length > 0 && isInWasm(`heard ${kind}`) && isInWasm(`said-${kind}`), 'what was said is found, so a secret would be');
        const shown = JSON.stringify([session.state, steps, list.state, logs, client.sessions, client]) + (await (await (await client.record()).file()).text());
        for (const form of forms) {
          assert.ok(!isInWasm(form), `${form} is in the wasm`);
          assert.ok(!shown.includes(form), `${form} is shown`);
        }
        assert.ok(mock.requests.some(({ headers }) => Object.values(headers).some((value) => forms.some((form) => String(value).includes(form)))), 'it was sent');
      } finally {
        client.close();
      }
    });
  }
});
