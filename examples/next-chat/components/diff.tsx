import { exact } from '@/lib/exact';

/** A change of files as `diff -u` writes it. The signs stay: colour alone says nothing to some. */
export function Diff({ text, label }: { text: string; label: string }) {
  return (
    <section className="diff" aria-label={label}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard. */}
      <pre tabIndex={0} dir="ltr">
        {exact(text).split('\n').map((line, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines of a finished text.
          <span key={at} className={kindOf(line)}>{`${line}\n`}</span>
        ))}
      </pre>
    </section>
  );
}

function kindOf(line: string): string | undefined {
  if (/^(?:\+\+\+|---|===|Index:)/.test(line)) return 'head';
  if (line.startsWith('@@')) return 'place';
  if (line.startsWith('+')) return 'added';
  return line.startsWith('-') ? 'removed' : undefined;
}
