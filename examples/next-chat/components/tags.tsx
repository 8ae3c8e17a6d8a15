'use client';
import { type FormEvent, useState } from 'react';
import { inLine } from '@/lib/exact';
import { Icon } from './icon';
import { useRows } from './rows';

/** The tags of the open chat, to add to and take from. */
export function Tags({ id }: { id: string }) {
  const { rows, save } = useRows();
  const [isFailed, setFailed] = useState(false);
  const tags = rows?.find((row) => row.id === id)?.tags;
  if (tags === undefined) return null;
  const change = (next: readonly string[]) => {
    setFailed(false);
    save(id, next).catch(() => setFailed(true));
  };
  const add = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const tag = String(new FormData(form).get('tag') ?? '').trim();
    if (tag !== '') change([...new Set([...tags, tag])]);
    form.reset();
  };
  return (
    <div className="own-tags">
      <ul aria-label="Tags">
        {tags.map((tag) => (
          <li key={tag} className="tag">
            {inLine(tag)}
            <button type="button" className="icon" aria-label={`Remove the tag ${inLine(tag)}`} onClick={() => change(tags.filter((each) => each !== tag))}><Icon name="close" /></button>
          </li>
        ))}
      </ul>
      <form onSubmit={add}>
        <input name="tag" maxLength={32} aria-label="Add a tag" placeholder="Add a tag" autoComplete="off" />
      </form>
      {isFailed && <span role="alert" className="wrong">The tags were not saved.</span>}
    </div>
  );
}
