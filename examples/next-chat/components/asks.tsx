'use client';
import type { PermissionRequest, QuestionRequest } from 'opencode-session';
import { type FormEvent, useEffect, useId, useRef, useState } from 'react';
import { exact, fieldsOf, inLine, textOf } from '@/lib/exact';
import { Diff } from './diff';

export type Reply = 'once' | 'always' | 'reject';

/** What the tool says of itself in fields that have a place of their own. */
const PLACED = new Set(['command', 'description', 'filepath', 'url', 'diff']);

/** Asks whether a tool may do something. Nothing of the request is left out: whoever answers answers for all of it. */
export function PermissionCard({ request, reply }: { request: PermissionRequest; reply: (reply: Reply) => Promise<void> }) {
  const title = useId();
  const card = useFocusBack<HTMLElement>();
  const { isSending, problem, send } = useSending();
  const metadata = fieldsOf(request.metadata);
  const patterns = Array.isArray(request.patterns) ? request.patterns.map(textOf).filter(Boolean) : [];
  const always = Array.isArray(request['always']) ? request['always'].map(textOf) : [];
  const lines = [...new Set([...(typeof metadata.command === 'string' ? [metadata.command] : []), ...patterns])];
  const words = ['description', 'filepath', 'url'].map((name) => metadata[name]).filter((value) => typeof value === 'string' && value !== '' && !lines.includes(value));
  const more = Object.entries(metadata).filter(([name, value]) => !PLACED.has(name) || typeof value !== 'string');
  return (
    <section ref={card} className="ask" aria-labelledby={title}>
      <h2 id={title}>Allow <code>{inLine(textOf(request.permission) || 'this')}</code>?</h2>
      {words.map((text) => <p key={textOf(text)}>{exact(textOf(text))}</p>)}
      {lines.length > 0 && <Exact text={lines.join('\n')} label="What it wants to do" />}
      {typeof metadata.diff === 'string' && metadata.diff !== '' && <Diff text={metadata.diff} label="Changes" />}
      {more.length > 0 && (
        <details>
          <summary>All that it says</summary>
          <Exact text={JSON.stringify(Object.fromEntries(more), null, 2)} label="All that it says" />
        </details>
      )}
      {always.length > 0 && <p className="hint">“Always” allows from now on: <code>{inLine(always.join(', '))}</code></p>}
      {problem && <p role="alert" className="wrong">{problem}</p>}
      <p className="row">
        <button type="button" className="primary" disabled={isSending} onClick={() => send(() => reply('once'))}>Allow once</button>
        <button type="button" disabled={isSending} onClick={() => send(() => reply('always'))}>Always</button>
        <button type="button" disabled={isSending} onClick={() => send(() => reply('reject'))}>Deny</button>
      </p>
    </section>
  );
}

function Exact({ text, label }: { text: string; label: string }) {
  return (
    <section aria-label={label}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard. */}
      <pre tabIndex={0} dir="ltr">{exact(text)}</pre>
    </section>
  );
}

/** Asks what the agent wants to know: one of its options or several, or own words where it takes them. */
export function QuestionCard({ request, answer, dismiss }: { request: QuestionRequest; answer: (answers: string[][]) => Promise<void>; dismiss: () => Promise<void> }) {
  const card = useFocusBack<HTMLFormElement>();
  const { isSending, problem, send } = useSending();
  const [missing, setMissing] = useState(false);
  const { questions } = request;
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const answers = questions.map((question, at) => {
      const chosen = form.getAll(`q${at}`).flatMap((place) => question.options[Number(place)]?.label ?? []);
      const own = String(form.get(`own${at}`) ?? '').trim();
      // Own words and a single choice cannot both be the answer.
      return own === '' ? chosen : question.multiple ? [...chosen, own] : [own];
    });
    const isMissing = answers.some((each) => each.length === 0);
    setMissing(isMissing);
    if (!isMissing) send(() => answer(answers));
  };
  return (
    <form ref={card} className="ask" aria-label="Question from the agent" onSubmit={submit}>
      {questions.map(({ question, header, options, multiple, custom }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a request does not change.
        <fieldset key={at}>
          <legend>{header && <span className="tag">{inLine(header)}</span>} {exact(textOf(question))}</legend>
          {options.map(({ label, description }, place) => (
            <label key={label} className="option">
              <input type={multiple ? 'checkbox' : 'radio'} name={`q${at}`} value={place} />
              <span>{inLine(textOf(label))}{description && <small>{exact(description)}</small>}</span>
            </label>
          ))}
          {custom !== false && <input type="text" name={`own${at}`} aria-label="Own answer" placeholder="Something else" autoComplete="off" />}
        </fieldset>
      ))}
      {missing && <p role="alert" className="wrong">Choose an answer to each question, or write one.</p>}
      {problem && <p role="alert" className="wrong">{problem}</p>}
      <p className="row">
        <button type="submit" className="primary" disabled={isSending}>Answer</button>
        <button type="button" disabled={isSending} onClick={() => send(dismiss)}>Dismiss</button>
      </p>
    </form>
  );
}

/** Where the focus goes when a card goes that had it: else it would be nowhere. */
function useFocusBack<T extends HTMLElement>() {
  const card = useRef<T>(null);
  useEffect(() => {
    const own = card.current;
    let had = false;
    const look = () => {
      had = own?.contains(document.activeElement) === true;
    };
    // A button that is disabled loses the focus without a word: what had it last counts.
    document.addEventListener('focusin', look);
    return () => {
      document.removeEventListener('focusin', look);
      if (had) document.getElementById('message')?.focus();
    };
  }, []);
  return card;
}

/** An answer on its way: the card goes when the server has it; what fails can be tried again. */
function useSending() {
  const [isSending, setSending] = useState(false);
  const [problem, setProblem] = useState<string>();
  const send = (job: () => Promise<void>) => {
    setSending(true);
    setProblem(undefined);
    job().catch((error: { code?: string }) => {
      // Somebody else was faster: the card is about to go.
      if (error.code !== 'not_found') setProblem('The answer did not get through. Try again.');
      setSending(false);
    });
  };
  return { isSending, problem, send };
}
