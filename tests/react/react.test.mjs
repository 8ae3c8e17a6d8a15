// Hooks for React 18 and 19, from the packed library, under StrictMode, in Chromium, against a real server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pack } from '../package/consumer.mjs';
import { launchChromium } from '../support/browser.mjs';
import { startMock } from '../support/mock.mjs';
import { startModel } from '../support/model.mjs';
import { startOpenCode } from '../support/opencode.mjs';
import { open, startApp } from './scene.mjs';

const STREAM = /^GET \/(global\/)?event$/;
const PROMPT = /^POST .*\/prompt_async$/;
const MAKING = /^POST \/session$/;

let packed;
let browser;
let model;
let server;
before(async () => {
  model = await startModel();
  [packed, browser, server] = await Promise.all([pack(), launchChromium(), startOpenCode({ model })]);
});
after(async () => {
  await Promise.all([browser?.close(), server?.stop(), packed?.remove()]);
  await model?.close();
});

for (const version of ['18.3.1', '19.3.1']) {
  describe(`React ${version}`, () => {
    let app;
    let scene;
    before(async () => {
      app = await startApp(packed, { react: version, 'react-dom': version });
    });
    after(() => app?.close());

    /** Runs `job` in a fresh page, after which nothing may have been warned of. */
    const scenario = (name, job) => test(name, async () => {
      scene = await open(browser, app, server);
      try {
        await job(scene);
        assert.deepEqual(scene.said, []);
      } finally {
        await scene.close();
      }
    });
    const shows = (page, text) => page.waitForFunction((wanted) => document.querySelector('main').innerText.includes(wanted), text);
    const make = async () => (await (await fetch(`${server.url}/session`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })).json()).id;

    scenario('a chat without an id: the first prompt makes one session, once, and its answer shows', async ({ page, count }) => {
      await page.evaluate((baseUrl) => {
        const { h, useChatSession, useProblem, show, words } = lab;
        globalThis.made = [];
        function Chat() {
          const chat = useChatSession(undefined, { init: { title: 'from React' }, onCreate: (id) => made.push(id) });
          const problem = useProblem(chat.state);
          globalThis.chat = chat;
          return h('p', null, problem?.sentence ?? `${chat.id} ${words(chat.state)}`);
        }
        show({ baseUrl }, h(Chat));
      }, server.url);
      await shows(page, 'undefined');
      // Two at once share the session; before the client is there they wait for it.
      await page.evaluate(() => {
        globalThis.sendings = [chat.send('words 3'), chat.send('words 3')];
        globalThis.ends = Promise.all(sendings.map(({ done }) => done));
      });
      await page.evaluate(() => ends.then(() => undefined));
      await shows(page, 'w1 w2 w3');
      const { id, made, keys, title } = await page.evaluate(() => ({ id: chat.id, made, keys: sendings.map((each) => each.id), title: chat.state.session.title }));
      assert.deepEqual(made, [id]);
      assert.equal(title, 'from React');
      assert.ok(keys.every((key) => typeof key === 'string'), keys.join());
      assert.equal(count(MAKING), 1);
      assert.equal(count(PROMPT), 2);
      assert.equal(count(STREAM), 1);
    });

    scenario('prompts on both sides of the client\'s coming share one session, and the functions stay the same', async ({ page, count }) => {
      let release = () => undefined;
      const held = new Promise((resolve) => { release = resolve; });
      // The session is being made while the second prompt is sent.
      await page.route(`${server.url}/session`, async (route) => {
        if (route.request().method() === 'POST') await held;
        await route.continue();
      });
      await page.evaluate((baseUrl) => {
        const { h, useChatSession, useClient, useEffect, show } = lab;
        globalThis.sends = new Set();
        function Chat() {
          const chat = useChatSession(undefined);
          globalThis.client = useClient();
          globalThis.chat = chat;
          useEffect(() => {
            if (chat.id === undefined) sends.add(chat.send);
          });
          return h('p', null, client ? 'there' : 'not there');
        }
        show({ baseUrl }, h(Chat));
      }, server.url);
      await page.waitForFunction(() => globalThis.chat !== undefined);
      await page.evaluate(() => { globalThis.first = chat.send('words 1'); });
      await shows(page, 'there');
      await page.waitForFunction(() => globalThis.client !== undefined);
      await page.evaluate(() => { globalThis.second = chat.send('words 1'); });
      release();
      await page.evaluate(() => Promise.all([first.stored, second.stored]).then(() => undefined));
      assert.equal(count(MAKING), 1);
      assert.equal(await page.evaluate(() => sends.size), 1);
    });

    scenario('components share a session; what comes back soon is there at once', async ({ page, count }) => {
      const id = await make();
      await page.evaluate(async ([baseUrl, id]) => {
        const { h, useChatSession, useState, show, words } = lab;
        globalThis.first = [];
        function Chat({ name }) {
          const chat = useChatSession(id);
          globalThis[name] = chat;
          first.push(`${name} ${words(chat.state)}`);
          return h('p', null, name, words(chat.state));
        }
        function Page() {
          const [shown, setShown] = useState(true);
          globalThis.setShown = setShown;
          return shown ? [h(Chat, { key: 1, name: 'one' }), h(Chat, { key: 2, name: 'two' })] : h('p', null, 'hidden');
        }
        globalThis.away = show({ baseUrl }, h(Page));
      }, [server.url, id]);
      await page.waitForFunction(() => globalThis.two?.state.connection.phase === 'live');
      await page.evaluate(() => one.send('words 2').done.then(() => undefined));
      await shows(page, 'w1 w2');
      assert.equal(await page.evaluate(() => one.state === two.state), true);
      await page.evaluate(() => setShown(false));
      await shows(page, 'hidden');
      await page.evaluate(() => {
        first.length = 0;
        setShown(true);
      });
      await shows(page, 'w1 w2');
      assert.match(await page.evaluate(() => first[0]), /w1 w2/);
      assert.equal(count(STREAM), 1);
      const over = page.waitForEvent('requestfailed', (request) => /event$/.test(new URL(request.url()).pathname));
      await page.evaluate(() => away());
      // Once nobody has come back for it, the client is closed, and its stream with it.
      await over;
    });

    scenario('a component renders only when what it selects changes; functions stay the same', async ({ page }) => {
      const id = await make();
      await page.evaluate(([baseUrl, id]) => {
        const { h, memo, useChatSession, show, counted } = lab;
        globalThis.sends = new Set();
        const Message = memo(({ message }) => {
          counted(`${message.info.role} ${message.key}`);
          return message.parts.map(({ text }) => text);
        });
        function Busy() {
          const { state, send } = useChatSession(id, { select: ({ status, messages }) => ({ busy: status.type === 'busy', count: messages.length }) });
          counted('busy');
          if (globalThis.live) sends.add(send);
          return h('p', null, `${state.count} ${state.busy}`);
        }
        function Chat() {
          const chat = useChatSession(id);
          globalThis.chat = chat;
          globalThis.live ||= chat.state.connection.phase === 'live';
          counted('chat');
          return chat.state.messages.map((message) => h(Message, { key: message.key, message }));
        }
        show({ baseUrl }, h(Chat), h(Busy));
      }, [server.url, id]);
      await page.waitForFunction(() => globalThis.chat?.state.connection.phase === 'live');
      await page.evaluate(() => chat.send('words 3').done.then(() => undefined));
      const before = await page.evaluate(() => ({ ...lab.renders }));
      await page.evaluate(() => chat.send('slow 4000 words 60').done.then(() => undefined));
      await shows(page, 'w60');
      const now = await page.evaluate(() => ({ ...lab.renders, sends: sends.size }));
      for (const [name, times] of Object.entries(before)) if (name !== 'chat' && name !== 'busy') assert.ok(now[name] - times <= 2, `${name} of an earlier turn was rendered ${now[name] - times} times more`);
      const [chats, busies] = ['chat', 'busy'].map((name) => now[name] - before[name]);
      assert.ok(chats > 2 * busies, `the chat ${chats} times, the count ${busies} times`);
      assert.equal(now.sends, 1);
    });

    scenario('in a chat of 2,000 messages a delta renders the message that it is of, and no other', async ({ page }) => {
      const mock = await startMock();
      try {
        const { store } = mock;
        const { id } = store.createSession();
        for (let n = 0; n < 1_000; n++) {
          store.user(id, `prompt ${n}`);
          const message = store.assistant(id);
          if (n === 999) break;
          store.putPart(message, { type: 'text', text: `words of ${n}`, time: { start: 1, end: 2 } });
          store.complete(message);
        }
        store.setStatus(id, { type: 'busy' });
        await page.evaluate(([baseUrl, id]) => {
          const { h, memo, useChatSession, show, counted } = lab;
          const Message = memo(({ message }) => {
            counted(message.key);
            return message.parts.map(({ text }) => text);
          });
          function Chat() {
            const chat = useChatSession(id);
            globalThis.chat = chat;
            return chat.state.messages.map((message) => h(Message, { key: message.key, message }));
          }
          show({ baseUrl }, h(Chat));
        }, [mock.url, id]);
        await page.waitForFunction(() => globalThis.chat?.state.connection.phase === 'live');
        await page.evaluate(async () => {
          while (await chat.loadOlder(1_000));
        });
        await page.waitForFunction(() => chat.state.messages.length === 2_000);
        const part = store.begin(store.session(id).messages.at(-1), 'text');
        store.delta(part, 'first ');
        await shows(page, 'first');
        const before = await page.evaluate(() => ({ ...lab.renders }));
        store.delta(part, 'second ');
        await shows(page, 'first second');
        const now = await page.evaluate(() => ({ ...lab.renders }));
        assert.equal(Object.keys(now).length, 2_000);
        assert.deepEqual(Object.keys(now).filter((key) => now[key] !== before[key]), [part.messageID]);
      } finally {
        await mock.close();
      }
    });

    scenario('a server renders an empty chat or the state that it has, and the page takes it over', async ({ page }) => {
      const id = await make();
      await page.evaluate(async ([baseUrl, id]) => {
        const { h, StrictMode, SessionProvider, useChatSession, useConnection, useCountdown, useSessions, hydrateRoot, renderToString, words } = lab;
        const messages = [{ key: 'm1', info: { id: 'm1', role: 'user' }, parts: [{ id: 'p1', type: 'text', text: 'of the server' }] }];
        function Chat() {
          const chat = useChatSession(id, { initialState: { messages } });
          const { phase } = useConnection();
          const list = useSessions();
          const seconds = useCountdown(chat.state.connection);
          globalThis.chat = chat;
          return h('p', null, `${phase} ${list.state.sessions.length > 0} ${seconds} ${words(chat.state)}`);
        }
        const tree = h(StrictMode, null, h(SessionProvider, { options: { baseUrl } }, h(Chat)));
        const main = document.querySelector('main');
        globalThis.html = renderToString(tree);
        main.innerHTML = html;
        hydrateRoot(main, tree, { onRecoverableError: (error) => console.error(error) });
      }, [server.url, id]);
      assert.match(await page.evaluate(() => html), /connecting false undefined of the server/);
      await page.waitForFunction(() => globalThis.chat.state.connection.phase === 'live');
      await shows(page, 'live true undefined');
      assert.doesNotMatch(await page.evaluate(() => document.querySelector('main').innerText), /of the server/);
    });

    scenario('below Suspense: shown once loaded, and an unknown session says so', async ({ page }) => {
      const id = await make();
      await page.evaluate(([baseUrl, id]) => {
        const { h, Suspense, useSuspenseChatSession, show } = lab;
        globalThis.phases = new Set();
        function Chat({ id }) {
          const { state } = useSuspenseChatSession(id);
          phases.add(state.session?.id ?? state.error?.code ?? 'nothing');
          return h('p', null, state.error?.code ?? state.session?.id);
        }
        const waiting = (id) => h(Suspense, { key: id, fallback: h('p', null, 'loading') }, h(Chat, { id }));
        show({ baseUrl }, waiting(id), waiting('ses_00000000000000000000000001'));
      }, [server.url, id]);
      await shows(page, id);
      await shows(page, 'session_not_found');
      assert.deepEqual((await page.evaluate(() => [...phases])).sort(), ['session_not_found', id].sort());
    });

    scenario('a list of sessions, and what one does with it', async ({ page }) => {
      await page.evaluate((baseUrl) => {
        const { h, useSessions, useConnection, show } = lab;
        function List({ name }) {
          const list = useSessions({ limit: 50 });
          globalThis[name] = list;
          const { phase } = useConnection();
          return h('p', null, phase, list.state.sessions.map(({ title }) => title).join());
        }
        show({ baseUrl }, h(List, { name: 'list' }), h(List, { name: 'other' }));
      }, server.url);
      const id = await page.evaluate(async () => (await list.create({ title: 'one title' })).id);
      await shows(page, 'one title');
      await page.evaluate((id) => list.rename(id, 'another title'), id);
      await shows(page, 'another title');
      await shows(page, 'live');
      await page.evaluate(() => list.search('another title'));
      await page.waitForFunction(() => other.state.search === 'another title' && other.state.sessions.length === 1);
      await page.evaluate((id) => list.remove(id), id);
      await page.waitForFunction(() => other.state.sessions.length === 0);
    });

    test('a chat that has no session yet says when the server is away', async () => {
      scene = await open(browser, app, server);
      try {
        await scene.page.evaluate(() => {
          const { h, useChatSession, useProblem, useCountdown, show } = lab;
          function Chat() {
            const { state } = useChatSession(undefined);
            const problem = useProblem(state);
            return h('p', null, problem?.sentence, ' ', typeof useCountdown(state.connection));
          }
          show({ baseUrl: 'http://127.0.0.1:9' }, h(Chat));
        });
        await shows(scene.page, 'The server cannot be reached. number');
      } finally {
        await scene.close();
      }
    });

    test('no client, no session: errors are shown, and everything rejects by name', async () => {
      scene = await open(browser, app, server);
      const { page } = scene;
      try {
        await page.evaluate((baseUrl) => {
          const { h, useChatSession, useConnection, useSessions, show } = lab;
          function Chat() {
            const chat = useChatSession(undefined);
            const list = useSessions();
            const { phase } = useConnection();
            Object.assign(globalThis, { chat, list });
            return h('p', null, [chat.state.connection.phase, chat.state.error?.code, list.state.status, list.state.error?.code, phase].join());
          }
          show({ baseUrl, wasm: '/none.wasm' }, h(Chat));
        }, server.url);
        // Before it is known that there will be no client, and after.
        await page.waitForFunction(() => globalThis.chat !== undefined);
        await page.evaluate(() => {
          globalThis.early = Promise.all([chat.send('x').stored, list.create(), list.loadMore()].map((each) => each.catch(({ code }) => code)));
        });
        await shows(page, 'closed,wasm_load_failed,closed,wasm_load_failed,closed');
        const codes = await page.evaluate(() => Promise.all([chat.send('x').stored, chat.send('x').done].map((each) => each.catch(({ code }) => code))));
        assert.deepEqual(codes, ['wasm_load_failed', 'wasm_load_failed']);
        assert.deepEqual(await page.evaluate(() => Promise.all([chat.abort(), chat.loadOlder()].map((each) => each.catch(({ code }) => code)))), ['bad_option', 'bad_option']);
        assert.deepEqual(await page.evaluate(() => early), Array(3).fill('wasm_load_failed'));
        assert.deepEqual(await page.evaluate(() => Promise.all([list.create(), list.search('x')].map((each) => each.catch(({ code }) => code)))), Array(2).fill('wasm_load_failed'));
        assert.equal(await page.evaluate(() => chat.discard('x')), false);
        const taken = await page.evaluate(async () => {
          const sending = chat.send('x');
          return [sending.cancel(), sending.id];
        });
        assert.deepEqual(taken, [true, undefined]);
      } finally {
        await scene.close();
      }
    });

    if (version.startsWith('19')) {
      scenario('a hidden Activity keeps the stream, and shows all that came meanwhile', async ({ page, count }) => {
        const id = await make();
        await page.evaluate(([baseUrl, id]) => {
          const { h, Activity, useChatSession, useState, show, words } = lab;
          function Chat() {
            const chat = useChatSession(id);
            globalThis.chat = chat;
            return h('p', null, chat.state.connection.phase, words(chat.state));
          }
          function Page() {
            const [mode, setMode] = useState('visible');
            globalThis.setMode = setMode;
            return h(Activity, { mode }, h(Chat));
          }
          show({ baseUrl }, h(Page));
        }, [server.url, id]);
        await shows(page, 'live');
        await page.evaluate(async () => {
          const { done } = chat.send('words 4');
          setMode('hidden');
          await done;
          setMode('visible');
        });
        await shows(page, 'w1 w2 w3 w4');
        assert.equal(count(STREAM), 1);
      });
    }
  });
}

