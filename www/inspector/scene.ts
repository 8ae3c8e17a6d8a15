import type { Bytes, CallEntry, OutputEntry, RecordingFile, Replay } from 'opencode-session/recorder';
import type { Message, SessionState } from 'opencode-session';
import { Frames } from './frames.js';

/** A stretch of time; without `to` it goes on at the end of the recording. Times are milliseconds since the beginning. */
export interface Span {
  readonly label: string;
  readonly from: number;
  to?: number;
  /** Entry that began it. */
  readonly entry: number;
  /** How it ended, in a word. */
  how?: string;
  isBad?: boolean;
}

/** Something at one time. */
export interface Tick {
  readonly at: number;
  readonly label: string;
  readonly entry: number;
}

/** A log entry. */
export interface Mark extends Tick {
  readonly level: number;
}

/** How much is shown. */
interface Size {
  readonly characters: number;
  readonly gapped: boolean;
}

/** What a recording shows on a time line. */
export class Scene {
  readonly start: number;
  readonly end: number;
  readonly streams: Span[] = [];
  readonly requests: Span[] = [];
  readonly phases: Span[] = [];
  readonly gaps: Span[] = [];
  readonly events: Tick[] = [];
  readonly logs: Mark[] = [];
  /** Characters that were shown, over time. */
  readonly growth: [at: number, characters: number][] = [];
  /** When each entry was, by its number less one. */
  readonly times: number[] = [];
  /** Events that each piece of a stream ended, by the number of the entry. */
  readonly eventsOf = new Map<number, readonly string[]>();
  private readonly open = new Map<unknown, Span>();
  private readonly frames = new Map<unknown, Frames>();
  private stream: Span | undefined;
  private readonly sizes = new WeakMap<Message, Size>();
  private readonly shown = new Map<string, Size>();

  constructor({ header, entries }: RecordingFile) {
    const first = entries.find((entry) => 't' in entry);
    this.start = first && 't' in first ? first.t : header.started;
    let now = 0;
    entries.forEach((entry, index) => {
      if ('t' in entry) now = Math.max(now, entry.t - this.start);
      this.times.push(now);
      const number = index + 1;
      if ('in' in entry) this.came(entry, number, now);
      else if ('out' in entry) this.went(entry, number, now);
      else if ('log' in entry) this.logs.push({ at: now, level: entry.log[0], label: `${entry.log[1]}: ${entry.log[2]}`, entry: number });
    });
    this.end = Math.max(1, now);
  }

  /** A state that the page had. Told in order. */
  had(state: SessionState, entry: number, session: string): void {
    const at = this.times[Math.max(0, entry - 1)] ?? 0;
    const { phase, source } = state.connection;
    const label = `${phase} (${source})`;
    const last = this.phases.at(-1);
    if (last?.label !== label) {
      if (last) last.to = at;
      this.phases.push({ label, from: at, entry, how: phase });
    }
    let characters = 0;
    let gapped = false;
    for (const message of state.messages) {
      // Unchanged messages are the same objects.
      const known = this.sizes.get(message) ?? measure(message);
      this.sizes.set(message, known);
      characters += known.characters;
      gapped ||= known.gapped;
    }
    this.shown.set(session, { characters, gapped });
    const all = [...this.shown.values()];
    const total = all.reduce((sum, each) => sum + each.characters, 0);
    if (this.growth.at(-1)?.[1] !== total) this.growth.push([at, total]);
    this.gap(all.some((each) => each.gapped), at, entry);
  }

  private gap(gapped: boolean, at: number, entry: number): void {
    const last = this.gaps.at(-1);
    const open = last !== undefined && last.to === undefined;
    if (gapped && !open) this.gaps.push({ label: 'text is missing', from: at, entry });
    if (!gapped && open) last.to = at;
  }

  private came({ in: name, a }: CallEntry, entry: number, at: number): void {
    switch (name) {
      case 'answered': {
        const status = Number(a[1]);
        return this.ends(a[0], at, String(status), status >= 400);
      }
      case 'failed':
        return this.ends(a[0], at, FAILURES[Number(a[1])] ?? 'failed', true);
      case 'streamOpened':
        if (this.stream && Number(a[1]) !== 200) Object.assign(this.stream, { how: String(a[1]), isBad: true });
        return;
      case 'streamClosed':
        return this.endStream(at, Number(a[1]) === 0 ? 'ended' : (FAILURES[Number(a[1])] ?? 'broke'), Number(a[1]) !== 0);
      case 'streamBytes': {
        const frames = this.frames.get(a[0]) ?? new Frames();
        this.frames.set(a[0], frames);
        const types = frames.feed(a[1] as Bytes);
        if (types.length > 0) this.eventsOf.set(entry, types);
        for (const label of types) this.events.push({ at, label, entry });
      }
    }
  }

  private went({ out, a }: OutputEntry, entry: number, at: number): void {
    switch (out) {
      case 'request': {
        const span: Span = { label: `${String(a[1])} ${String(a[2])}`, from: at, entry };
        this.open.set(a[0], span);
        this.requests.push(span);
        return;
      }
      case 'openStream':
        this.endStream(at, 'replaced', false);
        this.stream = { label: `${WAYS[Number(a[2])] ?? ''}${String(a[1])}`, from: at, entry };
        this.streams.push(this.stream);
        return;
      case 'closeStream':
        return this.endStream(at, 'closed here', false);
      case 'log':
        this.logs.push({ at, level: Number(a[0]), label: `${String(a[1])}: ${String(a[2])}`, entry });
    }
  }

  private ends(id: unknown, at: number, how: string, isBad: boolean): void {
    const span = this.open.get(id);
    if (span) Object.assign(span, { to: at, how, isBad });
    this.open.delete(id);
  }

  private endStream(at: number, how: string, isBad: boolean): void {
    if (this.stream) Object.assign(this.stream, { to: at, how: this.stream.how ?? how, isBad: this.stream.isBad ?? isBad });
    this.stream = undefined;
  }
}

function measure({ parts }: Message): Size {
  return {
    characters: parts.reduce((sum, { text, tail }) => sum + (text?.length ?? 0) + (tail?.length ?? 0), 0),
    gapped: parts.some(({ continuity }) => continuity === 'gapped'),
  };
}

/** How a replay went, in words; bad news first. */
export function verdict({ diverged, ended, trapped, build }: Replay, cut: boolean): { text: string; tone: '' | 'warn' | 'bad' }[] {
  const said: { text: string; tone: '' | 'warn' | 'bad' }[] = [];
  if (diverged) said.push({ text: `It diverged at entry ${diverged.entry}: recorded was ${diverged.expected}; now came ${diverged.got}.`, tone: 'bad' });
  else said.push({ text: 'Played again: all went as recorded.', tone: '' });
  if (trapped !== undefined) said.push({ text: `The core ended in a trap at entry ${trapped}, as recorded.`, tone: 'bad' });
  if (build.recorded !== build.here) said.push({ text: `It was made by ${build.recorded}; this page plays it with ${build.here}, which may go another way.`, tone: 'warn' });
  if (ended === 'limit') said.push({ text: 'The recording ended when it was full: what came later is not in it.', tone: 'warn' });
  if (cut) said.push({ text: 'The last line of the file is cut off; it is left out.', tone: 'warn' });
  return said;
}

const FAILURES = ['', 'no connection', 'no answer in time', 'no credentials', 'no keeper'];
const WAYS = ['', 'EventSource ', 'keeper '];
