'use client';
import type { Part } from 'opencode-session';
import { memo } from 'react';
import { inLine } from '@/lib/exact';
import { Markdown } from './markdown';
import { ToolPart } from './tool-part';

/** One part of a message. Parts that did not change keep their identity, and are not rendered again. */
export const PartView = memo(function PartView({ part, isPrompt }: { part: Part; isPrompt: boolean }) {
  switch (part.type) {
    case 'text':
      if (part.synthetic || part.ignored) return null;
      return isPrompt ? <p className="prompt-text" dir="auto">{part.text}</p> : <Text part={part} />;
    case 'reasoning':
      return <Reasoning part={part} />;
    case 'tool':
      return <ToolPart part={part} />;
    case 'file':
      return <FilePart part={part} />;
    case 'agent':
      return <p className="note">@{inLine(part.name ?? 'agent')}</p>;
    case 'subtask':
      return <p className="note">A task for another agent</p>;
    case 'compaction':
      return <p className="note">Older messages were summed up to save room.</p>;
    case 'retry':
      return <p className="note">The provider failed and was asked again.</p>;
    default:
      // step-start, step-finish, snapshot, patch, and what newer servers add: nothing for people.
      return null;
  }
});

function Text({ part: { text = '', tail, continuity } }: { part: Part }) {
  return (
    <div className="text" data-continuity={continuity}>
      <Markdown text={text} isGrowing={continuity === 'streaming'} />
      {continuity === 'gapped' && <p className="gap">… some text was missed; it appears when this part ends …</p>}
      {continuity === 'gapped' && tail && <p className="prompt-text">{tail}</p>}
      {continuity === 'interrupted' && <p className="gap">… the answer broke off here</p>}
    </div>
  );
}

function Reasoning({ part }: { part: Part }) {
  const { start, end } = part.time ?? {};
  const seconds = start !== undefined && end !== undefined ? Math.round((end - start) / 1000) : 0;
  const title = part.continuity === 'streaming' ? 'Thinking…' : seconds > 0 ? `Thought for ${seconds} s` : 'Thought';
  return (
    <details className="fold reasoning">
      <summary>{title}</summary>
      <Text part={part} />
    </details>
  );
}

// Only formats that cannot hold a script, and only from the message itself.
const PICTURE = /^data:image\/(?:png|jpeg|gif|webp|avif);base64,/;

function FilePart({ part: { filename, mime, url = '' } }: { part: Part }) {
  const name = inLine(filename ?? mime ?? 'file');
  return (
    <p className="file">
      {/* biome-ignore lint/performance/noImgElement: it is in the message, there is nothing to make smaller. */}
      {PICTURE.test(url) && <img src={url} alt={name} />}
      {url.startsWith('data:') ? <a href={url} download={name}>{name}</a> : name}
    </p>
  );
}
