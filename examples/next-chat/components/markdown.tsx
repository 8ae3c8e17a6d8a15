'use client';
import { type ComponentProps, memo, useDeferredValue, useMemo, useRef, useState } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import rehypeHighlight from 'rehype-highlight';
import remarkGfm from 'remark-gfm';
import { blocksOf } from '@/lib/blocks';

/** A code block that still grows is not highlighted beyond so many characters: all of it would be, with every word. */
const GROWING = 4_000;
/** How long a button says that it did something, milliseconds. */
const SAID = 2_000;

const GFM = [remarkGfm];
const HIGHLIGHT = [rehypeHighlight];
const NONE: [] = [];

/** Markdown that a model wrote: nothing in it can run, load or look like a part of the page. HTML is shown as text. */
export const Markdown = memo(function Markdown({ text, isGrowing }: { text: string; isGrowing: boolean }) {
  const shown = useDeferredValue(text);
  const blocks = useMemo(() => blocksOf(shown), [shown]);
  return (
    <div className="markdown">
      {/* Blocks only come at the end: the place is what a block is known by. */}
      {/* biome-ignore lint/suspicious/noArrayIndexKey: see above. */}
      {blocks.map((block, at) => <Block key={at} text={block} isGrowing={isGrowing && at === blocks.length - 1} />)}
    </div>
  );
});

const Block = memo(function Block({ text, isGrowing }: { text: string; isGrowing: boolean }) {
  const isPlain = isGrowing && text.length > GROWING;
  return <ReactMarkdown remarkPlugins={GFM} rehypePlugins={isPlain ? NONE : HIGHLIGHT} urlTransform={safe} components={COMPONENTS}>{text}</ReactMarkdown>;
});

/** Addresses that a link may lead to. All others are no link. */
function safe(url: string): string | undefined {
  return /^(?:https?:\/\/|mailto:)/i.test(url) && URL.canParse(url) ? url : undefined;
}

function Anchor({ href, children }: { href?: string | undefined; children?: ComponentProps<'a'>['children'] }) {
  if (!href) return <span>{children}</span>;
  return <a href={href} target="_blank" rel="noopener noreferrer nofollow">{children}</a>;
}

/** Headings of a message are below that of the message. */
const COMPONENTS: Components = {
  a: ({ href, children }) => <Anchor href={href}>{children}</Anchor>,
  // A picture from somewhere would tell its host who reads.
  img: ({ src, alt }) => <Anchor href={typeof src === 'string' ? src : undefined}>{alt || 'Picture'}</Anchor>,
  h1: ({ children }) => <h3>{children}</h3>,
  h2: ({ children }) => <h4>{children}</h4>,
  h3: ({ children }) => <h5>{children}</h5>,
  h4: ({ children }) => <h6>{children}</h6>,
  h5: ({ children }) => <h6>{children}</h6>,
  h6: ({ children }) => <h6>{children}</h6>,
  input: ({ checked }) => <input type="checkbox" checked={checked === true} readOnly disabled aria-label={checked === true ? 'Done' : 'To do'} />,
  // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard.
  table: ({ children }) => <section className="table" aria-label="Table" tabIndex={0}><table>{children}</table></section>,
  pre: ({ children }) => <CodeBlock>{children}</CodeBlock>,
};

function CodeBlock({ children }: { children?: ComponentProps<'pre'>['children'] }) {
  const code = useRef<HTMLPreElement>(null);
  const [said, setSaid] = useState('Copy');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code.current?.textContent ?? '');
      setSaid('Copied');
    } catch {
      // Without TLS, or where the person said no.
      setSaid('Could not copy');
    }
    setTimeout(() => setSaid('Copy'), SAID);
  };
  return (
    <div className="code">
      <button type="button" className="copy" onClick={copy} aria-live="polite">{said}</button>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard. */}
      <pre ref={code} tabIndex={0} dir="ltr">{children}</pre>
    </div>
  );
}
