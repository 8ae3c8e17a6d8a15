'use client';
import { type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Icon } from './icon';

/** So close to the end counts as being there, pixels. */
const NEAR = 48;

interface ScrollerProps {
  readonly hasOlder: boolean;
  readonly loadOlder: () => Promise<boolean>;
  /** Keys of the first and the last message. */
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly children: ReactNode;
}

/** Stays at the end while the reader is there, and keeps their place when they are not. */
export function Scroller({ hasOlder, loadOlder, first, last, children }: ScrollerProps) {
  const log = useRef<HTMLElement>(null);
  const column = useRef<HTMLDivElement>(null);
  const fromEnd = useRef(0);
  const isPinned = useRef(true);
  const [isAway, setAway] = useState(false);
  const [isLoading, setLoading] = useState(false);
  const [isFailed, setFailed] = useState(false);
  const toEnd = useCallback(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, []);
  const onScroll = () => {
    if (!log.current) return;
    const { scrollHeight, scrollTop, clientHeight } = log.current;
    fromEnd.current = scrollHeight - scrollTop;
    isPinned.current = scrollHeight - scrollTop - clientHeight < NEAR;
    setAway(!isPinned.current);
  };
  useEffect(() => {
    const sizes = new ResizeObserver(() => isPinned.current && toEnd());
    if (log.current) sizes.observe(log.current);
    if (column.current) sizes.observe(column.current);
    return () => sizes.disconnect();
  }, [toEnd]);
  // Older messages came above: what is read stays where it is.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the first message is the reason.
  useLayoutEffect(() => {
    if (log.current && !isPinned.current) log.current.scrollTop = log.current.scrollHeight - fromEnd.current;
  }, [first]);
  // A message of one's own is looked at.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the last message is the reason.
  useLayoutEffect(() => {
    if (isPinned.current) toEnd();
  }, [last]);
  const older = async () => {
    isPinned.current = false;
    setLoading(true);
    setFailed(false);
    await loadOlder().catch(() => setFailed(true));
    setLoading(false);
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard.
    <section ref={log} id="log" className="log" aria-label="Messages" tabIndex={0} onScroll={onScroll}>
      <div ref={column} className="column">
        {hasOlder && <p className="older"><button type="button" disabled={isLoading} onClick={older}>Show older messages</button></p>}
        {isFailed && <p role="alert" className="wrong">The older messages could not be loaded.</p>}
        {children}
      </div>
      {isAway && <button type="button" className="icon to-end" aria-label="Go to the newest message" onClick={toEnd}><Icon name="down" /></button>}
    </section>
  );
}