test('a client of the page\'s own is not closed, and the countdown counts whole seconds', async () => {
  const app = await startApp(packed, { react: '19.3.1', 'react-dom': '19.3.1' });
  const scene = await open(browser, app, server);
  try {
    const seconds = await scene.page.evaluate(async (baseUrl) => {
      const { h, createClient, createRoot, SessionProvider, useClient, useCountdown } = lab;
      const client = await createClient({ baseUrl });
      const seen = [];
      const retryAt = Date.now() + 2_500;
      let end;
      const over = new Promise((resolve) => { end = resolve; });
      function Page() {
        const own = useClient();
        const left = useCountdown({ retryAt });
        seen.push([own === client, left]);
        if (left === 0) end();
        return null;
      }
      const root = createRoot(document.querySelector('main'));
      root.render(h(SessionProvider, { client }, h(Page)));
      await over;
      root.unmount();
      return { seen, healthy: (await client.health()).healthy };
    }, server.url);
    assert.ok(seconds.seen.every(([own]) => own));
    // A page that was held up may have skipped one.
    const left = seconds.seen.map(([, each]) => each);
    assert.deepEqual(left, left.toSorted((a, b) => b - a));
    assert.ok(left.length > 1 && left.every((each) => [3, 2, 1, 0].includes(each)), left.join());
    assert.equal(seconds.healthy, true);
  } finally {
    await scene.close();
    await app.close();
  }
});
