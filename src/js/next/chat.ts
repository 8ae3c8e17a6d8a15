/**
 * A chat endpoint: prompts in, the answer as a stream, which can be taken up again.
 * @module
 */
import type { ChatSession, Client, Message, SendOptions, Sent, SessionError, SessionInit, SessionState } from '../index.js';
import { createClient } from '../node.js';
import { BODY } from '../relay/body.js';
import { createRelay, type Relay, type RelayLimits, type RelayOptions, type Visit } from '../relay/index.js';
import { idOf, type Prompt, readBody, uiWishOf, type Wish, wishOf } from './body.js';
import { type Chats, memoryChats } from './chats.js';
import { type Encoder, Events } from './events.js';
import { answerOf, Fault } from './fault.js';
import { later } from './later.js';
import { streamed } from './stream.js';
import { UiMessages } from './ui-message.js';
import { isHidden, promptOf } from './walk.js';

/**
 * Options of {@link createChatRoute}: those of the relay, and how the chat is spoken.
 *
 * @example
 * ```ts
 * const options: ChatRouteOptions = { upstream: 'http://127.0.0.1:4096', authorize: async () => ({ user: 'ada', sessions: 'all' }), format: 'ai-sdk' };
 * ```
 */
export interface ChatRouteOptions extends RelayOptions {
  /** `events` (default): {@link ChatEvent}s. `ai-sdk`: the UI message stream that `useChat` of `ai` 7 reads. */
  readonly format?: 'events' | 'ai-sdk';
  /** What a session starts with that a first prompt makes. */
  readonly init?: (user: string, request: Request) => SessionInit | Promise<SessionInit>;
  /** Model, agent and system text of each prompt. What it gives stands above what the page asks for. */
  readonly send?: (user: string, request: Request) => SendOptions | Promise<SendOptions>;
  /** Which session belongs to a chat id of `useChat` that is no session's. Default: remembered in memory. */
  readonly chats?: Chats;
}

/**
 * Handlers of a route of the App Router.
 *
 * @example
 * ```ts
 * const { GET, POST }: ChatRoute = createChatRoute(options);
 * ```
 */
export interface ChatRoute {
  /** The history, the answer from a position on, or the running answer. */
  readonly GET: (request: Request) => Promise<Response>;
  /** A prompt, or the answer to a request. */
  readonly POST: (request: Request) => Promise<Response>;
}

/** Messages of a session that are looked at: the answer is among the newest. */
const LOOK = 50;
/** Messages that a `GET` gives when it does not say how many. */
const PAGE = '100';
/** Header of each answer: which session it is about. */
const SESSION = 'x-opencode-session';

/**
 * Handlers for `app/api/chat/route.ts`.
 *
 * @example
 * ```ts
 * const { GET, POST } = createChatRoute({ upstream: 'http://127.0.0.1:4096', authorize: async () => ({ user: 'ada', sessions: 'all' }) });
 * ```
 */
export function createChatRoute(options: ChatRouteOptions): ChatRoute {
  const { format = 'events', init, send, chats = memoryChats(String(options.upstream)), ...relayOptions } = options;
  const own = { format, init, send, chats, limits: options.limits ?? {} };
  const route = later(() => new Route(createRelay(relayOptions), own));
  return {
    GET: (request) => handled(route, request, (own, visit) => own.get(visit, request)),
    POST: (request) => handled(route, request, (own, visit) => own.post(visit, request)),
  };
}

interface Own {
  readonly format: 'events' | 'ai-sdk';
  readonly init: ChatRouteOptions['init'];
  readonly send: ChatRouteOptions['send'];
  readonly chats: Chats;
  readonly limits: RelayLimits;
}

async function handled(route: () => Route, request: Request, act: (route: Route, visit: Visit) => Promise<Response>): Promise<Response> {
  try {
    const own = route();
    const visit = await own.relay.visit(request);
    return visit instanceof Response ? visit : await act(own, visit);
  } catch (error) {
    return answerOf(error);
  }
}

class Route {
  readonly relay: Relay;
  readonly #own: Own;

  constructor(relay: Relay, own: Own) {
    this.relay = relay;
    this.#own = own;
  }

