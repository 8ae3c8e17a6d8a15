'use client';
import { useActionState } from 'react';
import { login } from './actions';

export function LoginForm() {
  const [problem, act, isPending] = useActionState(login, undefined);
  return (
    <form action={act} className="login">
      <label htmlFor="name">Your name</label>
      <input id="name" name="name" required maxLength={32} autoComplete="username" autoCapitalize="none" spellCheck={false}
        aria-describedby="hint" aria-invalid={problem !== undefined} />
      <p id="hint" className="hint">No password: this is a stub. Try two users, such as ada and ben; each sees only their own chats.</p>
      {problem && <p role="alert" className="wrong">{problem}</p>}
      <button type="submit" className="primary" disabled={isPending}>Sign in</button>
    </form>
  );
}
