import type { SessionStatus, Todo } from 'opencode-session';
import { useCountdown } from 'opencode-session/react';
import { inLine } from '@/lib/exact';

const MARKS: { readonly [status: string]: string } = { completed: '●', in_progress: '◐', cancelled: '✕' };

/** What the session does, and what the agent has left to do. */
export function Status({ status, isCreating, todos }: { status: SessionStatus; isCreating: boolean; todos: readonly Todo[] }) {
  const retry = status.type === 'retry' ? status : undefined;
  const seconds = useCountdown(retry ? { retryAt: retry.next } : {});
  const open = todos.filter((todo) => todo.status !== 'completed' && todo.status !== 'cancelled');
  return (
    <>
      {open.length > 0 && (
        <details className="todos">
          <summary>{open.length} of {todos.length} left to do</summary>
          {/* biome-ignore lint/suspicious/noArrayIndexKey: they have no ids. */}
          <ul>{todos.map((todo, at) => <li key={at}><span aria-hidden="true">{MARKS[todo.status] ?? '○'}</span> {inLine(todo.content)} <span className="unseen">({todo.status})</span></li>)}</ul>
        </details>
      )}
      <p className="status" data-status={status.type}>
        {(isCreating || status.type === 'busy') && <><span className="spinner" aria-hidden="true" /> Working…</>}
        {retry && <>The model’s provider failed ({inLine(retry.message)}). Next try{seconds === undefined ? '' : ` in ${seconds} s`}.</>}
      </p>
    </>
  );
}