  async get(visit: Visit, request: Request): Promise<Response> {
    const url = new URL(request.url);
    const id = await this.#asked(visit, url);
    const mark = request.headers.get('last-event-id') ?? undefined;
    if (id === undefined) return new Response(null, { status: 204 });
    const streams = this.#own.format === 'ai-sdk' || mark !== undefined || (request.headers.get('accept') ?? '').includes('text/event-stream');
    if (!streams) return this.#history(visit, id, url);
    return this.#within(visit, async (client) => {
      const session = client.openSession(id, { limit: LOOK });
      await session.ready;
      return this.#resumed(visit, request, client, session, mark === '' ? undefined : mark);
    });
  }

  async post(visit: Visit, request: Request): Promise<Response> {
    const body = await readBody(request, this.#own.limits.body ?? BODY);
    const chat = this.#own.format === 'ai-sdk' ? idOf(body['id'], 'id') : undefined;
    const wish = chat === undefined ? wishOf(body) : uiWishOf(body, await this.#sessionOf(visit, chat));
    return this.#within(visit, async (client) => {
      const session = wish.session === undefined ? await client.createSession(await this.#own.init?.(visit.user, request)) : client.openSession(wish.session, { limit: LOOK });
      if (wish.session === undefined && chat !== undefined) await this.#own.chats.set(visit.user, chat, session.id);
      await session.ready;
      return this.#granted(visit, request, client, session, wish);
    });
  }

  /** What is asked for, in a session that is open. */
  async #granted(visit: Visit, request: Request, client: Client, session: ChatSession, wish: Wish): Promise<Response> {
    switch (wish.type) {
      case 'prompt':
        return this.#sent(visit, request, client, session, wish.prompt, wish.streams);
      case 'regenerate':
        return this.#sent(visit, request, client, session, await takenBack(session), true);
      case 'approve':
        for (const { id, reply, message } of wish.replies) await session.replyPermission(id, reply, message);
        return this.#resumed(visit, request, client, session, undefined);
      case 'abort':
        await session.abort();
        return done(client);
      case 'permission':
        await session.replyPermission(wish.reply.id, wish.reply.reply, wish.reply.message);
        return done(client);
      case 'question':
        await (wish.answers === undefined ? session.rejectQuestion(wish.id) : session.answerQuestion(wish.id, wish.answers));
        return done(client);
    }
  }

  async #sent(visit: Visit, request: Request, client: Client, session: ChatSession, prompt: Prompt, streams: boolean): Promise<Response> {
    const { text, parts } = prompt;
    const options = { ...prompt.options, ...(await this.#own.send?.(visit.user, request)) };
    const sent = session.send({ ...(text !== '' && { text }), parts }, options);
    sent.done.catch(() => undefined);
    await sent.stored;
    const id = promptIdOf(session.state, sent);
    if (streams) return this.#stream(visit, request, client, session, this.#encoder(session.id, id), over(sent.done));
    // Nobody waits for it any more; the server goes on.
    for (const signal of [request.signal, visit.signal]) signal.addEventListener('abort', () => client.close());
    const answer = await sent.done;
    client.close();
    const said = answer.parts.filter((part) => part.type === 'text' && !isHidden(part)).map((part) => part.text ?? '');
    const { info, parts: all } = answer;
    return Response.json({ sessionId: session.id, promptId: id, text: said.join(''), message: { info, parts: all } }, { headers: { 'cache-control': 'no-store', [SESSION]: session.id } });
  }

  /** The answer that runs, or that of a position, from there on; 204 when nothing runs. */
  async #resumed(visit: Visit, request: Request, client: Client, session: ChatSession, mark: string | undefined): Promise<Response> {
    const { messages, status } = session.state;
    const prompts = messages.filter(({ info }) => info.role === 'user');
    const asked = mark === undefined ? prompts.at(-1)?.info.id : promptOf(mark);
    if (mark !== undefined && asked === undefined) throw new Fault('bad_position', 'Last-Event-ID is no position of this endpoint.', 'Load the session, and begin without one.');
    const isThere = prompts.some(({ info }) => info.id === asked);
    if (mark !== undefined && !isThere) throw new Fault('position_lost', 'The prompt of this position is not among the newest messages any more.', 'Load the session again.');
    if (asked === undefined || (mark === undefined && status.type !== 'busy' && status.type !== 'retry')) {
      client.close();
      return new Response(null, { status: 204 });
    }
    return this.#stream(visit, request, client, session, this.#encoder(session.id, asked, mark), ended(session, asked));
  }

  #stream(visit: Visit, request: Request, client: Client, session: ChatSession, encoder: Encoder, whole: Promise<SessionError | undefined>): Response {
    const headers = { [SESSION]: session.id, ...(this.#own.format === 'ai-sdk' && { 'x-vercel-ai-ui-message-stream': 'v1' }) };
    return streamed({ session, encoder, over: whole, signals: [request.signal, visit.signal], close: () => client.close(), limits: this.#own.limits }, headers);
  }

  #encoder(session: string, prompt: string, mark?: string): Encoder {
    return this.#own.format === 'ai-sdk' ? new UiMessages(session, prompt) : new Events(session, prompt, mark);
  }

  /** A client that reaches the server as this user does, and is closed where no answer goes on with it. */
  async #within(visit: Visit, act: (client: Client) => Promise<Response>): Promise<Response> {
    const client = await createClient({ baseUrl: visit.baseUrl, fetch: visit.fetch, identity: visit.user, journal: 'off' });
    try {
      return await act(client);
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** As the server tells it: `{ session, messages }`, and which prompt is being answered. */
  async #history(visit: Visit, id: string, url: URL): Promise<Response> {
    const page = new URLSearchParams({ limit: url.searchParams.get('limit') ?? PAGE });
    const before = url.searchParams.get('before');
    if (before !== null) page.set('before', before);
    const ask = (path: string): Promise<Response> => visit.fetch(visit.baseUrl + path);
    const [session, messages, statuses] = await Promise.all([ask(`/session/${id}`), ask(`/session/${id}/message?${page}`), ask('/session/status')]);
    for (const each of [session, messages]) if (!each.ok) return each;
    const list = (await messages.json()) as Message[];
    const status = statuses.ok ? ((await statuses.json()) as Record<string, { type?: string }>)[id] : undefined;
    const running = status?.type === 'busy' || status?.type === 'retry' ? list.findLast(({ info }) => info.role === 'user')?.info.id : undefined;
    const next = messages.headers.get('x-next-cursor');
    return Response.json({ session: await session.json(), messages: list, ...(next !== null && { next }), ...(running !== undefined && { running }) }, { headers: { 'cache-control': 'no-store', [SESSION]: id } });
  }

  /** `?sessionId=…`, or `/{chat id}/stream` behind the route, as `useChat` asks. */
  async #asked(visit: Visit, url: URL): Promise<string | undefined> {
    const [, chat] = /\/([^/]+)\/stream\/?$/.exec(url.pathname) ?? [];
    if (chat !== undefined) return this.#sessionOf(visit, idOf(chat, 'The chat'));
    return idOf(url.searchParams.get('sessionId'), 'sessionId');
  }

  async #sessionOf(visit: Visit, chat: string): Promise<string | undefined> {
    return chat.startsWith('ses_') ? chat : this.#own.chats.get(visit.user, chat);
  }
}

