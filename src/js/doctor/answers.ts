/**
 * Checks that ask a model.
 * @module
 */
import type { ChatSession } from '../api.js';
import type { ConnectionState, Message } from '../types.js';
import { type Job, failed, inDirectory, isProblem, type Visit } from './types.js';

const WORD = 'zebra-4217';
const LONG = 'Count from 1 to 60, all in one line, separated by spaces. Write nothing else.';
const LOOK_EVERY = 1_000;

/** A prompt, and its answer in one piece. */
export const message: Job = {
  name: 'message',
  title: 'One message',
  needs: ['session', 'providers'],
  async run(visit) {
    const start = performance.now();
    const [providerID, modelID] = split(visit.known.model ?? '');
    const text = visit.options.message ?? 'Say hello in one short sentence.';
    const answer = await watched(visit, visit.known.session ?? '', async () => {
      const response = await visit.ask(route(visit, '/message'), {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ model: { providerID, modelID }, parts: [{ type: 'text', text }] }),
      });
      if (!response.ok) throw failed('server_error', `The message gives status ${response.status}.`, "Look at the server's log.");
      return response.json() as Message;
    });
    complain(answer);
    const said = textOf(answer).trim();
    if (said === '') throw failed('empty_answer', 'The answer has no text.', 'Try another model (--model).');
    return `"${said.length > 60 ? `${said.slice(0, 60)}…` : said}" after ${Math.round(performance.now() - start)} ms`;
  },
};

/** A prompt, and its answer as it grows. */
export const stream: Job = {
  name: 'stream',
  title: 'Streaming',
  needs: ['message', 'events'],
  async run(visit) {
    const session = await open(visit);
    const { ties, pieces, answer } = await hear(visit, session, LONG);
    complain(answer);
    const broken = ties.filter((tie, at) => tie.phase === 'waiting' && ties[at - 1]?.phase !== 'waiting').length;
    const fallback = ties.find((tie) => tie.fallback !== undefined)?.fallback;
    if (fallback?.code === 'held_back') throw failed('buffering_proxy', fallback.message, fallback.hint);
    if (fallback?.code === 'mute') throw failed('mute', fallback.message, fallback.hint);
    if (fallback !== undefined) throw failed(fallback.code, fallback.message, fallback.hint);
    if (broken > 0) {
      throw failed('stream_cut', `The stream broke ${broken} times in one answer.`, 'Raise the time and size limits for /event of whatever stands between.');
    }
    const [first, ...rest] = pieces;
    if (first === undefined || pieces.length < 3) {
      throw failed('not_streamed', 'The answer came in one piece.', 'The provider does not stream, or something in between collects its answer.');
    }
    const gaps = rest.map((at, index) => at - (pieces[index] ?? at));
    return `first text after ${Math.round(first)} ms, ${pieces.length} pieces, ${Math.round(Math.max(...gaps))} ms between two at most`;
  },
};

/** A second prompt that only makes sense after the first. */
export const conversation: Job = {
  name: 'conversation',
  title: 'Conversation',
  needs: ['message'],
  async run(visit) {
    const session = await open(visit);
    complain((await hear(visit, session, `Remember this word: ${WORD}. Answer with OK.`)).answer);
    const { answer } = await hear(visit, session, 'Which word did I ask you to remember? Answer with the word.');
    complain(answer);
    const asked = session.state.messages.filter(({ info }) => info.role === 'user').length;
    if (asked < 2) throw failed('history_lost', 'The session does not keep what was said.', "Look at the server's log.");
    if (!textOf(answer).includes(WORD)) {
      throw failed('no_memory', 'The model does not know what was said before.', 'Try another model (--model): the session has both messages.');
    }
    return 'the second answer knows the first prompt';
  },
};

/** A connection that breaks in the middle of an answer. */
export const reconnect: Job = {
  name: 'reconnect',
  title: 'Reconnect in the middle',
  needs: ['stream'],
  async run(visit) {
    const session = await open(visit);
    let torn = 0;
    const { answer } = await hear(visit, session, LONG, (pieces) => {
      if (pieces === 2) {
        torn += 1;
        session.reconnect();
      }
    });
    complain(answer);
    const stored = (await visit.ask(route(visit, `/message/${encodeURIComponent(answer.info.id)}`))).json() as Message;
    if (textOf(stored) !== textOf(answer)) {
      throw failed('text_differs', 'After a reconnect the answer is not what the server has.', 'Report it with the output of --json.');
    }
    return torn === 0 ? 'the answer was too short to break it' : 'the answer is whole, and no word twice';
  },
};

