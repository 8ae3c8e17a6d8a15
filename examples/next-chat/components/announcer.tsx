import type { SessionState } from 'opencode-session';
import { useEffect, useRef, useState } from 'react';

/** The longest text that is read out at once: who wants more goes to the log. */
const SPOKEN = 600;

/** What a screen reader says: whole answers and requests, once each, in place of a log that changes with every word. */
export function useAnnouncer({ status, messages, permissions, questions }: SessionState): string {
  const [spoken, setSpoken] = useState('');
  const wasBusy = useRef(false);
  const isBusy = status.type === 'busy' || status.type === 'retry';
  const asks = permissions.length + questions.length;
  useEffect(() => {
    if (asks > 0) setSpoken(permissions.length > 0 ? 'A tool asks for a permission.' : 'The agent has a question.');
  }, [asks, permissions.length]);
  useEffect(() => {
    const hasEnded = wasBusy.current && !isBusy;
    wasBusy.current = isBusy;
    if (!hasEnded) return;
    const last = messages.at(-1);
    const text = last?.info.role === 'assistant' ? last.parts.map((part) => (part.type === 'text' ? part.text : '')).join(' ') : '';
    setSpoken(text.length > SPOKEN ? `${text.slice(0, SPOKEN)} …` : text);
  }, [isBusy, messages]);
  return spoken;
}
