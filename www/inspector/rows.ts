import type { Entry, RecordingFile } from 'opencode-session/recorder';
import type { Scene } from './scene.js';

/** What an entry is, for the choice of what is listed. */
export type Kind = 'requests' | 'stream' | 'page' | 'log' | 'inside';

export const KINDS: Record<Kind, string> = {
  requests: 'Requests and answers',
  stream: 'Stream and events',
  page: 'What the page did',
  log: 'Log',
  inside: 'Timers and redraws',
};

/** One line of the list. */
export interface Row {
  /** Number of the entry. */
  readonly entry: number;
  readonly at: number;
  readonly kind: Kind;
  readonly title: string;
  readonly tone: '' | 'warn' | 'bad';
}

/** All entries as lines. */
export function rowsOf({ entries }: RecordingFile, scene: Scene): Row[] {
  const names = new Map(scene.requests.map((span) => [span.entry, span]));
  const paths = new Map<unknown, string>();
  return entries.map((entry, index) => {
    const number = index + 1;
    const at = scene.times[index] ?? 0;
    if ('out' in entry && entry.out === 'request') paths.set(entry.a[0], names.get(number)?.label ?? '');
    return { entry: number, at, ...told(entry, number, scene, paths) };
  });
}

function told(entry: Entry, number: number, scene: Scene, paths: Map<unknown, string>): Pick<Row, 'kind' | 'title' | 'tone'> {
  if ('log' in entry) return log(entry.log[0], entry.log[1], entry.log[2]);
  if ('end' in entry) return { kind: 'log', title: `the recording ended (${entry.end})`, tone: 'warn' };
  const { a } = entry;
  if ('out' in entry) {
    switch (entry.out) {
      case 'request':
        return { kind: 'requests', title: `→ ${paths.get(a[0])}`, tone: '' };
      case 'openStream':
        return { kind: 'stream', title: `opens the stream ${a[0]}: ${a[1]}`, tone: '' };
      case 'closeStream':
        return { kind: 'stream', title: 'closes the stream', tone: '' };
      case 'log':
        return log(Number(a[0]), String(a[1]), String(a[2]));
      case 'reply':
        return { kind: 'page', title: a[1] === 4 ? 'a call of the page failed' : 'a call of the page is answered', tone: a[1] === 4 ? 'warn' : '' };
      default:
        return { kind: 'inside', title: entry.out === 'arm' ? `sets the timer to ${a[0] ?? 'never'}` : entry.out === 'heard' ? 'tells a list of sessions' : 'has something to draw', tone: '' };
    }
  }
  const trapped = entry.trap === undefined ? '' : ' and traps';
  switch (entry.in) {
    case 'answered':
      return { kind: 'requests', title: `← ${a[1]} ${paths.get(a[0]) ?? ''}${trapped}`, tone: Number(a[1]) >= 400 ? 'bad' : '' };
    case 'failed':
      return { kind: 'requests', title: `← no answer ${paths.get(a[0]) ?? ''}`, tone: 'bad' };
    case 'streamOpened':
      return { kind: 'stream', title: `the stream ${a[0]} answers ${a[1]} ${a[2]}`, tone: a[1] === 200 ? '' : 'bad' };
    case 'streamClosed':
      return { kind: 'stream', title: `the stream ${a[0]} ${a[1] === 0 ? 'ends' : 'breaks'}`, tone: 'bad' };
    case 'streamBytes':
      return { kind: 'stream', title: `${counted(scene.eventsOf.get(number) ?? [])}${trapped}`, tone: trapped ? 'bad' : '' };
    case 'drain':
    case 'timeout':
    case 'journal':
      return { kind: 'inside', title: INSIDE[entry.in] ?? '', tone: trapped ? 'bad' : '' };
    default:
      return { kind: 'page', title: `${entry.in}${trapped}`, tone: trapped ? 'bad' : '' };
  }
}

const INSIDE: Record<string, string> = { drain: 'the page draws', timeout: 'the timer fires', journal: 'the journal is written' };

function log(level: number, code: string, message: string): Pick<Row, 'kind' | 'title' | 'tone'> {
  return { kind: 'log', title: `${code}: ${message}`, tone: level >= 3 ? 'bad' : level === 2 ? 'warn' : '' };
}

/** `message.part.delta ×3, session.idle`. */
function counted(types: readonly string[]): string {
  if (types.length === 0) return 'a piece of an event';
  const counts = new Map<string, number>();
  for (const type of types) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].map(([type, count]) => (count === 1 ? type : `${type} ×${count}`)).join(', ');
}
