'use client';
import Link from 'next/link';
import type { Part } from 'opencode-session';
import { useState } from 'react';
import { exact, fieldsOf, inLine, plain, textOf } from '@/lib/exact';
import { Diff } from './diff';

/** What is shown at once; the rest is one button away. */
const SHOWN = 20_000;
const TITLE = 200;
const STATES: { readonly [status: string]: string } = { pending: 'waiting', running: 'running', completed: 'done', error: 'failed' };
/** Fields that say in a line what a tool does. */
const TITLES = ['description', 'command', 'filePath', 'pattern', 'url'];

/** A tool call: its state in one line, the rest folded below. */
export function ToolPart({ part }: { part: Part }) {
  const state = fieldsOf(part.state);
  const input = fieldsOf(state.input);
  const metadata = fieldsOf(state.metadata);
  const status = textOf(state.status) || 'pending';
  const title = inLine(textOf(state.title) || textOf(TITLES.map((name) => input[name]).find((value) => typeof value === 'string' && value !== '')));
  const child = typeof metadata.sessionId === 'string' && /^ses_\w+$/.test(metadata.sessionId) ? metadata.sessionId : undefined;
  const diff = textOf(metadata.diff);
  // While a command runs, what it printed so far is in the metadata.
  const output = textOf(state.output ?? metadata.output);
  return (
    <details className="fold tool" data-status={status}>
      <summary>
        <span className="tool-name">{inLine(textOf(part.tool) || 'tool')}</span>{' '}
        <span className="tool-title">{title.length > TITLE ? `${title.slice(0, TITLE)}…` : title}</span>{' '}
        <span className="tool-state">{STATES[status] ?? status}</span>
      </summary>
      {diff !== '' && <Diff text={diff} label="Changes" />}
      <Section label="Input" text={exact(inputText(state.input))} />
      <Section label="Output" text={plain(output)} />
      <Section label="Error" text={plain(textOf(state.error))} />
      {child && <p><Link href={`/chat/${child}`}>Open the chat of this task</Link></p>}
    </details>
  );
}

function Section({ label, text }: { label: string; text: string }) {
  const [isWhole, setWhole] = useState(false);
  if (text === '') return null;
  const isCut = !isWhole && text.length > SHOWN;
  return (
    <section className="tool-section" aria-label={label}>
      <p className="label" aria-hidden="true">{label}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard. */}
      <pre tabIndex={0} dir="ltr">{isCut ? text.slice(0, SHOWN) : text}</pre>
      {isCut && <button type="button" onClick={() => setWhole(true)}>Show all {text.length.toLocaleString('en')} characters</button>}
    </section>
  );
}

/** One argument a line, long texts below their names. */
function inputText(input: unknown): string {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return textOf(input);
  return Object.entries(input).map(([name, value]) => {
    const text = textOf(value);
    return text.includes('\n') ? `${name}:\n${text}` : `${name}: ${text}`;
  }).join('\n');
}