/** The last prompt, taken back with its answer. */
async function takenBack(session: ChatSession): Promise<Prompt> {
  const last = session.state.messages.findLast(({ info }) => info.role === 'user');
  if (last === undefined) throw new Fault('bad_body', 'There is no prompt to be answered again.', 'Send a message first.');
  await session.revert(last.info.id);
  const own = last.parts.filter((part) => !isHidden(part));
  const { agent, model } = last.info as { readonly agent?: string; readonly model?: { readonly providerID: string; readonly modelID: string } };
  const files = own.filter(({ type, url }) => type === 'file' && url?.startsWith('data:'));
  return {
    text: own.filter(({ type }) => type === 'text').map((part) => part.text ?? '').join('\n'),
    parts: files.map(({ url, mime = '', filename }) => ({ type: 'file', url: url as `data:${string}`, mime, ...(filename !== undefined && { filename }) })),
    // As it was asked the first time.
    options: { ...(agent !== undefined && { agent }), ...(model !== undefined && { model }) },
  };
}

function promptIdOf({ messages }: SessionState, { id }: Sent): string {
  return messages.find(({ key }) => key === id)?.info.id ?? id;
}

/** When the answer is whole, and why it is none. */
function over(answer: Promise<unknown>): Promise<SessionError | undefined> {
  return answer.then(() => undefined, (error: SessionError) => error);
}

/** The same for an answer that somebody else asked for: the session rests, or answers another prompt. */
function ended(session: ChatSession, prompt: string): Promise<SessionError | undefined> {
  return new Promise((resolve) => {
    const look = (): void => {
      const { messages } = session.state;
      const at = messages.findIndex(({ info }) => info.id === prompt);
      const others = messages.slice(at + 1).some(({ info }) => info.role === 'assistant' && info.parentID !== prompt);
      if (others) finish(undefined);
    };
    const stop = session.subscribe(look);
    const finish = (error: SessionError | undefined): void => {
      stop();
      const { status } = session.state;
      resolve(error ?? (status.type === 'error' ? status.error : undefined));
    };
    session.settled().then(() => finish(undefined), finish);
    look();
  });
}

function done(client: Client): Response {
  client.close();
  return new Response(null, { status: 204 });
}
