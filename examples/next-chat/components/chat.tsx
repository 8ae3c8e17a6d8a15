'use client';
import type { Message, SessionState } from 'opencode-session';
import { sentenceOf, waitOf } from 'opencode-session/problem';
import { useChatSession, useConnection, useCountdown, useProblem } from 'opencode-session/react';
import Link from 'next/link';
import { type ReactNode, useCallback, useEffect, useMemo, useState } from 'react';
import { inLine } from '@/lib/exact';
import { useAnnouncer } from './announcer';
import { PermissionCard, QuestionCard } from './asks';
import { Composer } from './composer';
import { Connection } from './connection';
import { DeleteChat } from './delete-chat';
import { MessageView } from './message';
import { Scroller } from './scroller';
import { Status } from './status';
import { Tags } from './tags';

/** A chat; without an id one that the first message makes. */
export function Chat({ id, menu, onCreate }: { id: string | undefined; menu: ReactNode; onCreate: (id: string) => void }) {
  const chat = useChatSession(id, { onCreate });
  const { state, abort, revert, discard, send } = chat;
  const connection = useConnection();
  const problem = useProblem(state);
  const seconds = useCountdown(connection);
  const spoken = useAnnouncer(state);
  // What a person asked for and did not get, beside what the state tells.
  const [failed, setFailed] = useState<string>();
  const tried = useCallback((job: Promise<unknown>) => {
    setFailed(undefined);
    job.catch((error) => setFailed(sentenceOf(error)));
  }, []);
  const undo = useCallback((message: Message) => tried(revert(message.info.id)), [revert, tried]);
  const resend = useCallback((message: Message) => {
    const text = message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
    const parts = message.parts.flatMap(({ type, url, mime = '', filename = 'file' }) => (type === 'file' && url?.startsWith('data:') ? [{ type: 'file' as const, url, mime, filename }] : []));
    discard(message.key);
    send({ text, parts });
  }, [discard, send]);
  const shown = useMemo(() => remaining(state), [state]);
  const title = inLine(state.session?.title ?? '') || (id === undefined ? 'New chat' : 'Chat');
  useEffect(() => {
    document.title = `${title} · Chat`;
  }, [title]);
  const isBusy = chat.isCreating || state.status.type === 'busy' || state.status.type === 'retry';
  const parent = state.session?.parentID;
  return (
    <main className="chat">
      <header className="top">
        {menu}
        <div className="heading">
          {parent && <Link href={`/chat/${parent}`} className="hint">Part of another chat</Link>}
          <h1>{title}</h1>
          {chat.id !== undefined && !parent && !state.error && <Tags id={chat.id} />}
        </div>
        {chat.id !== undefined && !parent && !state.error && <DeleteChat id={chat.id} />}
        <Connection phase={connection.phase} seconds={seconds} reconnect={chat.id === undefined ? undefined : chat.reconnect} />
      </header>
      {problem && (
        <div role="alert" className="banner" data-code={problem.error.code}>
          <p>{problem.sentence}{problem.error.code === 'unauthorized' && <> <Link href="/login">Sign in</Link></>}</p>
        </div>
      )}
      {failed && (
        <div role="alert" className="banner">
          <p>{failed}</p>
          <button type="button" onClick={() => setFailed(undefined)}>Dismiss</button>
        </div>
      )}
      <Scroller hasOlder={state.hasOlder} loadOlder={chat.loadOlder} first={shown[0]?.key} last={shown.at(-1)?.key}>
        {shown.length === 0 && (id === undefined || (state.connection.phase === 'live' && !state.error)) && <p className="empty">What is there to do?</p>}
        <ol className="messages">
          {shown.map((message) => (
            <MessageView key={message.key} message={message} wait={waitOf(state, message)?.sentence} isBusy={isBusy} undo={undo} resend={resend} discard={discard} />
          ))}
        </ol>
        {state.session?.revert && (
          <p className="taken-back">
            Messages were taken back, with what they changed. The next message deletes them.{' '}
            <button type="button" onClick={() => tried(chat.unrevert())}>Put them back</button>
          </p>
        )}
      </Scroller>
      <div className="dock">
        {(state.permissions.length > 0 || state.questions.length > 0) && (
          <div className="asks">
            {state.permissions.map((request) => <PermissionCard key={request.id} request={request} reply={(reply) => chat.replyPermission(request.id, reply)} />)}
            {state.questions.map((request) => (
              <QuestionCard key={request.id} request={request} answer={(answers) => chat.answerQuestion(request.id, answers)} dismiss={() => chat.rejectQuestion(request.id)} />
            ))}
          </div>
        )}
        <Status status={state.status} isCreating={chat.isCreating} todos={state.todos} />
        <Composer isBusy={isBusy} isClosed={state.error?.code === 'forbidden' || state.error?.code === 'session_not_found'} send={send} stop={() => tried(abort())} />
      </div>
      <p className="unseen" role="status">{spoken}</p>
    </main>
  );
}

/** Without what was taken back: the server has it until the next message. One that is on its way is shown. */
function remaining({ messages, session }: SessionState): readonly Message[] {
  const revert = session?.revert;
  const from = revert === undefined ? -1 : messages.findIndex(({ info }) => info.id === revert.messageID);
  return from < 0 ? messages : messages.filter(({ delivery }, at) => at < from || delivery === 'sending' || delivery === 'failed');
}
