'use client';
import { useRouter } from 'next/navigation';
import { sentenceOf } from 'opencode-session/problem';
import { useSessions } from 'opencode-session/react';
import { useId, useRef, useState } from 'react';
import { Icon } from './icon';

/** Deletes the open chat, once somebody said yes. */
export function DeleteChat({ id }: { id: string }) {
  const title = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const router = useRouter();
  const { remove } = useSessions({ limit: 1 });
  const [problem, setProblem] = useState<string>();
  const [isDeleting, setDeleting] = useState(false);
  const act = async () => {
    setDeleting(true);
    setProblem(undefined);
    try {
      await remove(id);
      router.push('/');
    } catch (error) {
      setProblem(sentenceOf(error as { code: string; message: string }));
      setDeleting(false);
    }
  };
  return (
    <>
      <button type="button" className="icon" aria-label="Delete this chat" title="Delete" onClick={() => dialog.current?.showModal()}><Icon name="delete" /></button>
      <dialog ref={dialog} aria-labelledby={title}>
        <h2 id={title}>Delete this chat?</h2>
        <p className="hint">It is deleted for good, on all devices.</p>
        {problem && <p role="alert" className="wrong">{problem}</p>}
        <p className="row">
          <button type="button" className="danger" disabled={isDeleting} onClick={act}>Delete</button>
          <button type="button" onClick={() => dialog.current?.close()}>Keep it</button>
        </p>
      </dialog>
    </>
  );
}
