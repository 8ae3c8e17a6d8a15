import type { ConnectionState } from 'opencode-session';

const LABELS: { readonly [phase in ConnectionState['phase']]: string } = {
  connecting: 'Connecting',
  syncing: 'Catching up',
  live: 'Live',
  polling: 'Polling',
  waiting: 'Disconnected',
  offline: 'Offline',
  closed: 'Disconnected',
};

export function Connection({ phase, seconds, reconnect }: { phase: ConnectionState['phase']; seconds: number | undefined; reconnect: (() => void) | undefined }) {
  const isWaiting = phase === 'waiting' || phase === 'offline';
  return (
    <div className="connection" data-phase={phase}>
      <span className="dot" aria-hidden="true" />
      <span role="status">{LABELS[phase]}</span>
      {/* Not read out: it changes each second. */}
      {isWaiting && seconds !== undefined && <span aria-hidden="true">next try in {seconds} s</span>}
      {isWaiting && reconnect && <button type="button" onClick={reconnect}>Try now</button>}
    </div>
  );
}