/** What came of a prompt: when text came (milliseconds after it was sent), and how the connection was. */
interface Heard {
  readonly answer: Message;
  readonly pieces: number[];
  readonly ties: ConnectionState[];
}

/** Sends a prompt, and notes when its answer grows. `stop`: rejects when it is not to be waited for. */
export async function hear(visit: Visit, session: ChatSession, prompt: string, onPiece?: (count: number) => void, stop?: Promise<never>): Promise<Heard> {
  await visit.soon(session.ready);
  const pieces: number[] = [];
  const ties: ConnectionState[] = [];
  let length = 0;
  const before = session.state.messages.length;
  const start = performance.now();
  const look = () => {
    const { messages, connection } = session.state;
    if (ties.at(-1) !== connection) ties.push(connection);
    const now = messages.slice(before).reduce((sum, each) => sum + (each.info.role === 'assistant' ? textOf(each).length : 0), 0);
    if (now > length) {
      pieces.push(performance.now() - start);
      onPiece?.(pieces.length);
    }
    length = now;
  };
  const end = session.subscribe(look);
  try {
    const model = visit.known.model;
    const done = () => session.send(prompt, model === undefined ? {} : { model }).done;
    const answer = await watched(visit, session.id, () => (stop === undefined ? done() : Promise.race([done(), stop])));
    return { answer, pieces, ties };
  } finally {
    end();
  }
}

/** Waits for an answer; says why when the server tries the provider again and again. */
async function watched<T>(visit: Visit, id: string, answer: () => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setInterval> | undefined;
  const start = performance.now();
  const trouble = new Promise<never>((_, reject) => {
    let isAsking = false;
    const look = async () => {
      const all = (await visit.ask(`/session/status${inDirectory(visit.options.directory)}`)).json() as Record<string, { type: string; message?: string }> | null;
      const status = all?.[id];
      if (status?.type === 'retry') reject(turnFailed(status.message ?? 'The provider fails.'));
    };
    timer = setInterval(() => {
      if (!isAsking) {
        isAsking = true;
        void look().catch(() => undefined).finally(() => {
          isAsking = false;
        });
      }
      if (performance.now() - start > visit.patience) {
        reject(failed('timeout', `No answer within ${visit.patience / 1_000} s.`, 'Try again, or give it longer (--patience).'));
      }
    }, LOOK_EVERY);
  });
  try {
    return await Promise.race([answer(), trouble]);
  } catch (error) {
    await visit.ask(`/session/${encodeURIComponent(id)}/abort${inDirectory(visit.options.directory)}`, { method: 'POST' }).catch(() => undefined);
    throw isProblem(error) && error.code === 'turn_failed' ? turnFailed(error.message) : error;
  } finally {
    clearInterval(timer);
  }
}

/** An answer may be a failure. */
export function complain({ info }: Message): void {
  if (info.error !== undefined) throw turnFailed(info.error.data?.message ?? info.error.name, info.error.data?.statusCode);
}

/** The provider's failure, by what it says. */
function turnFailed(text: string, status?: unknown) {
  const says = (pattern: RegExp) => pattern.test(text);
  if (status === 429 || says(/\b429\b|rate.?limit|too many requests|quota|overloaded/i)) {
    return failed('provider_429', text, 'The provider refuses more requests for now: wait, or take another model or key.');
  }
  if (status === 401 || status === 403 || says(/api.?key|unauthorized|forbidden|credential/i)) {
    return failed('provider_auth', text, 'Check the key of the provider at the server (opencode auth login).');
  }
  return failed('provider_error', text, "The provider's own failure: try another model (--model), or look at the server's log.");
}

async function open(visit: Visit): Promise<ChatSession> {
  return (await visit.client()).openSession(visit.known.session ?? '');
}

function textOf({ parts }: Message): string {
  return parts.map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join('');
}

function route(visit: Visit, rest: string): string {
  return `/session/${encodeURIComponent(visit.known.session ?? '')}${rest}${inDirectory(visit.options.directory)}`;
}

function split(ref: string): [string, string] {
  const at = ref.indexOf('/');
  return [ref.slice(0, at), ref.slice(at + 1)];
}
