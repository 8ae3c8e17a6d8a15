'use client';
import type { Message } from 'opencode-session';
import { memo } from 'react';
import { inLine, textOf } from '@/lib/exact';
import { Icon } from './icon';
import { PartView } from './part';

interface MessageProps {
  readonly message: Message;
  /** What an own prompt waits for. */
  readonly wait: string | undefined;
  readonly isBusy: boolean;
  readonly undo: (message: Message) => void;
  readonly resend: (message: Message) => void;
  readonly discard: (key: string) => void;
}

/** One message. Those that did not change keep their identity, and are not rendered again. */
export const MessageView = memo(function MessageView({ message, wait, isBusy, undo, resend, discard }: MessageProps) {
  const { info, parts, delivery, key } = message;
  const isPrompt = info.role === 'user';
  return (
    <li className="message" data-role={info.role} data-delivery={delivery}>
      <h2 className="unseen">{isPrompt ? 'You' : 'Assistant'}</h2>
      <div className="body">{parts.map((part) => <PartView key={part.id} part={part} isPrompt={isPrompt} />)}</div>
      {isPrompt && (delivery === undefined || delivery === 'sent') && !isBusy && (
        <button type="button" className="icon undo" aria-label="Take this message back, and all after it" title="Undo" onClick={() => undo(message)}><Icon name="undo" /></button>
      )}
      {wait && <p className="hint">{wait}</p>}
      {(delivery === 'failed' || delivery === 'dropped') && (
        <div className="row">
          <p role="alert" className="wrong">{delivery === 'failed' ? 'Not sent.' : 'Not answered: the server stopped before its turn.'}</p>
          <button type="button" onClick={() => resend(message)}>Send again</button>
          {delivery === 'failed' && <button type="button" onClick={() => discard(key)}>Discard</button>}
        </div>
      )}
      {info.error && <p className="wrong">{info.error.name === 'MessageAbortedError' ? 'Stopped' : inLine(textOf(info.error.data?.message) || textOf(info.error.name))}</p>}
    </li>
  );
});
